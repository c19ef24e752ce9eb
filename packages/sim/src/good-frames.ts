// Good frames by kind, seeded: what a stack serves, what interleaves with the bad, and what mutations start from.

import type { Prng } from '@tunstack/stack/base';
import { craftIcmpEcho, craftIcmpError, craftTcp, craftUdp } from '@tunstack/stack/craft';
import type { TcpOption } from '@tunstack/stack/dissect';

/** The stack under test, and what it has open: addresses as int32 words. */
export interface Target {
  /** Its address, and a neighbour's that it can answer. */
  readonly address: number;
  readonly peer: number;
  /** The broadcast address of its network. */
  readonly broadcast: number;
  /** A UDP port that is bound, and one that is not. */
  readonly openPort: number;
  readonly closedPort: number;
  /** A socket connected to the peer: its port and the peer's. */
  readonly connectedPort: number;
  readonly remotePort: number;
  /** A TCP port that is listened on, and both ports of a connection to the peer that is being opened (SYN-SENT). */
  readonly tcpPort: number;
  readonly tcpLocalPort: number;
  readonly tcpRemotePort: number;
  /** Identifier of an echo socket that waits for replies from the peer. */
  readonly echoId: number;
}

/** Makes one frame; equal streams of numbers make equal frames. */
export type FrameGenerator = (prng: Prng, target: Target) => Uint8Array;

/** Some octets, up to `most`. */
export function some(prng: Prng, most: number, least = 0): Uint8Array {
  const octets = new Uint8Array(least + prng.below(most - least + 1));
  for (let i = 0; i < octets.length; i++) octets[i] = prng.int32();
  return octets;
}

export function pick<T>(prng: Prng, list: readonly T[]): T {
  return list[prng.below(list.length)];
}

export const port = (prng: Prng): number => prng.below(65_536);

export function ends(target: Target): { source: number; destination: number } {
  return { source: target.peer, destination: target.address };
}

/** The kinds of good frames. */
export type GoodFrame =
  | 'echoRequest'
  | 'echoReply'
  | 'udpToOpenPort'
  | 'udpFromConnectedPeer'
  | 'udpToClosedPort'
  | 'udpWithOptions'
  | 'portUnreachable'
  | 'tcpSyn';

/** Frames a stack serves: pings and their replies, datagrams to its sockets, true errors. */
export const GOOD_FRAMES: Readonly<Record<GoodFrame, FrameGenerator>> = {
  echoRequest: (prng, target) =>
    craftIcmpEcho({
      ...ends(target),
      id: port(prng),
      sequence: port(prng),
      payload: some(prng, prng.chance(0.05) ? 1400 : 200),
    }),
  echoReply: (prng, target) =>
    craftIcmpEcho({
      ...ends(target),
      reply: true,
      id: target.echoId,
      sequence: port(prng),
      payload: some(prng, 60),
    }),
  udpToOpenPort: (prng, target) =>
    craftUdp({
      ...ends(target),
      sourcePort: 1 + prng.below(65_535),
      destinationPort: target.openPort,
      payload: some(prng, 400),
    }),
  udpFromConnectedPeer: (prng, target) =>
    craftUdp({
      ...ends(target),
      sourcePort: target.remotePort,
      destinationPort: target.connectedPort,
      payload: some(prng, 400),
      ...(prng.chance(0.2) && { checksum: 0 }),
    }),
  udpToClosedPort: (prng, target) =>
    craftUdp({
      ...ends(target),
      sourcePort: 1 + prng.below(65_535),
      destinationPort: target.closedPort,
      payload: some(prng, 700),
    }),
  udpWithOptions: (prng, target) =>
    craftUdp({
      ...ends(target),
      sourcePort: 9,
      destinationPort: target.openPort,
      payload: some(prng, 60),
      ip: { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 1) },
    }),
  portUnreachable: (prng, target) =>
    craftIcmpError({
      quoting: sentByConnected(prng, target),
      source: target.peer,
      destination: target.address,
    }),
  tcpSyn: (prng, target) =>
    craftTcp({
      ...ends(target),
      // Few ports and numbers: the same SYN comes again, and another SYN of the same connection.
      sourcePort: 3000 + prng.below(20),
      destinationPort: target.tcpPort,
      seq: prng.below(3) * 1000,
      flags: ['SYN'],
      options: SYN_OPTIONS.slice(0, prng.below(SYN_OPTIONS.length + 1)),
    }),
};

const SYN_OPTIONS: readonly TcpOption[] = [
  { option: 'mss', mss: 1460 },
  { option: 'nop' },
  { option: 'window-scale', shift: 7 },
];

/** A datagram that the connected socket of the target could have sent. */
export function sentByConnected(prng: Prng, target: Target): Uint8Array {
  return craftUdp({
    source: target.address,
    destination: target.peer,
    sourcePort: target.connectedPort,
    destinationPort: target.remotePort,
    payload: some(prng, 100),
  });
}

/** An echo request that the target could have sent. */
export function sentByEcho(prng: Prng, target: Target): Uint8Array {
  return craftIcmpEcho({
    source: target.address,
    destination: target.peer,
    id: target.echoId,
    sequence: port(prng),
    payload: some(prng, 60),
  });
}
