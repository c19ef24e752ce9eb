// Ethernet and ARP frames for tests of the stack (RFC 894, RFC 826), from the hot face of the wire; and frames read back.

import { assert } from '../base/assert.ts';
import { formatIp4 } from '../wire/address.ts';
import * as arp from '../wire/arp.ts';
import { rd32, wr16 } from '../wire/bytes.ts';
import * as ether from '../wire/ether.ts';
import { ip, PEER, US } from './frames.ts';

export const OUR_STATION = '02:00:00:00:00:02';
export const PEER_STATION = '02:00:00:00:00:01';
/** What a request puts where an answer is to stand. */
export const NOBODY = '00:00:00:00:00:00';
export const ALL_STATIONS = 'ff:ff:ff:ff:ff:ff';

export interface EtherFields {
  readonly to?: string;
  readonly from?: string;
  readonly type?: number;
}

/** A frame from the peer to us around a payload, IPv4 unless `type` says otherwise. */
export function etherFrame(fields: EtherFields, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ether.ETHER_HEADER + payload.length);
  const { to = OUR_STATION, from = PEER_STATION, type = ether.ETHERTYPE_IP4 } = fields;
  ether.writeEther(frame, 0, ...station(to), ...station(from), type);
  frame.set(payload, ether.ETHER_HEADER);
  return frame;
}

export interface ArpFields {
  /** Of the frame: everybody for a request, us for a reply; the sender's station. */
  readonly to?: string;
  readonly from?: string;
  readonly operation?: number;
  readonly station?: string;
  readonly sender?: string;
  readonly targetStation?: string;
  readonly target?: string;
  /** Octets of the fixed part that are to be wrong: [offset, value of 16 bits]. */
  readonly wrong?: readonly [offset: number, value: number];
  /** Octets behind the packet: padding to Ethernet's least. */
  readonly padding?: number;
}

/** A request of the peer's for our address, unless the fields say otherwise. */
export function arpFrame(fields: ArpFields = {}): Uint8Array {
  const { operation = arp.ARP_REQUEST, station: own = PEER_STATION, sender = PEER, target = US } = fields;
  const request = operation === arp.ARP_REQUEST;
  const { to = request ? ALL_STATIONS : OUR_STATION, from = own, padding = 18 } = fields;
  const { targetStation = request ? NOBODY : OUR_STATION } = fields;
  const b = new Uint8Array(arp.ARP_LENGTH + padding);
  arp.writeArp(b, 0, operation, ...station(own), ip(sender), ...station(targetStation), ip(target));
  if (fields.wrong !== undefined) wr16(b, fields.wrong[0], fields.wrong[1]);
  return etherFrame({ to, from, type: ether.ETHERTYPE_ARP }, b);
}

export interface ReadArp {
  readonly operation: number;
  readonly station: string;
  readonly sender: string;
  readonly targetStation: string;
  readonly target: string;
}

export interface ReadEther {
  readonly to: string;
  readonly from: string;
  readonly type: number;
  /** Of an ARP frame. */
  readonly arp: ReadArp | undefined;
  /** Behind the Ethernet header. */
  readonly payload: Uint8Array;
}

/** Reads a transmitted frame, and fails when our own checks do not pass it. */
export function readEther(frame: Uint8Array): ReadEther {
  const type = ether.etherType(frame, 0);
  const payload = frame.slice(ether.ETHER_HEADER);
  const isArp = type === ether.ETHERTYPE_ARP;
  if (isArp) assert(arp.checkArp(payload, 0, payload.length), 'ARP that is sent passes our own check');
  return {
    to: ether.formatEther(ether.etherDestinationHigh(frame, 0), ether.etherDestinationLow(frame, 0)),
    from: ether.formatEther(ether.etherSourceHigh(frame, 0), ether.etherSourceLow(frame, 0)),
    type,
    arp: isArp ? readArp(payload) : undefined,
    payload,
  };
}

function readArp(b: Uint8Array): ReadArp {
  return {
    operation: arp.arpOperation(b, 0),
    station: ether.formatEther(arp.arpSenderHigh(b, 0), arp.arpSenderLow(b, 0)),
    sender: formatIp4(arp.arpSender(b, 0)),
    targetStation: ether.formatEther((b[18] << 8) | b[19], rd32(b, 20)),
    target: formatIp4(arp.arpTarget(b, 0)),
  };
}

function station(text: string): readonly [high: number, low: number] {
  const address = ether.parseEther(text);
  assert(address !== undefined, 'a station address');
  return address as readonly [number, number];
}
