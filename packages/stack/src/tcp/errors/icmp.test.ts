// ICMP errors into TCP: RFC 9293 3.9.2.2, RFC 1122 4.2.3.9, RFC 5927; RFC 1191 for what is too big.

import { describe, expect, test } from 'vitest';
import { add } from '../../base/int.ts';
import { icmpFrame, octets, PEER, US } from '../../testing/frames.ts';
import { type Sent, type StateName, show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { tcpFrame } from '../../testing/tcp-frames.ts';
import {
  ICMP_DEST_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  UNREACH_ADMIN,
  UNREACH_HOST,
  UNREACH_NEEDFRAG,
  UNREACH_NET,
  UNREACH_PORT,
  UNREACH_PROTOCOL,
  UNREACH_SOURCE_ROUTE,
} from '../../wire/icmpv4.ts';

interface Complaint {
  readonly type?: number;
  readonly code?: number;
  readonly mtu?: number;
  /** Relative to our ISS; the first outstanding octet. */
  readonly seq?: number;
  readonly dport?: number;
}

const QUOTED = 28;
const HOUR_MS = 3_600_000;

/** An error about a segment of ours, as a router on the way sends it: IP header and eight octets. */
function complain(bench: TcpBench, complaint: Complaint): Sent[] {
  const { type = ICMP_DEST_UNREACHABLE, code = 0, mtu = 0, seq = 0, dport = 4000 } = complaint;
  const about = tcpFrame({
    src: US,
    dst: PEER,
    sport: 7,
    dport,
    seq: add(bench.iss, seq),
    ack: bench.peer.iss,
    ipFlags: 0x4000,
  });
  const error = icmpFrame({ src: '10.0.0.1', type, code, word4: 0, word6: mtu }, about.slice(0, QUOTED));
  return bench.batch(error);
}

const HARD: readonly (readonly [string, number, string])[] = [
  ['protocol unreachable', UNREACH_PROTOCOL, 'ENOPROTOOPT'],
  ['port unreachable', UNREACH_PORT, 'ECONNREFUSED'],
  ['what a filter forbids', UNREACH_ADMIN, 'EHOSTUNREACH'],
];

const SOFT: readonly (readonly [string, number, number])[] = [
  ['network unreachable', ICMP_DEST_UNREACHABLE, UNREACH_NET],
  ['host unreachable', ICMP_DEST_UNREACHABLE, UNREACH_HOST],
  ['source route failed', ICMP_DEST_UNREACHABLE, UNREACH_SOURCE_ROUTE],
  ['time to live exceeded', ICMP_TIME_EXCEEDED, 0],
  ['reassembly time exceeded', ICMP_TIME_EXCEEDED, 1],
  ['parameter problem', ICMP_PARAMETER_PROBLEM, 0],
];

const CONNECTED: readonly StateName[] = ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'];

describe('hard errors', () => {
  test.each(HARD)('SHLD-26: %s ends a connection attempt (code %i) with %s', (_name, code, errno) => {
    const bench = tcpIn('SYN-SENT');
    expect(complain(bench, { code })).toEqual([]);
    expect(bench.heard).toEqual([`error ${errno}`, 'closed']);
    expect(bench.tcb()).toBe(undefined);
    bench.end();
  });

  for (const state of CONNECTED) {
    test.each(HARD)(`RFC 5927 4.2, as Linux: in ${state} %s is soft (code %i)`, (_name, code, errno) => {
      const bench = tcpIn(state, { outstanding: 100 });
      expect(complain(bench, { code, seq: 1 })).toEqual([]);
      expect(bench.state()).toBe(state);
      expect(bench.heard).toEqual([`trouble ${errno}`]);
    });
  }

  test('a half-open connection is forgotten, and its listener listens on', () => {
    const bench = tcpIn('SYN-RECEIVED');
    complain(bench, { code: UNREACH_PORT });
    expect(bench.state()).toBe('LISTEN');
    bench.end();
  });
});

describe('soft errors', () => {
  for (const state of ['SYN-SENT', ...CONNECTED] as const) {
    // R1122.19, R1122.23, R1122.24
    test.each(SOFT)(
      `MUST-56, MUST-47: in ${state} %s (type %i, code %i) is told, and ends nothing`,
      (_name, type, code) => {
        const bench = tcpIn(state, { outstanding: 100 });
        expect(complain(bench, { type, code, seq: state === 'SYN-SENT' ? 0 : 1 })).toEqual([]);
        expect(bench.state()).toBe(state);
        expect(bench.heard.length).toBe(1);
        expect(bench.heard[0]).toMatch(/^trouble E/);
      },
    );
  }

  test('SHLD-25: it is the reason when the connection dies of silence', () => {
    const bench = tcpIn('SYN-SENT');
    complain(bench, { code: UNREACH_HOST });
    bench.run(HOUR_MS);
    expect(bench.heard).toContain('error EHOSTUNREACH');
    expect(bench.heard).not.toContain('error ETIMEDOUT');
  });

  test('it is forgotten when the peer acknowledges something after all', () => {
    const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
    complain(bench, { code: UNREACH_HOST, seq: 1 });
    bench.acks();
    bench.app.send(octets(10));
    bench.pump();
    bench.run(HOUR_MS);
    expect(bench.heard).toContain('error ETIMEDOUT');
  });
});

describe('what is not believed', () => {
  // R5927.1
  test.each([
    ['acknowledged already', 0],
    ['never sent', 101],
    ['far off', 0x1234_5678],
  ])('MUST-54, RFC 5927 4.1: an error about a number %s (%i) teaches nothing', (_name, seq) => {
    const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
    const { mss } = bench.app.status();
    for (const code of [UNREACH_PORT, UNREACH_HOST, UNREACH_NEEDFRAG]) {
      expect(complain(bench, { code, mtu: 600, seq })).toEqual([]);
    }
    expect(bench.heard).toEqual([]);
    expect(bench.app.status().mss).toBe(mss);
    expect(bench.stack.stats.get('TcpExtOutOfWindowIcmps')).toBe(3);
  });

  test.each([-1, 1])('MUST-54: in SYN-SENT an error about ISS%i is not about our SYN', (seq) => {
    const bench = tcpIn('SYN-SENT');
    complain(bench, { code: UNREACH_PORT, seq });
    expect(bench.state()).toBe('SYN-SENT');
    expect(bench.heard).toEqual([]);
  });

  test('MUST-54: an error about another connection is not about this one', () => {
    const bench = tcpIn('SYN-SENT');
    complain(bench, { code: UNREACH_PORT, dport: 4001 });
    expect(bench.state()).toBe('SYN-SENT');
  });

  // R6633.1
  test('MUST-55: source quench is dropped in silence, in every state', () => {
    for (const state of ['SYN-SENT', ...CONNECTED] as const) {
      const bench = tcpIn(state, { outstanding: 100 });
      expect(complain(bench, { type: ICMP_SOURCE_QUENCH, seq: state === 'SYN-SENT' ? 0 : 1 })).toEqual([]);
      expect(bench.heard).toEqual([]);
      expect(bench.state()).toBe(state);
    }
  });

  test('TIME-WAIT has nothing outstanding: no error concerns it', () => {
    const bench = tcpIn('TIME-WAIT');
    for (const code of [UNREACH_PORT, UNREACH_HOST]) complain(bench, { code, seq: 1 });
    expect(bench.state()).toBe('TIME-WAIT');
  });
});

describe('too big (RFC 1191)', () => {
  const SEGMENTS = 5;

  function sending(): TcpBench {
    const bench = tcpIn('ESTABLISHED');
    bench.app.send(Uint8Array.from({ length: SEGMENTS * 1460 }, (_, i) => i));
    expect(bench.pump().length).toBe(SEGMENTS);
    return bench;
  }

  // R1191.1
  test('what was outstanding goes again at once in segments that fit, from SND.UNA on', () => {
    const bench = sending();
    const again = complain(bench, { code: UNREACH_NEEDFRAG, mtu: 1000, seq: 1 });
    expect(again.length).toBeGreaterThan(1);
    let at = 1;
    for (const { seq, payload } of again) {
      expect(seq).toBe(at);
      expect(payload.length).toBeLessThanOrEqual(1000 - 40);
      at += payload.length;
    }
    expect(bench.app.status().mss).toBe(960);
    expect(bench.heard).toEqual([]);
  });

  test('it is no sign of congestion: ssthresh stays, and no timeout was backed off', () => {
    const bench = sending();
    const { ssthresh, rtoMs } = bench.app.status();
    complain(bench, { code: UNREACH_NEEDFRAG, mtu: 1000, seq: 1 });
    expect(bench.app.status()).toMatchObject({ ssthresh, rtoMs, retransmits: 0 });
  });

  test('all of it arrives once, and the rest follows in the smaller size', () => {
    const bench = sending();
    const stream: number[] = [];
    let sent = complain(bench, { code: UNREACH_NEEDFRAG, mtu: 1000, seq: 1 });
    while (sent.length > 0) {
      for (const { seq, payload } of sent)
        for (let i = 0; i < payload.length; i++) stream[seq - 1 + i] = payload[i];
      const next = Math.max(...sent.map(({ seq, payload }) => seq + payload.length));
      sent = bench.acks(next);
    }
    expect(Uint8Array.from(stream)).toEqual(Uint8Array.from({ length: SEGMENTS * 1460 }, (_, i) => i));
    expect(bench.sndUna).toBe(1 + SEGMENTS * 1460);
  });

  test('an MTU that is not smaller changes nothing', () => {
    const bench = sending();
    expect(complain(bench, { code: UNREACH_NEEDFRAG, mtu: 1500, seq: 1 })).toEqual([]);
    expect(bench.app.status().mss).toBe(1460);
  });

  test('an MTU below what we believe is believed as far as 552 octets', () => {
    const bench = sending();
    complain(bench, { code: UNREACH_NEEDFRAG, mtu: 68, seq: 1 });
    expect(bench.app.status().mss).toBe(512);
  });

  test('in SYN-SENT it makes the text smaller that follows', () => {
    const bench = tcpIn('SYN-SENT');
    complain(bench, { code: UNREACH_NEEDFRAG, mtu: 1000, seq: 0 });
    expect(bench.state()).toBe('SYN-SENT');
    bench.peer.sndNxt = 1;
    bench.segment({ seq: 0, flags: 0x12 });
    bench.app.send(octets(1920));
    expect(bench.pump().map(show)).toEqual([
      '<SEQ=1><ACK=1><CTL=ACK><DATA=960>',
      '<SEQ=961><ACK=1><CTL=ACK><DATA=960>',
    ]);
  });
});
