// ARP for IPv4 over Ethernet, RFC 826.
//
//   | Hardware type (1)             | Protocol type (0x0800)        |
//   | 6             | 4             | Operation                     |
//   | Sender hardware address (6), sender protocol address (4)      |
//   | Target hardware address (6), target protocol address (4)      |

import { rd16, rd32, wr16, wr32 } from './bytes.ts';
import { ETHERTYPE_IP4 } from './ether.ts';

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
const HARDWARE_ETHERNET = 1;

/** True for ARP of the one kind we know, whole; only then are the fields below read. */
export function checkArp(b: Uint8Array, o: number, length: number): boolean {
  return (
    length >= ARP_LENGTH &&
    rd16(b, o) === HARDWARE_ETHERNET &&
    rd16(b, o + 2) === ETHERTYPE_IP4 &&
    b[o + 4] === 6 &&
    b[o + 5] === 4
  );
}

export function arpOperation(b: Uint8Array, o: number): number {
  return rd16(b, o + 6);
}

export function arpSenderHigh(b: Uint8Array, o: number): number {
  return rd16(b, o + 8);
}

export function arpSenderLow(b: Uint8Array, o: number): number {
  return rd32(b, o + 10);
}

/** The sender's IPv4 address, int32. */
export function arpSender(b: Uint8Array, o: number): number {
  return rd32(b, o + 14);
}

/** The target's IPv4 address, int32. */
export function arpTarget(b: Uint8Array, o: number): number {
  return rd32(b, o + 24);
}

export function writeArp(
  b: Uint8Array,
  o: number,
  operation: number,
  senderHigh: number,
  senderLow: number,
  sender: number,
  targetHigh: number,
  targetLow: number,
  target: number,
): void {
  wr16(b, o, HARDWARE_ETHERNET);
  wr16(b, o + 2, ETHERTYPE_IP4);
  b[o + 4] = 6;
  b[o + 5] = 4;
  wr16(b, o + 6, operation);
  wr16(b, o + 8, senderHigh);
  wr32(b, o + 10, senderLow);
  wr32(b, o + 14, sender);
  wr16(b, o + 18, targetHigh);
  wr32(b, o + 20, targetLow);
  wr32(b, o + 24, target);
}
