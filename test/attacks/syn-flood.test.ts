// Floods of the handshake: RFC 4987. Half-open connections are bounded, cookies serve those who mean well, and nothing stays.

import { Prng } from '@tunstack/stack/base';
import * as wire from '@tunstack/stack/wire';
import { describe, expect, test } from 'vitest';
import { Ordeal, stackWith, tcpFrame } from '../../packages/stack/src/testing/index.ts';
import { count, flagsOf, forgedAck, PORT, Victim } from '../support/victim.ts';

const FLOOD = 100_000;
const BATCH = 200;
const BACKLOG = 4096;
const SYN_ACK = wire.TCP_SYN | wire.TCP_ACK;
/** Paths that nobody holds, kept as a cache: options.idlePathsMax, and the listener's own. */
const IDLE_PATHS = 1024 + 8;

/** `each` is called after every `every` SYNs. */
function flood(victim: Victim, syns: number, every: number, each: () => void): void {
  for (let sent = 0; sent < syns; sent += BATCH) {
    victim.gets(...Array.from({ length: BATCH }, () => victim.strangeSyn()));
    if ((sent + BATCH) % every === 0) each();
    // 200,000 SYNs a second.
    victim.wait(1);
  }
}

// [hostile 30]
describe('100,000 SYNs from all over the Internet', () => {
  // R4987.1
  test('everybody who means well is served meanwhile, and no table grows beyond its cap', () => {
    const victim = new Victim();
    const established = victim.peer();
    expect(victim.connects(established)).toBe(true);
    let served = 0;
    flood(victim, FLOOD, 1000, () => {
      if (victim.serves()) served++;
      const { halfOpen, awake, paths, packets } = victim.held();
      expect(halfOpen).toBeLessThanOrEqual(BACKLOG);
      // The one that was there before, and none of the flood's.
      expect(awake).toBe(1);
      expect(paths).toBeLessThanOrEqual(BACKLOG + IDLE_PATHS);
      expect(packets).toBe(0);
    });
    expect(served).toBe(FLOOD / 1000);
    const { stats } = victim.stack;
    // While the first 4096 are remembered nobody needs a cookie.
    expect(stats.get('TcpExtSyncookiesRecv')).toBe(FLOOD / 1000 - 4);
    expect(stats.get('TcpExtSyncookiesSent')).toBeGreaterThan(FLOOD - 2 * BACKLOG);
    expect(stats.get('TcpExtSyncookiesFailed')).toBe(0);
    const line = Uint8Array.of(42);
    expect(victim.hears(established, victim.gets(established.say({ payload: line })))).toBe(true);
    expect(established.acked).toBe(established.sndNxt);
    // The retries of those that are remembered end after a minute or two; TIME-WAIT was the clients'.
    victim.wait(200_000);
    expect(victim.held()).toMatchObject({ connections: 1, halfOpen: 0, packets: 0 });
    expect(victim.held().deadlines).toBeLessThanOrEqual(1);
    victim.world.close();
    expect(victim.held()).toMatchObject({ connections: 0, awake: 0, packets: 0, sendBytes: 0 });
  });

  test('without cookies the tables are bounded alike, and what is established does not notice', () => {
    const victim = new Victim({ options: { tcpSynCookies: 0 } });
    const established = victim.peer();
    victim.connects(established);
    flood(victim, FLOOD / 5, 1000, () => {
      expect(victim.held().halfOpen).toBeLessThanOrEqual(BACKLOG);
      expect(victim.hears(established, victim.gets(established.say({ payload: Uint8Array.of(1) })))).toBe(
        true,
      );
    });
    expect(established.acked).toBe(established.sndNxt);
    expect(victim.stack.stats.get('TcpExtListenDrops')).toBeGreaterThanOrEqual(FLOOD / 5 - BACKLOG);
  });

  test('while the link takes nothing they pile up no higher', () => {
    const victim = new Victim({ options: { tcpSynCookies: 0, tcpSynBacklogMax: 256 } });
    victim.probe.room = 0;
    flood(victim, 10_000, 1000, () => {
      expect(victim.held().connections).toBeLessThanOrEqual(256);
    });
    victim.probe.makeRoom(Number.MAX_SAFE_INTEGER);
    victim.wait(1000);
    expect(victim.serves()).toBe(true);
  });
});

describe('1000 SYNs one by one to a backlog of 64', () => {
  // [hostile 30]
  test.each([
    [0, ['TCP_SYN_FULL'] as const],
    [1, [] as const],
    [2, [] as const],
  ] as const)(
    'each has one answer at most, its memory comes home, and the connection beside does not notice (cookies: %i)',
    (tcpSynCookies, reasons) => {
      const bench = stackWith({ options: { tcpSynCookies, tcpSynBacklogMax: 64 } });
      bench.stack.tcpListener({}).listen('10.0.0.2', PORT, { backlog: 511 });
      const ordeal = new Ordeal(bench);
      const prng = new Prng(7);
      const syns = Array.from({ length: 1000 }, () => {
        const src = [1 + prng.below(9), prng.below(256), prng.below(256), 1 + prng.below(254)].join('.');
        const options = prng.chance(0.5) ? [2, 4, 5, 180] : [];
        return tcpFrame({
          src,
          sport: 1 + prng.below(65_535),
          dport: PORT,
          seq: prng.int32(),
          flags: wire.TCP_SYN,
          options,
        });
      });
      expect(ordeal.withstand(syns, { reasons, mayPass: true })).toHaveLength(1000);
      expect(bench.stack.tcpConnectionCount).toBeLessThanOrEqual(64 + 1);
      ordeal.serve();
      ordeal.end();
    },
  );
});

// [hostile 30]
describe('acknowledgments that guess cookies', () => {
  test('of 100,000 none opens a connection: each costs a RST, and no memory', () => {
    const victim = new Victim({ options: { tcpSynCookies: 2 } });
    victim.gets(victim.strangeSyn());
    const before = victim.held();
    let resets = 0;
    for (let sent = 0; sent < FLOOD; sent += BATCH) {
      const forged = Array.from({ length: BATCH }, () => forgedAck(victim, victim.peer()));
      const answers = victim.gets(...forged);
      expect(answers.length).toBeLessThanOrEqual(BATCH);
      resets += count(answers, wire.TCP_RST);
    }
    expect(resets).toBe(FLOOD);
    expect(victim.stack.stats.get('TcpExtSyncookiesFailed')).toBe(FLOOD);
    expect(victim.held()).toEqual(before);
    expect(victim.serves()).toBe(true);
  });

  test('one that was given a cookie cannot use it for another port, address or number', () => {
    const victim = new Victim({ options: { tcpSynCookies: 2 } });
    const peer = victim.peer();
    victim.hears(peer, victim.gets(peer.syn()));
    const { address, port, localAddress, localPort } = peer.ends;
    for (const ends of [{ port: port + 1 }, { address: address + 1 }]) {
      const other = victim.peer({ address, port, localAddress, localPort, ...ends });
      const [answer] = victim.gets(other.frame({ seq: peer.sndNxt, ack: peer.rcvNxt }));
      expect(flagsOf(answer)).toBe(wire.TCP_RST);
    }
    expect(flagsOf(victim.gets(peer.frame({ seq: peer.sndNxt + 1 }))[0])).toBe(wire.TCP_RST);
    expect(victim.held().connections).toBe(0);
    victim.gets(peer.say({}));
    expect(victim.held().connections).toBe(1);
  });
});

// [hostile 48]
describe('10,000 half-open connections', () => {
  test('as many as may be are asked again 5 times, and then all are forgotten', () => {
    const victim = new Victim({ options: { tcpSynCookies: 0, tcpSynBacklogMax: 10_000 } });
    let answers = 0;
    for (let sent = 0; sent < 10_000; sent += BATCH) {
      answers += count(victim.gets(...Array.from({ length: BATCH }, () => victim.strangeSyn())), SYN_ACK);
    }
    expect([answers, victim.held().halfOpen, victim.held().awake]).toEqual([10_000, 10_000, 0]);
    expect(victim.serves()).toBe(true);
    const again = victim.wait(200_000);
    // One made room for the one who meant well.
    expect(count(again, SYN_ACK)).toBe(5 * 9999);
    expect(victim.held()).toMatchObject({ connections: 0, deadlines: 0, packets: 0 });
  });
});

// [hostile 48]
describe('an application that does not accept', () => {
  test('its backlog fills, what comes then is dropped, not refused; those who wait are served when it wakes', () => {
    const victim = new Victim({ backlog: 16 });
    victim.accepts = false;
    const waiting = Array.from({ length: 16 }, () => victim.peer());
    for (const peer of waiting) expect(victim.connects(peer)).toBe(true);
    for (let i = 0; i < 1000; i++) expect(victim.gets(victim.strangeSyn())).toEqual([]);
    expect(victim.held()).toMatchObject({ connections: 16, halfOpen: 0, packets: 0 });
    expect(victim.stack.stats.get('TcpExtListenDrops')).toBe(1000);
    for (const peer of waiting) victim.gets(peer.say({ payload: Uint8Array.of(1, 2, 3) }));
    victim.accepts = true;
    victim.accept();
    const echoes = victim.wait(10);
    for (const peer of waiting) expect(victim.hears(peer, echoes)).toBe(true);
    expect(victim.serves()).toBe(true);
  });

  test('with cookies a full backlog makes no connection that nobody will take', () => {
    const victim = new Victim({ backlog: 1, options: { tcpSynCookies: 2 } });
    victim.accepts = false;
    const peers = Array.from({ length: 100 }, () => victim.peer());
    for (const peer of peers) victim.hears(peer, victim.gets(peer.syn()));
    for (const peer of peers) victim.gets(peer.say({}));
    expect(victim.held()).toMatchObject({ connections: 1, packets: 0 });
    expect(victim.stack.stats.get('TcpExtListenOverflows')).toBe(99);
  });

  test('1000 who send an octet a minute hold a connection each, and little more', () => {
    const victim = new Victim({ handler: {} });
    const peers = Array.from({ length: 1000 }, () => victim.peer());
    for (const peer of peers) expect(victim.connects(peer)).toBe(true);
    for (let minute = 0; minute < 5; minute++) {
      for (const peer of peers) victim.gets(peer.say({ payload: Uint8Array.of(0) }));
      victim.wait(60_000);
    }
    const { connections, packets, receiveBytes } = victim.held();
    expect([connections, packets]).toEqual([1000, 0]);
    // One chunk of the smallest kind each.
    expect(receiveBytes / 1000).toBeLessThanOrEqual(4096);
  });
});
