// Peers that take nothing: windows that are shut for ever, or open by an octet. RFC 9293 3.8.6, RFC 6429. What one of them
// costs is capped: octets by the send buffer and the pool, packets by probes that come ever later, time by the user timeout.

import type { TcpPeer } from '@tunstack/sim';
import type { TcpSocket } from '@tunstack/stack';
import { describe, expect, test } from 'vitest';
import { textOf, Victim, type VictimOptions } from '../support/victim.ts';

const HOUR_MS = 3_600_000;
const CROWD = 500;
/** What the application would like to send to each. */
const ANSWER = new Uint8Array(100_000).fill(65);
const POOL = { smallBytes: 8 << 20, mediumBytes: 8 << 20, largeBytes: 8 << 20, chunkBytes: 16 << 20 };

/** An application that answers at once, with as much as it may. */
function generous(config: VictimOptions = {}, prepare: (socket: TcpSocket) => void = () => {}): Victim {
  const victim: Victim = new Victim({
    pool: POOL,
    ...config,
    handler: {
      readable: (s) => {
        for (let text = s.receive(); text !== undefined; text = s.receive()) s.consume(text.length);
        prepare(s);
        s.send(ANSWER);
      },
      closed: (s) => {
        victim.sockets.delete(s);
        s.close();
      },
    },
  });
  return victim;
}

/** They connect and ask, with this window. */
function ask(victim: Victim, window: number, size = CROWD): TcpPeer[] {
  const peers = Array.from({ length: size }, () => victim.peer({}, false));
  for (const peer of peers) {
    peer.windowScale = -1;
    expect(victim.connects(peer, { window })).toBe(true);
    victim.hears(peer, victim.gets(peer.say({ payload: Uint8Array.of(1), window })));
  }
  return peers;
}

/** Lets time pass; each peer answers all that it gets by saying how little it takes. */
function hold(victim: Victim, peers: readonly TcpPeer[], window: number, ms: number): number {
  const byPort = new Map(peers.map((peer) => [`${peer.ends.address}:${peer.ends.port}`, peer]));
  let packets = 0;
  for (let passed = 0; passed < ms; passed += 1000) {
    const sent = victim.wait(1000);
    packets += sent.length;
    for (const frame of sent) {
      const view = new DataView(frame.buffer, frame.byteOffset);
      const peer = byPort.get(`${view.getInt32(16)}:${view.getUint16(22)}`);
      if (peer === undefined) continue;
      peer.hear(frame);
      victim.gets(peer.frame({ window }));
    }
  }
  return packets;
}

// [hostile 32]
describe('500 peers whose window is shut for ever', () => {
  test('octets: what is queued for them stays below the cap of the pool, and others are served', () => {
    const victim = generous();
    const peers = ask(victim, 0);
    const { sendBytes } = victim.held();
    expect(sendBytes).toBeGreaterThan(0);
    expect(sendBytes).toBeLessThanOrEqual(POOL.chunkBytes);
    hold(victim, peers, 0, 60_000);
    expect(victim.held().sendBytes).toBeLessThanOrEqual(POOL.chunkBytes);
    expect(victim.held()).toMatchObject({ connections: CROWD, packets: 0 });
  });

  test('packets: in an hour each gets at most one probe for every 2 minutes, and those of the first backing off', () => {
    const victim = generous();
    const peers = ask(victim, 0, 50);
    const packets = hold(victim, peers, 0, HOUR_MS);
    expect(packets / 50).toBeGreaterThan(10);
    expect(packets / 50).toBeLessThanOrEqual(30 + 10);
    // MUST-37: who answers is not given up, however long it takes.
    expect(victim.held().connections).toBe(50);
  });

  test('time: an application that set a user timeout is rid of them, answers or not', () => {
    const victim = generous({}, (s) => {
      s.userTimeoutMs = 30_000;
    });
    ask(victim, 0, 100);
    victim.wait(10 * 60_000);
    expect(victim.held()).toMatchObject({ connections: 0, sendBytes: 0, packets: 0, deadlines: 0 });
  });

  test('time: those that do not even answer probes are given up', () => {
    const victim = generous();
    ask(victim, 0, 100);
    victim.wait(HOUR_MS);
    expect(victim.held()).toMatchObject({ connections: 0, sendBytes: 0, packets: 0, deadlines: 0 });
  });

  test('a reset gives everything back at once', () => {
    const victim = generous();
    const peers = ask(victim, 0);
    for (const peer of peers) victim.gets(peer.frame({ flags: 4 }));
    expect(victim.held()).toMatchObject({ connections: 0, sendBytes: 0, packets: 0, deadlines: 0 });
  });
});

// [hostile 32]
describe('a window that opens by one octet', () => {
  test('is no reason to dribble: at most one octet a second leaves, and those who mean well are served', () => {
    const victim = generous();
    const [peer] = ask(victim, 1, 1);
    let [octets, packets] = [0, 0];
    for (let second = 0; second < 600; second++) {
      for (const frame of victim.wait(1000)) {
        packets++;
        octets += textOf(frame).length;
        peer.hear(frame);
        for (const answer of victim.gets(peer.frame({ window: 1 }))) {
          octets += textOf(answer).length;
          packets++;
          peer.hear(answer);
        }
      }
    }
    expect(octets).toBeGreaterThan(0);
    // RFC 9293 3.8.6.2.1: rule 4 overrides, after a time.
    expect(octets).toBeLessThanOrEqual(3 * 600);
    expect(packets).toBeLessThanOrEqual(6 * 600);
  });

  test('that takes back what it offered (RFC 9293 SHLD-15) loses nothing and sends nothing beyond what was once allowed', () => {
    const victim = generous();
    const [peer] = ask(victim, 5000, 1);
    let furthest = 0;
    for (let second = 0; second < 120; second++) {
      for (const frame of victim.wait(1000)) {
        peer.hear(frame);
        furthest += textOf(frame).length > 0 ? 1 : 0;
        victim.gets(peer.frame({ window: second % 2 === 0 ? 0 : 1 }));
      }
    }
    expect(furthest).toBeGreaterThan(0);
    expect(victim.held()).toMatchObject({ connections: 1, packets: 0 });
  });
});
