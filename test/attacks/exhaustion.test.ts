// Tables that somebody fills on purpose: connections, FIN-WAIT-2, TIME-WAIT. Each has a cap and an end. RFC 9293 3.6.1, RFC 1337.

import type { TcpPeer } from '@tunstack/sim';
import type { TcpSocket } from '@tunstack/stack';
import * as wire from '@tunstack/stack/wire';
import { describe, expect, test } from 'vitest';
import { Victim } from '../support/victim.ts';

const { TCP_ACK, TCP_FIN, TCP_RST } = wire;
const FIN_ACK = TCP_FIN | TCP_ACK;
const MINUTE_MS = 60_000;

/** So many connect; who got through. */
function crowd(victim: Victim, size: number): TcpPeer[] {
  return Array.from({ length: size }, () => victim.peer()).filter((peer) => victim.connects(peer));
}

/** The peer has its line echoed. */
function echoes(victim: Victim, peer: TcpPeer): boolean {
  victim.hears(peer, victim.gets(peer.say({ payload: Uint8Array.of(7, 8, 9) })));
  return peer.acked === peer.sndNxt;
}

// [hostile 31]
describe('a table of 200 connections', () => {
  const CAP = 200;
  const full = (options = {}): { victim: Victim; inside: TcpPeer[] } => {
    const victim = new Victim({ options: { tcpConnectionsMax: CAP, ...options } });
    return { victim, inside: crowd(victim, CAP) };
  };

  test.each([0, 1, 2])(
    'holds 200, whatever 2000 more try (cookies: %i); those inside do not notice, and nobody is refused for good',
    (tcpSynCookies) => {
      const { victim, inside } = full({ tcpSynCookies });
      expect(inside.length).toBe(CAP);
      expect(victim.held().awake).toBe(CAP);
      for (let i = 0; i < 2000; i++) {
        // What cannot be remembered is dropped, not reset: it may try again.
        for (const frame of victim.gets(victim.strangeSyn()))
          expect(wire.tcpFlags(frame, 20) & TCP_RST).toBe(0);
      }
      const late = victim.peer();
      victim.connects(late);
      expect(victim.held()).toMatchObject({ awake: CAP, packets: 0 });
      for (const peer of inside) expect(echoes(victim, peer)).toBe(true);
      // The first of them goes, and the next who comes has its place.
      victim.gets(inside[0].say({ flags: TCP_RST }));
      victim.wait(3 * MINUTE_MS);
      expect(victim.serves()).toBe(true);
    },
  );

  test('what it cannot hold it counts', () => {
    const { victim } = full({ tcpSynCookies: 0 });
    for (let i = 0; i < 100; i++) victim.gets(victim.strangeSyn());
    expect(victim.stack.stats.reason('TCP_LISTEN_FULL')).toBe(100);
  });
});

// [hostile 31]
describe('FIN-WAIT-2: our application has closed, and 500 peers never do', () => {
  /** An application that closes as soon as it is spoken to. */
  const rude = (): Victim =>
    new Victim({
      handler: {
        readable: (s) => {
          for (let text = s.receive(); text !== undefined; text = s.receive()) s.consume(text.length);
          s.close();
        },
      },
    });

  test('they are orphans for 60 s, and then nothing is left of them', () => {
    const victim = rude();
    const peers = crowd(victim, 500);
    for (const peer of peers) {
      victim.hears(peer, victim.gets(peer.say({ payload: Uint8Array.of(1) })));
      // It acknowledges our FIN, and says no more.
      victim.gets(peer.say({}));
    }
    expect(victim.held()).toMatchObject({ connections: 500, packets: 0, sendBytes: 0 });
    victim.wait(MINUTE_MS + 1000);
    expect(victim.held()).toMatchObject({ connections: 0, deadlines: 0, receiveBytes: 0 });
  });

  test('what they send then is refused: nobody will read it, and no memory is given for it', () => {
    const victim = rude();
    const [peer] = crowd(victim, 1);
    victim.hears(peer, victim.gets(peer.say({ payload: Uint8Array.of(1) })));
    victim.gets(peer.say({}));
    const [answer] = victim.gets(peer.say({ payload: new Uint8Array(1000) }));
    expect(wire.tcpFlags(answer, 20) & TCP_RST).toBe(TCP_RST);
    expect(victim.held()).toMatchObject({ connections: 0, receiveBytes: 0 });
  });

  test('peers that do not even acknowledge our FIN are given up after the retries', () => {
    const victim = rude();
    for (const peer of crowd(victim, 500)) victim.gets(peer.say({ payload: Uint8Array.of(1) }));
    expect(victim.held().connections).toBe(500);
    // Linux tcp_retries2: about a quarter of an hour, with the largest RTO half an hour.
    victim.wait(35 * MINUTE_MS);
    expect(victim.held()).toMatchObject({ connections: 0, sendBytes: 0, packets: 0 });
  });
});

// [hostile 31]
describe('TIME-WAIT: 5000 connections that we close first', () => {
  const CAP = 1000;

  /** Opens one, which our application closes; the peer answers as it should. */
  function closeFirst(victim: Victim, sockets: TcpSocket[]): void {
    const peer = victim.peer();
    victim.connects(peer);
    sockets.push(...victim.sockets);
    for (const socket of victim.sockets) socket.close();
    victim.sockets.clear();
    victim.hears(peer, victim.wait(0));
    victim.gets(peer.say({ flags: FIN_ACK }));
  }

  test('no more than the cap wait, as rows; the others end at once and are counted', () => {
    const victim = new Victim({ options: { tcpTimeWaitMax: CAP } });
    const sockets: TcpSocket[] = [];
    for (let i = 0; i < 5000; i++) {
      closeFirst(victim, sockets);
      expect(victim.held().timeWaiting).toBeLessThanOrEqual(CAP);
    }
    expect(victim.held()).toMatchObject({ timeWaiting: CAP, awake: 0, packets: 0, sendBytes: 0 });
    expect(victim.stack.stats.get('TcpExtTCPTimeWaitOverflow')).toBe(4000);
    expect(victim.serves()).toBe(true);
    victim.wait(MINUTE_MS + 1000);
    expect(victim.held()).toMatchObject({ connections: 0, deadlines: 0 });
  });

  test('they keep nobody from connecting, although each row may be asked for', () => {
    const victim = new Victim({ options: { tcpTimeWaitMax: CAP, tcpConnectionsMax: 10 } });
    const sockets: TcpSocket[] = [];
    for (let i = 0; i < CAP; i++) closeFirst(victim, sockets);
    expect(victim.held()).toMatchObject({ timeWaiting: CAP, awake: 0 });
    for (let i = 0; i < 20; i++) expect(victim.serves()).toBe(true);
  });

  test('a peer that sends its FIN for ever gets an answer each time, and waits as one row', () => {
    const victim = new Victim();
    const sockets: TcpSocket[] = [];
    closeFirst(victim, sockets);
    const before = victim.held();
    const peer = victim.peer({ address: wire.parseIp4('10.0.0.16') as number, port: 1024 });
    let answers = 0;
    for (let i = 0; i < 1000; i++) {
      answers += victim.gets(peer.frame({ flags: FIN_ACK, seq: victim.prng.int32() })).length;
      victim.wait(10);
    }
    expect(answers).toBeLessThanOrEqual(1000);
    expect(victim.held()).toEqual(before);
  });
});
