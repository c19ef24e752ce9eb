// Which classes of bad frames each row of the register of hostile input is: one source for the laws and for what is replayed.

import type { Prng } from '@tunstack/stack/base';
import {
  BAD_ETHERNET_FRAMES,
  type BadEthernetFrame,
  type EthernetTarget,
  inEthernet,
} from './bad-ethernet.ts';
import { BAD_FRAMES, type BadFrame } from './bad-frames.ts';

/** Classes of datagrams, by the number of the row. */
export const HOSTILE_DATAGRAMS: Readonly<Record<number, readonly BadFrame[]>> = {
  1: ['pingOfDeath'],
  2: ['teardrop'],
  3: ['fragmentFlood'],
  4: ['nestedFragment'],
  5: ['tinyFragment'],
  6: ['raggedFragment'],
  7: ['emptyFragment'],
  8: ['badHeaderLength', 'badTotalLength'],
  9: ['badOptions'],
  10: ['badChecksum', 'badTcpChecksum'],
  11: ['land', 'landTcp'],
  12: ['martian', 'tcpToMany'],
  13: ['smurf'],
  14: ['badQuote'],
  15: ['fragmentationNeeded'],
  17: ['redirect'],
  18: ['badTcpOffset'],
  19: ['badTcpOptions'],
  20: ['oddSyn'],
  35: ['strayUrgent'],
  36: ['flagScan'],
  41: ['badUdp'],
  46: ['otherProtocol'],
  47: ['runt', 'ipv6'],
};

/** The same of Ethernet frames. */
export const HOSTILE_ETHERNET: Readonly<Record<number, readonly BadEthernetFrame[]>> = {
  42: ['badArp', 'badArpOperation', 'badArpSender', 'arpConflict', 'gratuitousArp', 'arpSenders'],
  43: ['etherRunt', 'etherPadding', 'vlanTag', 'lengthFrame', 'strangeFrame', 'oneForAll', 'jumbo'],
};

/**
 * One Ethernet frame of every class of every row, in the order of rows: `rounds` times over, that is a capture to replay.
 *
 * @example
 * const frames = Array.from({ length: rounds }, () => hostileRound(prng, target)).flat();
 */
export function hostileRound(prng: Prng, target: EthernetTarget): Uint8Array[] {
  const datagrams = Object.values(HOSTILE_DATAGRAMS)
    .flat()
    .map((name) => inEthernet(target, BAD_FRAMES[name](prng, target)));
  const frames = Object.values(HOSTILE_ETHERNET)
    .flat()
    .map((name) => BAD_ETHERNET_FRAMES[name](prng, target));
  return [...datagrams, ...frames];
}
