// Bad TCP frames by class, seeded: what needs no connection's numbers. What does is in tcp-mutants.ts.

import { craftIpv4, craftTcp } from '@tunstack/stack/craft';
import type { TcpFlag } from '@tunstack/stack/dissect';
import { ends, type FrameGenerator, pick, some } from './good-frames.ts';

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

/** Options of every kind that is known, with lengths that are not theirs. */
const badTcpOptions: FrameGenerator = (prng, target) => {
  const kind = pick(prng, [2, 3, 4, 5, 8, 30, 254]);
  const length = pick(prng, [0, 1, 2, 3, 4, 10, 11, 40, 41, 255]);
  return craftTcp({
    ...ends(target),
    sourcePort: 3000 + prng.below(20),
    destinationPort: target.tcpPort,
    seq: prng.below(4) * 1000,
    flags: ['SYN'],
    options: [{ option: 'malformed', bytes: Uint8Array.of(kind, length, ...some(prng, 38)) }],
  });
};

/** The classes of bad TCP frames. */
export type BadTcpFrame = 'badTcp' | 'strayTcp' | 'synFlood' | 'forgedAnswer' | 'badTcpOptions';

/** All of them by name. */
export const BAD_TCP_FRAMES: Readonly<Record<BadTcpFrame, FrameGenerator>> = {
  badTcp,
  strayTcp,
  synFlood,
  forgedAnswer,
  badTcpOptions,
};
