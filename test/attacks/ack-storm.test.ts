// Two ends that an attacker put out of step (Joncheray 1995): each takes the other for a forger, and says where it stands.
// RFC 9293 3.10.7.4 would have them do so for ever; RFC 5961 section 7 and Linux's tcp_invalid_ratelimit end that.

import { Probe, World } from '@tunstack/sim';
import type { Stack, TcpHandler, TcpSocket } from '@tunstack/stack';
import { repairChecksums } from '@tunstack/stack/craft';
import * as wire from '@tunstack/stack/wire';
import { describe, expect, test } from 'vitest';
import { textOf } from '../support/victim.ts';

const PORT = 7;
const SECONDS = 30;

/** One end: its stack, the only wire it has, and its connection. */
interface End {
  readonly stack: Stack;
  readonly probe: Probe;
  socket: TcpSocket | undefined;
}

/** Two stacks, and a wire between them that the attacker sits on. */
class Desynchronised {
  readonly world: World = new World({ seed: 3 });
  readonly ends: readonly [End, End];
  /** What crossed the wire, each way together; and the last segment of each end. */
  packets = 0;
  private readonly last: (Uint8Array | undefined)[] = [undefined, undefined];

  constructor() {
    const end = (address: string): End => {
      const stack = this.world.stack();
      const probe = new Probe(this.world.pool);
      stack.addLink(probe, address);
      return { stack, probe, socket: undefined };
    };
    this.ends = [end('10.0.0.1/24'), end('10.0.0.2/24')];
    const [client, server] = this.ends;
    const quiet: TcpHandler = {};
    const listener = server.stack.tcpListener({
      acceptable: (l) => {
        server.socket = l.accept(quiet);
      },
    });
    listener.listen('0.0.0.0', PORT);
    client.socket = client.stack.tcpSocket(quiet);
    client.socket.connect('10.0.0.2', PORT);
    this.run(100);
  }

  /** The wire, a millisecond each way. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      this.world.runFor(1);
      const crossing = this.ends.map(({ probe }) => probe.take());
      for (const from of [0, 1]) {
        for (const frame of crossing[from]) {
          this.packets++;
          this.last[from] = frame;
          this.ends[1 - from].probe.arrive(frame);
        }
      }
    }
    this.world.settle();
  }

  /** The attacker speaks in the name of this end, and only the other hears it: text that it never sent. */
  forge(from: number, octets: number): void {
    const { sndNxt, rcvNxt } = (this.ends[from].socket as TcpSocket).status();
    const seen = this.last[from] as Uint8Array;
    const header = 20 + wire.tcpHeaderLength(seen, 20);
    const frame = new Uint8Array(header + octets).fill(88);
    frame.set(seen.subarray(0, header));
    wire.wr16(frame, 2, frame.length);
    wire.wr32(frame, 24, sndNxt | 0);
    wire.wr32(frame, 28, rcvNxt | 0);
    frame[33] = wire.TCP_ACK | wire.TCP_PSH;
    wire.setIpv4Checksum(frame, 0);
    repairChecksums(frame);
    this.ends[1 - from].probe.arrive(frame);
  }

  /** Both are. */
  desynchronise(octets: number): void {
    this.forge(0, octets);
    this.forge(1, octets);
    this.run(1);
    const [a, b] = this.ends.map(({ socket }) => (socket as TcpSocket).status());
    expect([a.rcvNxt - b.sndNxt, b.rcvNxt - a.sndNxt]).toEqual([octets, octets]);
  }
}

// [hostile 33]
describe('two ends out of step', () => {
  test('answer each other at most twice a second each', () => {
    const storm = new Desynchronised();
    const before = storm.packets;
    storm.desynchronise(10);
    storm.run(SECONDS * 1000);
    expect(storm.packets - before).toBeLessThanOrEqual(2 * (2 * SECONDS + 4));
  });

  test('and where both have text to send, the retransmissions come ever later, and answers no faster than they', () => {
    const storm = new Desynchronised();
    storm.desynchronise(10);
    for (const { socket } of storm.ends) socket?.send(new Uint8Array(5000));
    const before = storm.packets;
    storm.run(SECONDS * 1000);
    const first = storm.packets - before;
    // Text of 4 segments, its retransmissions, an answer to each, and the challenges.
    expect(first).toBeLessThanOrEqual(12 * SECONDS);
    storm.run(SECONDS * 1000);
    expect(storm.packets - before - first).toBeLessThanOrEqual(first);
  });

  test('no text of either is taken for what the other was forged', () => {
    const storm = new Desynchronised();
    storm.desynchronise(10);
    storm.run(1000);
    for (const { socket } of storm.ends) {
      const text = (socket as TcpSocket).receive();
      expect(text?.length).toBe(10);
      expect(text?.bytes[text.offset]).toBe(88);
    }
  });
});

// [hostile 33]
test('an end that gets its own answers back, as from a mirror, does not speak for ever', () => {
  const storm = new Desynchronised();
  const [client] = storm.ends;
  // Everything it says is turned round: addresses and ports exchanged.
  let packets = 0;
  client.socket?.send(Uint8Array.of(1));
  for (let ms = 0; ms < SECONDS * 1000; ms++) {
    storm.world.runFor(1);
    for (const frame of client.probe.take()) {
      packets++;
      expect(textOf(frame).length).toBeLessThanOrEqual(1);
      client.probe.arrive(mirrored(frame));
    }
    storm.ends[1].probe.take();
  }
  expect(packets).toBeLessThanOrEqual(3 * SECONDS);
});

function mirrored(frame: Uint8Array): Uint8Array {
  const back = frame.slice();
  back.set(frame.subarray(16, 20), 12);
  back.set(frame.subarray(12, 16), 16);
  back.set(frame.subarray(22, 24), 20);
  back.set(frame.subarray(20, 22), 22);
  return back;
}
