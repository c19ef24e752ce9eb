// Bad Ethernet frames by class, seeded: ARP that lies or makes no sense (RFC 826), frames that are none (RFC 894, RFC 1122 2.3).

import type { Prng } from '@tunstack/stack/base';
import { craftArp, craftFrame, craftUdp } from '@tunstack/stack/craft';
import { ends, type FrameGenerator, GOOD_FRAMES, pick, some, type Target } from './good-frames.ts';

const ETHERTYPE_ARP = 0x0806;
const ALL_STATIONS = 'ff:ff:ff:ff:ff:ff';
const RIVAL = '02:00:00:00:00:66';
const OCTETS_OF_FRAME_HEADER = 14;

/** Who stands where. */
export interface EthernetTarget extends Target {
  /** Our station address, and the peer's: '02:00:00:00:00:02'. */
  readonly station: string;
  readonly peerStation: string;
}

/** Makes one Ethernet frame. */
export type EthernetFrameGenerator = (prng: Prng, target: EthernetTarget) => Uint8Array;

/** An IPv4 datagram as the peer would send it to us over Ethernet. */
export function inEthernet(target: EthernetTarget, datagram: Uint8Array): Uint8Array {
  return craftFrame({ destination: target.station, source: target.peerStation, payload: datagram });
}

// ARP

interface Saying {
  readonly operation?: number;
  readonly station: string;
  readonly sender: number;
  readonly target: number;
  /** Of the frame: all of them. */
  readonly to?: string;
}

function arp({ to = ALL_STATIONS, station, ...said }: Saying): Uint8Array {
  const payload = new Uint8Array(46);
  payload.set(craftArp({ senderStation: station, ...said }));
  return craftFrame({ destination: to, source: station, type: ETHERTYPE_ARP, payload });
}

/** Someone in the network of the target whom nobody knows. */
const stranger = (prng: Prng, target: Target): number => (target.address & ~255) | (20 + prng.below(200));

/** Wrong hardware or protocol type, wrong lengths of addresses, cut short. */
const badArp: EthernetFrameGenerator = (prng, target) => {
  const { station, address } = target;
  const frame = arp({ station: target.peerStation, sender: stranger(prng, target), target: address });
  const fixed = OCTETS_OF_FRAME_HEADER + prng.below(6);
  if (prng.chance(0.2)) return frame.slice(0, OCTETS_OF_FRAME_HEADER + prng.below(28));
  frame[fixed] ^= 1 + prng.below(255);
  return prng.chance(0.5) ? frame : replaceDestination(frame, station);
};

function replaceDestination(frame: Uint8Array, station: string): Uint8Array {
  for (const [i, octet] of station.split(':').entries()) frame[i] = Number.parseInt(octet, 16);
  return frame;
}

/** Operations that are neither request nor reply. */
const badArpOperation: EthernetFrameGenerator = (prng, target) =>
  arp({
    operation: pick(prng, [0, 3, 4, 8, 9, 255, 65_535]),
    station: target.peerStation,
    sender: stranger(prng, target),
    target: target.address,
  });

/** Senders that no station can be: a broadcast, a group, loopback; a group's station address. */
const badArpSender: EthernetFrameGenerator = (prng, target) =>
  arp({
    station: target.peerStation,
    sender: pick(prng, [-1, target.broadcast, 0xe000_0001, 0x7f00_0001]),
    target: target.address,
  });

/** Another station that says it has our address. */
const arpConflict: EthernetFrameGenerator = (prng, target) =>
  arp({
    operation: 1 + prng.below(2),
    station: RIVAL,
    sender: target.address,
    target: pick(prng, [target.address, target.peer, stranger(prng, target)]),
  });

/** Announcements of strangers, and replies that nobody asked for. */
const gratuitousArp: EthernetFrameGenerator = (prng, target) => {
  const sender = stranger(prng, target);
  const reply = prng.chance(0.5);
  return arp({
    operation: reply ? 2 : 1,
    station: RIVAL,
    sender,
    target: reply ? target.address : sender,
    to: reply ? target.station : ALL_STATIONS,
  });
};

/** Ever new senders that ask for us: the merge rule makes a neighbour of each. */
const arpSenders: EthernetFrameGenerator = (prng, target) =>
  arp({
    station: target.peerStation,
    sender: 0x0a40_0000 + prng.below(1 << 20),
    target: target.address,
    to: target.station,
  });

// Frames

/** Shorter than its own header, or than the header of what is in it. */
const etherRunt: EthernetFrameGenerator = (prng, target) =>
  inEthernet(target, GOOD_FRAMES.echoRequest(prng, target)).slice(0, prng.below(34));

/** Octets behind the datagram: checksums must not see them. */
const etherPadding: EthernetFrameGenerator = (prng, target) => {
  const datagram = craftUdp({
    ...ends(target),
    sourcePort: 9,
    destinationPort: target.closedPort,
    payload: some(prng, 17),
  });
  const padded = new Uint8Array(datagram.length + 1 + prng.below(60)).fill(prng.below(256));
  padded.set(datagram);
  return inEthernet(target, padded);
};

/** A VLAN tag, one or two. */
const vlanTag: EthernetFrameGenerator = (prng, target) =>
  craftFrame({
    destination: target.station,
    source: target.peerStation,
    type: pick(prng, [0x8100, 0x88a8]),
    payload: Uint8Array.of(prng.below(16), prng.below(256), 8, 0, ...GOOD_FRAMES.echoRequest(prng, target)),
  });

/** IEEE 802.3 with a length where the type stands. */
const lengthFrame: EthernetFrameGenerator = (prng, target) =>
  craftFrame({
    destination: target.station,
    source: target.peerStation,
    type: prng.below(0x600),
    payload: GOOD_FRAMES.echoRequest(prng, target),
  });

/** For another station, from a group's address, of a type that nobody knows. */
const strangeFrame: EthernetFrameGenerator = (prng, target) => {
  const fields = { destination: target.station, source: target.peerStation, type: 0x0800 };
  const odd = pick(prng, [
    { destination: '02:00:00:00:00:03' },
    { source: '03:00:00:00:00:01' },
    { source: ALL_STATIONS },
    { source: '00:00:00:00:00:00' },
    { type: 0x0601 + prng.below(0x100) },
  ]);
  return craftFrame({ ...fields, ...odd, payload: GOOD_FRAMES.echoRequest(prng, target) });
};

/** A datagram for one host in a frame for all stations (RFC 1122 3.3.6). */
const oneForAll: EthernetFrameGenerator = (prng, target) =>
  craftFrame({
    destination: ALL_STATIONS,
    source: target.peerStation,
    payload: pick<FrameGenerator>(prng, [GOOD_FRAMES.echoRequest, GOOD_FRAMES.udpToOpenPort])(prng, target),
  });

/** Longer than the MTU: what we send has that limit, what we take has none. */
const jumbo: EthernetFrameGenerator = (prng, target) =>
  inEthernet(
    target,
    craftUdp({
      ...ends(target),
      sourcePort: 9,
      destinationPort: target.closedPort,
      payload: some(prng, 3000, 1501),
    }),
  );

/** The classes of bad Ethernet frames. */
export type BadEthernetFrame =
  | 'badArp'
  | 'badArpOperation'
  | 'badArpSender'
  | 'arpConflict'
  | 'gratuitousArp'
  | 'arpSenders'
  | 'etherRunt'
  | 'etherPadding'
  | 'vlanTag'
  | 'lengthFrame'
  | 'strangeFrame'
  | 'oneForAll'
  | 'jumbo';

/** All of them by name. */
export const BAD_ETHERNET_FRAMES: Readonly<Record<BadEthernetFrame, EthernetFrameGenerator>> = {
  badArp,
  badArpOperation,
  badArpSender,
  arpConflict,
  gratuitousArp,
  arpSenders,
  etherRunt,
  etherPadding,
  vlanTag,
  lengthFrame,
  strangeFrame,
  oneForAll,
  jumbo,
};
