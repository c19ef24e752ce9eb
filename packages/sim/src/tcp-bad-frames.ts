// Bad TCP frames by class, seeded: what needs no connection's numbers. What does is in tcp-mutants.ts.

import { craftIpv4, craftTcp, repairChecksums } from '@tunstack/stack/craft';
import type { TcpFlag } from '@tunstack/stack/dissect';
import { ends, type FrameGenerator, pick, some } from './good-frames.ts';

/** Behind an IPv4 header without options. */
const DATA_OFFSET_AT: number = 20 + 12;
const CHECKSUM_AT: number = 20 + 16;

/** A header cut short, lengths and offsets that cannot be, port 0, a wrong checksum. */
const badTcp: FrameGenerator = (prng, target) => {
  if (prng.chance(0.2)) return craftIpv4({ ...ends(target), protocol: 6, payload: some(prng, 19) });
  return craftTcp({
    ...ends(target),
    sourcePort: pick(prng, [0, 4000, 65_535]),
    destinationPort: pick(prng, [0, target.tcpPort, target.closedPort]),
    seq: prng.int32(),
    flags: pick(prng, [['SYN'], ['ACK'], ['FIN', 'ACK']] as const),
    payload: some(prng, 40),
    ...(prng.chance(0.5) && { headerLength: 4 * prng.below(16) }),
    ...(prng.chance(0.3) && { checksum: prng.below(65_536) }),
  });
};

const TCP_FLAGS: readonly (readonly TcpFlag[])[] = [
  [],
  ['ACK'],
  ['RST'],
  ['RST', 'ACK'],
  ['FIN'],
  ['SYN', 'ACK'],
  ['SYN', 'FIN'],
  ['URG', 'PSH', 'FIN'],
  ['ACK', 'PSH'],
  ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'],
];

/** Segments of no connection, to ports that listen and that do not: scans, floods, echoes of floods. */
const strayTcp: FrameGenerator = (prng, target) =>
  craftTcp({
    ...ends(target),
    sourcePort: 1 + prng.below(65_535),
    destinationPort: pick(prng, [target.tcpPort, target.closedPort]),
    seq: prng.int32(),
    ack: prng.int32(),
    flags: pick(prng, TCP_FLAGS),
    window: prng.below(65_536),
    urgent: prng.below(65_536),
    payload: some(prng, 60),
  });

/** A SYN flood from one host, ports and numbers at random. */
const synFlood: FrameGenerator = (prng, target) =>
  craftTcp({
    ...ends(target),
    sourcePort: 1 + prng.below(65_535),
    destinationPort: target.tcpPort,
    seq: prng.int32(),
    flags: ['SYN'],
  });

/** What might answer a SYN of ours, from one who has not seen it. */
const forgedAnswer: FrameGenerator = (prng, target) =>
  craftTcp({
    ...ends(target),
    sourcePort: target.tcpRemotePort,
    destinationPort: target.tcpLocalPort,
    seq: prng.int32(),
    ack: prng.int32(),
    flags: pick(prng, [['SYN', 'ACK'], ['ACK'], ['RST', 'ACK'], ['RST'], ['FIN'], []] as const),
    payload: some(prng, 20),
  });

/** Options of every kind that is known, with lengths that are not theirs; forty octets of nothing; the MSS again and again. */
const badTcpOptions: FrameGenerator = (prng, target) => {
  const kind = pick(prng, [2, 3, 4, 5, 8, 30, 254]);
  const length = pick(prng, [0, 1, 2, 3, 4, 10, 11, 40, 41, 255]);
  const bytes = pick(prng, [
    Uint8Array.of(kind, length, ...some(prng, 38)),
    Uint8Array.of(kind, length, ...some(prng, 38)),
    new Uint8Array(40).fill(1),
    Uint8Array.from({ length: 40 }, (_, i) => [2, 4, prng.below(256), prng.below(256)][i & 3]),
  ]);
  return craftTcp({
    ...ends(target),
    sourcePort: 3000 + prng.below(20),
    destinationPort: target.tcpPort,
    seq: prng.below(4) * 1000,
    flags: ['SYN'],
    options: [{ option: 'malformed', bytes }],
  });
};

/** Land: a SYN from the very port that it goes to. */
const landTcp: FrameGenerator = (prng, target) => {
  const port = pick(prng, [target.tcpPort, target.closedPort, target.tcpLocalPort]);
  return craftTcp({
    source: target.address,
    destination: target.address,
    sourcePort: port,
    destinationPort: port,
    seq: prng.int32(),
    flags: ['SYN'],
  });
};

/** TCP to a broadcast or a group: connections are between two (RFC 9293 3.9.2.3, MUST-57). */
const tcpToMany: FrameGenerator = (prng, target) =>
  craftTcp({
    source: target.peer,
    destination: pick(prng, [target.broadcast, target.broadcast & ~255, 0xffff_ffff, 0xe000_0001]),
    sourcePort: 1 + prng.below(65_535),
    destinationPort: pick(prng, [target.tcpPort, target.closedPort]),
    seq: prng.int32(),
    flags: pick(prng, TCP_FLAGS),
    payload: some(prng, 20),
  });

/** A segment with a bit of its checksum flipped, and nothing else wrong. */
const badTcpChecksum: FrameGenerator = (prng, target) => {
  const frame = strayTcp(prng, target);
  frame[CHECKSUM_AT + prng.below(2)] ^= 1 << prng.below(8);
  return frame;
};

/** A data offset below 5, or one that ends beyond the segment; the checksum is right. */
const badTcpOffset: FrameGenerator = (prng, target) => {
  const payload = some(prng, 20);
  const beyond = 6 + (payload.length >> 2);
  const words = prng.chance(0.5) ? prng.below(5) : beyond + prng.below(16 - beyond);
  return craftTcp({
    ...ends(target),
    sourcePort: 1 + prng.below(65_535),
    destinationPort: pick(prng, [target.tcpPort, target.closedPort]),
    flags: pick(prng, TCP_FLAGS),
    payload,
    headerLength: 4 * words,
  });
};

/** SYNs with an MSS of next to nothing or of too much, shifts that nobody may have, options that came apart. */
const oddSyn: FrameGenerator = (prng, target) => {
  const mss = pick(prng, [0, 1, 8, 47, 48, 535, 536, 65_535]);
  const shift = pick(prng, [0, 14, 15, 16, 31, 32, 127, 128, 255]);
  return craftTcp({
    ...ends(target),
    sourcePort: 4000 + prng.below(40),
    destinationPort: target.tcpPort,
    seq: prng.int32(),
    flags: ['SYN'],
    options: [
      { option: 'mss', mss },
      { option: 'nop' },
      { option: 'window-scale', shift },
      { option: 'malformed', bytes: Uint8Array.of(4, pick(prng, [0, 1, 2, 3, 255])) },
    ],
  });
};

/** Urgent pointers beyond the segment, without text, at a shut window. */
const strayUrgent: FrameGenerator = (prng, target) =>
  craftTcp({
    ...ends(target),
    sourcePort: pick(prng, [1 + prng.below(65_535), target.tcpRemotePort]),
    destinationPort: pick(prng, [target.tcpPort, target.closedPort, target.tcpLocalPort]),
    seq: prng.int32(),
    ack: prng.int32(),
    flags: pick(prng, [['URG'], ['URG', 'ACK'], ['URG', 'SYN'], ['URG', 'PSH', 'FIN']] as const),
    window: pick(prng, [0, 65_535]),
    urgent: pick(prng, [0, 1, 1000, 65_535]),
    payload: some(prng, prng.chance(0.5) ? 0 : 30),
  });

/** All 256 combinations of flags, with all of the reserved bits: null, Xmas, SYN with FIN, SYN with RST. */
const flagScan: FrameGenerator = (prng, target) => {
  const frame = strayTcp(prng, target);
  frame[DATA_OFFSET_AT] = (frame[DATA_OFFSET_AT] & 0xf0) | prng.below(16);
  frame[DATA_OFFSET_AT + 1] = prng.below(256);
  repairChecksums(frame);
  return frame;
};

/** The classes of bad TCP frames. */
export type BadTcpFrame =
  | 'badTcp'
  | 'strayTcp'
  | 'synFlood'
  | 'forgedAnswer'
  | 'badTcpOptions'
  | 'landTcp'
  | 'tcpToMany'
  | 'badTcpChecksum'
  | 'badTcpOffset'
  | 'oddSyn'
  | 'strayUrgent'
  | 'flagScan';

/** All of them by name. */
export const BAD_TCP_FRAMES: Readonly<Record<BadTcpFrame, FrameGenerator>> = {
  badTcp,
  strayTcp,
  synFlood,
  forgedAnswer,
  badTcpOptions,
  landTcp,
  tcpToMany,
  badTcpChecksum,
  badTcpOffset,
  oddSyn,
  strayUrgent,
  flagScan,
};
