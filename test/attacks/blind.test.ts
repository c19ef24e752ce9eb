// Attackers who see nothing: RFC 5961. They know the tuple, and guess numbers; a connection lives, and answers tell them nothing.

import type { TcpPeer } from '@tunstack/sim';
import { add } from '@tunstack/stack/base';
import * as wire from '@tunstack/stack/wire';
import { describe, expect, test } from 'vitest';
import { count, Victim } from '../support/victim.ts';

const { TCP_ACK, TCP_RST, TCP_SYN } = wire;

/** A connection that somebody means well with, and the tuple everybody knows. */
function attacked(config: ConstructorParameters<typeof Victim>[0] = {}): { victim: Victim; peer: TcpPeer } {
  const victim = new Victim(config);
  const peer = victim.peer({}, false);
  expect(victim.connects(peer)).toBe(true);
  return { victim, peer };
}

/** It is there still, and does what it should. */
function lives(victim: Victim, peer: TcpPeer): boolean {
  victim.hears(peer, victim.wait(1000));
  const text = Uint8Array.of(1, 2, 3, 4);
  victim.hears(peer, victim.gets(peer.say({ payload: text })));
  return peer.acked === peer.sndNxt && victim.held().connections === 1;
}

/** Where in the sequence space an attacker tries: `tries` places, even over all of it. */
const places = (tries: number): number[] =>
  Array.from({ length: tries }, (_, i) => (i * Math.floor(2 ** 32 / tries)) | 0);

// [hostile 24]
describe('blind RST', () => {
  test('10,000 of them at even distances, some of which hit the window, end nothing', () => {
    const { victim, peer } = attacked();
    for (const seq of places(10_000)) {
      if (seq === peer.sndNxt) continue;
      const sent = victim.gets(peer.frame({ flags: TCP_RST, seq }));
      expect(sent.length).toBeLessThanOrEqual(1);
    }
    expect(victim.stack.stats.reason('TCP_OUT_OF_WINDOW')).toBeGreaterThan(9900);
    expect(lives(victim, peer)).toBe(true);
  });

  test('every number of the window but the one at its edge is challenged, at most twice a second', () => {
    const { victim, peer } = attacked();
    let answers = 0;
    for (let ahead = 1; ahead < 65_535; ahead += 13) {
      answers += victim.gets(peer.frame({ flags: TCP_RST, seq: add(peer.sndNxt, ahead) })).length;
      // 5041 of them in 10 seconds.
      if (ahead % 4 === 0) victim.wait(8);
    }
    expect(victim.stack.stats.reason('TCP_RST_CHALLENGED')).toBe(
      5042 - victim.stack.stats.reason('TCP_OUT_OF_WINDOW'),
    );
    expect(answers).toBeGreaterThan(10);
    expect(answers).toBeLessThanOrEqual(22);
    expect(lives(victim, peer)).toBe(true);
    // Only whoever knows the number may end it.
    expect(victim.gets(peer.frame({ flags: TCP_RST }))).toEqual([]);
    expect(victim.held().connections).toBe(0);
  });
});

// [hostile 25]
test('10,000 blind SYNs, wherever they fall, end nothing and open nothing', () => {
  const { victim, peer } = attacked();
  let answers = 0;
  for (const seq of places(10_000)) {
    answers += victim.gets(peer.frame({ flags: TCP_SYN, seq })).length;
    victim.gets(peer.frame({ flags: TCP_SYN | TCP_ACK, seq, ack: victim.prng.int32() }));
    victim.wait(1);
  }
  // 10 seconds: two challenges a second.
  expect(answers).toBeLessThanOrEqual(22);
  expect(lives(victim, peer)).toBe(true);
});

// [hostile 26]
test('of 20,000 segments of text with guessed numbers none is taken, and answers stay few', () => {
  const { victim, peer } = attacked();
  const forged = new Uint8Array(100).fill(66);
  let answers = 0;
  for (const seq of places(100)) {
    for (const ack of places(200)) {
      answers += victim.gets(peer.frame({ seq, ack, payload: forged })).length;
    }
    victim.wait(100);
  }
  const [socket] = victim.sockets;
  expect(socket.status().receiveQueue).toBe(0);
  expect(victim.held().receiveBytes).toBe(0);
  // Text is answered as it comes (a peer counts duplicates): never more than it was.
  expect(answers).toBeLessThanOrEqual(20_000);
  expect(lives(victim, peer)).toBe(true);
});

// [hostile 26]
test('text in the window whose acknowledgment is too old or too new is challenged, and not read', () => {
  const { victim, peer } = attacked({ handler: {} });
  const [socket] = victim.sockets;
  const payload = Uint8Array.of(9);
  let answers = 0;
  // RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT
  for (const ack of [1, 2, 1000, 1 << 30, -65_536 << 7, -(65_535 << 7) - 1, -(1 << 30), 1 << 31]) {
    answers += victim.gets(peer.frame({ ack: add(peer.rcvNxt, ack), payload })).length;
  }
  expect([answers, socket.unread]).toEqual([1, 0]);
  victim.gets(peer.say({ payload }));
  expect(socket.unread).toBe(1);
});

// [hostile 27]
describe('counting challenges (CVE-2016-5696)', () => {
  const PER_SECOND = 50;
  const OWN = 90;
  const SECONDS = 60;

  /** The attacker's own connections, which ask for more challenges than a second allows; what they get, second by second. */
  function counts(guess: (victim: Victim, peer: TcpPeer) => void): number[] {
    const { victim, peer } = attacked({ options: { tcpChallengesPerSecond: PER_SECOND } });
    const own = Array.from({ length: OWN }, () => victim.peer({}, false));
    for (const one of own) victim.connects(one);
    victim.wait(1000);
    return Array.from({ length: SECONDS }, () => {
      for (let i = 0; i < 10; i++) guess(victim, peer);
      const got = victim.gets(...own.map((one) => one.frame({ flags: TCP_SYN })));
      victim.wait(1000);
      return count(got, TCP_ACK);
    });
  }

  test('what is left of a second says not whether a guess hit the window of somebody else', () => {
    const hit = counts((victim, peer) => {
      victim.gets(peer.frame({ flags: TCP_RST, seq: add(peer.sndNxt, 1000) }));
    });
    const miss = counts((victim, peer) => {
      victim.gets(peer.frame({ flags: TCP_RST, seq: add(peer.sndNxt, 1 << 30) }));
    });
    const mean = (of: number[]): number => of.reduce((a, b) => a + b) / of.length;
    const spread = (of: number[]): number => Math.sqrt(mean(of.map((value) => (value - mean(of)) ** 2)));
    // A hit costs one of them; chance moves the budget by many times that.
    expect(spread(hit)).toBeGreaterThan(8);
    expect(spread(miss)).toBeGreaterThan(8);
    expect(Math.min(...hit)).toBeLessThan(Math.max(...miss));
    expect(Math.min(...miss)).toBeLessThan(Math.max(...hit));
    expect(new Set(hit).size).toBeGreaterThan(15);
  });

  test('a guess that hits often costs the budget no more than one that hits once: the limit of the connection', () => {
    const { victim, peer } = attacked({ options: { tcpChallengesPerSecond: PER_SECOND } });
    for (let i = 0; i < 1000; i++) {
      victim.gets(peer.frame({ flags: TCP_RST, seq: add(peer.sndNxt, 1 + i) }));
    }
    expect(victim.stack.stats.get('TcpExtTCPChallengeACK')).toBe(1);
  });
});
