// Bad frames by class, seeded: what the CVEs of other stacks were made of, for IPv4, ICMP, UDP and TCP. Each generator makes
// one frame that a stack must survive: no exception, no hang, bounded memory, a counter, at most one answer.

import type { Prng } from '@tunstack/stack/base';
import { craftIcmp, craftIcmpEcho, craftIcmpError, craftIpv4, craftUdp } from '@tunstack/stack/craft';
import { setIpv4Checksum } from '@tunstack/stack/wire';
import {
  ends,
  type FrameGenerator,
  GOOD_FRAMES,
  pick,
  port,
  sentByConnected,
  sentByEcho,
  some,
  type Target,
} from './good-frames.ts';
import { BAD_TCP_FRAMES, type BadTcpFrame } from './tcp-bad-frames.ts';

/** An octet changed, the packet made longer or shorter. */
function resized(frame: Uint8Array, length: number): Uint8Array {
  const other = new Uint8Array(length);
  other.set(frame.subarray(0, length));
  return other;
}

// Fragments

function fragment(
  prng: Prng,
  target: Target,
  fragmentOffset: number,
  mf: boolean,
  payload: Uint8Array,
): Uint8Array {
  const protocol = pick(prng, [1, 6, 17]);
  return craftIpv4({
    ...ends(target),
    id: prng.below(4),
    fragmentOffset,
    // At offset 0 without more to come it would be no fragment.
    mf: mf || fragmentOffset === 0,
    protocol,
    payload,
  });
}

/** Ping of death: the fragment ends beyond 65,535. */
const pingOfDeath: FrameGenerator = (prng, target) =>
  fragment(prng, target, 65_528 - 8 * prng.below(4), prng.chance(0.5), some(prng, 1400, 64));

/** Teardrop: fragments that lie inside or across each other. */
const teardrop: FrameGenerator = (prng, target) =>
  fragment(prng, target, 8 * prng.below(5), prng.chance(0.5), some(prng, 64, 8));

/** FragmentSmack: first and middle fragments without end. */
const fragmentFlood: FrameGenerator = (prng, target) => {
  const [fragmentOffset, payload] = [8 * prng.below(8000), some(prng, 64, 8)];
  return craftIpv4({ ...ends(target), id: port(prng), mf: true, fragmentOffset, protocol: 17, payload });
};

/** Fragments of eight octets, duplicates with other octets. */
const nestedFragment: FrameGenerator = (prng, target) =>
  fragment(prng, target, 8 * prng.below(3), true, some(prng, 8, 8));

/** A transport header split over fragments (RFC 1858). */
const tinyFragment: FrameGenerator = (prng, target) =>
  fragment(prng, target, 8 * prng.below(2), prng.chance(0.8), some(prng, 8));

/** More fragments to come, and a length that is no multiple of 8. */
const raggedFragment: FrameGenerator = (prng, target) =>
  fragment(prng, target, 8 * prng.below(100), true, some(prng, 7, 1));

/** A fragment of nothing. */
const emptyFragment: FrameGenerator = (prng, target) =>
  fragment(prng, target, 8 * prng.below(3), true, new Uint8Array(0));

/** Parts of good datagrams, a few of which are on their way at a time; now and then ECN bits that do not fit together. */
const looseFragment: FrameGenerator = (prng, target) => {
  const id = 100 + prng.below(6);
  const whole = craftUdp({
    ...ends(target),
    sourcePort: 1000 + id,
    destinationPort: target.openPort,
    payload: new Uint8Array(200 + 150 * (id - 100)).fill(id),
  }).subarray(20);
  const half = (whole.length >> 4) << 3;
  const first = prng.chance(0.5);
  return craftIpv4({
    ...ends(target),
    id,
    tos: prng.chance(0.1) ? prng.below(4) : 0,
    mf: first,
    fragmentOffset: first ? 0 : half,
    protocol: 17,
    payload: first ? whole.slice(0, half) : whole.slice(half),
  });
};

// Headers

/** Version and header length that cannot be, or that reach beyond the packet. */
const badHeaderLength: FrameGenerator = (prng, target) => {
  const frame = GOOD_FRAMES.echoRequest(prng, target);
  frame[0] = pick(prng, [0x40, 0x41, 0x42, 0x43, 0x44, 0x4f, 0x55, 0x65, 0x05, 0xf5]);
  // The checksum is right over what the length says, as far as it covers itself.
  if ((frame[0] & 15) >= 3) setIpv4Checksum(frame, 0);
  return frame[0] === 0x4f || prng.chance(0.3) ? frame.slice(0, 20 + prng.below(40)) : frame;
};

/** A total length below the header, or beyond the packet. */
const badTotalLength: FrameGenerator = (prng, target) =>
  craftIpv4({
    ...ends(target),
    protocol: 17,
    payload: some(prng, 40, 8),
    totalLength: pick(prng, [0, 1, 19, 61, 1500, 65_535]),
  });

/** Options of length 0, 1 or past the end, source routes, forty octets of nothing. */
const badOptions: FrameGenerator = (prng, target) => {
  const options = pick(prng, [
    Uint8Array.of(7, 0, 4, 0),
    Uint8Array.of(7, 1, 4, 0),
    Uint8Array.of(1, 1, 1, 68),
    Uint8Array.of(7, 40, 4, 0),
    new Uint8Array(40).fill(1),
    Uint8Array.of(7, 39, 40, ...new Array<number>(37).fill(9)),
    Uint8Array.of(131, 7, 4, 10, 0, 0, 9, 0),
    Uint8Array.of(137, 7, 4, 10, 0, 0, 9, 0),
    Uint8Array.of(131, 3, 4, 0),
    Uint8Array.of(148, 4, 0, 0),
    some(prng, 40, 1),
  ]);
  return craftIcmp({ ...ends(target), type: 8, id: 1, payload: some(prng, 20), ip: { options } });
};

/** A wrong checksum, of IP, ICMP or UDP. */
const badChecksum: FrameGenerator = (prng, target) => {
  const frame = pick(prng, [GOOD_FRAMES.echoRequest, GOOD_FRAMES.udpToOpenPort])(prng, target);
  const at = frame[9] === 1 ? pick(prng, [10, 22]) : pick(prng, [10, 26]);
  frame[at + prng.below(2)] ^= 1 << prng.below(8);
  // A UDP checksum of zero would not be wrong: it says that there is none.
  if (at === 26 && (frame[26] | frame[27]) === 0) frame[27] = 0xff;
  return frame;
};

// Addresses

/** Land: source and destination are the same. */
const land: FrameGenerator = (prng, target) =>
  craftUdp({
    source: target.address,
    destination: target.address,
    sourcePort: target.openPort,
    destinationPort: target.openPort,
    payload: some(prng, 20),
  });

const MARTIANS = [
  0, 0x0001_0203, 0x7f00_0001, 0x7f12_3456, 0xe000_0001, 0xefff_ffff, 0xf000_0001, 0xffff_ffff,
];

/** Sources that no datagram comes from, destinations that none goes to by a wire. */
const martian: FrameGenerator = (prng, target) => {
  const source = pick(prng, [...MARTIANS, target.address, target.broadcast]);
  const destination = prng.chance(0.5) ? target.address : pick(prng, MARTIANS);
  return craftUdp({
    source,
    destination,
    sourcePort: 9,
    destinationPort: target.openPort,
    payload: some(prng, 20),
  });
};

/** Somebody else's datagram. */
const notForUs: FrameGenerator = (prng, target) =>
  craftIpv4({
    source: target.peer,
    destination: 0x0800_0000 + prng.below(0x100_0000),
    protocol: 17,
    payload: some(prng, 40),
  });

/** Smurf and fraggle: echo requests and datagrams to a broadcast or a group, to a port that nobody has. */
const smurf: FrameGenerator = (prng, target) => {
  const destination = pick(prng, [target.broadcast, 0xffff_ffff, 0xe000_0001, target.broadcast & ~255]);
  if (prng.chance(0.5)) return craftIcmpEcho({ source: target.peer, destination, id: 1, sequence: 1 });
  return craftUdp({ source: target.peer, destination, sourcePort: target.openPort, destinationPort: 1 });
};

// ICMP

/** Errors about errors, quotes cut short, quotes with options, of strangers and of broken headers. */
const badQuote: FrameGenerator = (prng, target) => {
  const sent = pick(prng, [sentByConnected, sentByEcho])(prng, target);
  const error = craftIcmpError({ quoting: sent });
  const quoting = pick(prng, [
    sent.slice(0, prng.below(28)),
    error,
    resized(sent, sent.length + prng.below(30)),
    changed(prng, sent, prng.below(28)),
    craftIpv4({ source: target.address, destination: target.peer, protocol: 6, payload: some(prng, 30) }),
    craftUdp({
      source: target.address,
      destination: prng.int32(),
      sourcePort: target.connectedPort,
      destinationPort: port(prng),
      ip: { options: new Uint8Array(8).fill(1) },
    }),
  ]);
  const type = pick(prng, [3, 3, 11, 12]);
  return craftIcmpError({ ...ends(target), quoting, type, code: prng.below(16) });
};

/** Fragmentation needed, with MTUs that cannot be. */
const fragmentationNeeded: FrameGenerator = (prng, target) => {
  const quoting = pick(prng, [sentByConnected, sentByEcho])(prng, target);
  const mtu = pick(prng, [0, 1, 67, 68, 551, 552, 576, 1400, 1499, 1500, 9000, 65_535]);
  return craftIcmpError({ ...ends(target), quoting, type: 3, code: 4, mtu });
};

/** Unreachable of every code, true quotes among false ones. */
const unreachableStorm: FrameGenerator = (prng, target) => {
  const quoting = sentByConnected(prng, target);
  if (prng.chance(0.7)) quoting[20 + prng.below(4)] = prng.int32();
  return craftIcmpError({ ...ends(target), quoting, type: pick(prng, [3, 11, 12]), code: prng.below(256) });
};

/** Redirects, to anywhere. */
const redirect: FrameGenerator = (prng, target) =>
  craftIcmp({
    ...ends(target),
    type: 5,
    code: prng.below(5),
    id: prng.below(65_536),
    sequence: prng.below(65_536),
    payload: sentByConnected(prng, target),
  });

/** ICMP of any type and code, of any length from none. */
const anyIcmp: FrameGenerator = (prng, target) => {
  const frame = craftIcmp({
    ...ends(target),
    type: prng.below(256),
    code: prng.below(256),
    id: port(prng),
    payload: some(prng, 60),
  });
  if (prng.chance(0.7)) return frame;
  const cut = frame.slice(0, 20 + prng.below(8));
  return craftIpv4({ ...ends(target), protocol: 1, payload: cut.subarray(20) });
};

/** Echo replies that nobody asked for. */
const strayReply: FrameGenerator = (prng, target) =>
  craftIcmpEcho({
    ...ends(target),
    reply: true,
    id: target.echoId ^ (256 + prng.below(65_280)),
    sequence: port(prng),
    payload: some(prng, 60),
  });

// UDP

/** Lengths below 8 and beyond the datagram, port 0, no checksum, less than a header. */
const badUdp: FrameGenerator = (prng, target) => {
  if (prng.chance(0.2)) return craftIpv4({ ...ends(target), protocol: 17, payload: some(prng, 7) });
  return craftUdp({
    ...ends(target),
    sourcePort: pick(prng, [0, 1, 4000, 65_535]),
    destinationPort: pick(prng, [0, target.openPort, target.connectedPort, target.closedPort]),
    payload: some(prng, 60),
    ...(prng.chance(0.7) && { length: pick(prng, [0, 1, 7, 8, 9, 68, 69, 1500, 65_535]) }),
    ...(prng.chance(0.2) && { checksum: 0 }),
  });
};

// Other protocols, other sizes

/** IP in IP, GRE and all other protocols but ICMP, IGMP, TCP and UDP. */
const otherProtocol: FrameGenerator = (prng, target) => {
  const any = prng.chance(0.5) ? pick(prng, [4, 47, 41, 50, 132]) : prng.below(256);
  const protocol = [1, 2, 6, 17].includes(any) ? 4 : any;
  const inner = GOOD_FRAMES.echoRequest(prng, target);
  return craftIpv4({ ...ends(target), protocol, payload: prng.chance(0.5) ? inner : some(prng, 800) });
};

/** Frames of 0 to 20 octets. */
const runt: FrameGenerator = (prng, target) => {
  const good = GOOD_FRAMES.echoRequest(prng, target);
  return good.slice(0, pick(prng, [0, 1, 2, 3, 4, 9, 12, 19, 20]));
};

/** An IPv6 packet on a link that carries IPv4. */
const ipv6: FrameGenerator = (prng) => {
  const frame = some(prng, 200, 1);
  frame[0] = 0x60 | (frame[0] & 15);
  return frame;
};

/** Octets of no meaning at all; often with the first one right. */
const noise: FrameGenerator = (prng) => {
  const frame = some(prng, 200);
  if (frame.length > 0 && prng.chance(0.8)) frame[0] = 0x45;
  return frame;
};

function changed(prng: Prng, frame: Uint8Array, at: number): Uint8Array {
  const copy = frame.slice();
  if (at < copy.length) copy[at] = prng.int32();
  return copy;
}

/** A good frame with one to eight bits flipped, an octet replaced by an edge value, or another length. */
const mutation: FrameGenerator = (prng, target) => {
  let frame = pick(prng, Object.values(GOOD_FRAMES))(prng, target);
  for (let flips = prng.below(8); flips >= 0; flips--) {
    // Half of them in the headers: most octets of a frame mean nothing to a stack.
    const at = prng.chance(0.5) ? prng.below(Math.min(frame.length, 48)) : prng.below(frame.length);
    frame[at] ^= 1 << prng.below(8);
  }
  if (prng.chance(0.2)) frame[prng.below(frame.length)] = pick(prng, [0, 1, 127, 128, 254, 255]);
  if (prng.chance(0.2)) frame = resized(frame, prng.below(frame.length * 2));
  return frame;
};

/** The classes of bad frames. */
export type BadFrame =
  | BadTcpFrame
  | 'pingOfDeath'
  | 'teardrop'
  | 'fragmentFlood'
  | 'nestedFragment'
  | 'tinyFragment'
  | 'raggedFragment'
  | 'emptyFragment'
  | 'looseFragment'
  | 'badHeaderLength'
  | 'badTotalLength'
  | 'badOptions'
  | 'badChecksum'
  | 'land'
  | 'martian'
  | 'notForUs'
  | 'smurf'
  | 'badQuote'
  | 'fragmentationNeeded'
  | 'unreachableStorm'
  | 'redirect'
  | 'anyIcmp'
  | 'strayReply'
  | 'badUdp'
  | 'otherProtocol'
  | 'runt'
  | 'ipv6'
  | 'noise'
  | 'mutation';

/** All classes by name. */
export const BAD_FRAMES: Readonly<Record<BadFrame, FrameGenerator>> = {
  pingOfDeath,
  teardrop,
  fragmentFlood,
  nestedFragment,
  tinyFragment,
  raggedFragment,
  emptyFragment,
  looseFragment,
  badHeaderLength,
  badTotalLength,
  badOptions,
  badChecksum,
  land,
  martian,
  notForUs,
  smurf,
  badQuote,
  fragmentationNeeded,
  unreachableStorm,
  redirect,
  anyIcmp,
  strayReply,
  badUdp,
  ...BAD_TCP_FRAMES,
  otherProtocol,
  runt,
  ipv6,
  noise,
  mutation,
};
