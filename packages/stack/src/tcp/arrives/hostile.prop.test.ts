// Rows of docs/hostile-input.csv that are segments at a live connection: blind RST, SYN and data (RFC 5961), ACKs that lie,
// FIN and urgent data out of place, other octets, other timestamps, other sequence numbers. RFC 9293 3.10.7.4.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { add, diff } from '../../base/int.ts';
import { Ordeal } from '../../testing/ordeal.ts';
import {
  type PeerSegment,
  type StateName,
  show,
  type TcpBench,
  type TcpBenchOptions,
  tcpIn,
} from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../wire/tcp.ts';

const INT32_MAX = 0x7fff_ffff;
const REPEATS = 5;

interface Victim {
  readonly tcp: TcpBench;
  readonly ordeal: Ordeal;
}

/** A connection in this state, and beside it all that must not notice. */
function victim(state: StateName, config: TcpBenchOptions = {}): Victim {
  const tcp = tcpIn(state, config);
  return { tcp, ordeal: new Ordeal(tcp.bench) };
}

const SYNCHRONIZED = fc.constantFrom<StateName>(
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
);
/** From RCV.NXT: at and around both edges of a window of up to 128 KiB, and anywhere. */
const PLACE = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: 65_533, max: 65_540 }),
  fc.integer({ min: 0, max: 131_075 }),
  fc.integer(),
);

/** The octet at a place of the peer's stream, which begins at 1. */
const octet = (place: number): number => (place * 31) & 255;
const stream = (from: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => octet(from + i));

function expectPrefix(tcp: TcpBench): void {
  expect(tcp.read).toEqual([...stream(1, tcp.read.length)]);
}

property.prop([
  fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 })), { maxLength: 30 }),
])('[hostile 23] whatever is sent again with other octets, those that came first are read', (steps) => {
  const { tcp, ordeal } = victim('ESTABLISHED');
  const first = new Map<number, number>();
  for (const [i, [from, length]] of steps.entries()) {
    for (let place = from; place < from + length; place++) if (!first.has(place)) first.set(place, i);
    const frame = tcp.frame({ seq: from }, new Uint8Array(length).fill(i));
    ordeal.withstand([frame], { reasons: ['TCP_OUT_OF_WINDOW'], mayPass: true });
  }
  // What is missing comes from one who means it.
  for (let place = 1; place < 261; place++) if (!first.has(place)) first.set(place, 255);
  ordeal.withstand([tcp.frame({ seq: 1 }, new Uint8Array(260).fill(255))], {
    reasons: ['TCP_OUT_OF_WINDOW'],
    mayPass: true,
  });
  expect(tcp.read).toEqual(Array.from({ length: 260 }, (_, i) => first.get(i + 1)));
  ordeal.end();
});

// R5961.1
property.prop([SYNCHRONIZED, PLACE, fc.boolean()])(
  '[hostile 24] a RST counts at RCV.NXT alone, is challenged in the window, and nothing outside (RFC 5961 3.2)',
  (state, place, ack) => {
    const { tcp, ordeal } = victim(state);
    const inside = place > 0 && place < tcp.known.rcvWnd;
    const frame = tcp.frame({ seq: tcp.rcvNxt + place, flags: ack ? TCP_RST | TCP_ACK : TCP_RST });
    const replies = ordeal.withstand([frame], {
      reasons: inside ? ['TCP_RST_CHALLENGED'] : ['TCP_OUT_OF_WINDOW'],
      mayPass: place === 0,
      silent: !inside,
    });
    expect(replies.length).toBe(inside ? 1 : 0);
    expect(tcp.state()).toBe(place === 0 ? 'LISTEN' : state);
    ordeal.end();
  },
);

// R5961.2
property.prop([
  SYNCHRONIZED,
  PLACE,
  fc.constantFrom(TCP_SYN, TCP_SYN | TCP_ACK, TCP_SYN | TCP_PSH, TCP_SYN | TCP_ACK | TCP_URG),
])(
  '[hostile 25] a SYN at a synchronized connection is challenged wherever it lies, once in 500 ms (RFC 5961 4.2)',
  (state, place, flags) => {
    const { tcp, ordeal } = victim(state);
    const frame = tcp.frame({ seq: tcp.rcvNxt + place, flags });
    const reasons = ['TCP_SYN_CHALLENGED', 'TCP_OUT_OF_WINDOW'] as const;
    const replies = ordeal.withstand(new Array<Uint8Array>(REPEATS).fill(frame), { reasons });
    expect(replies.length).toBe(1);
    expect(tcp.state()).toBe(state);
    ordeal.end();
  },
);

// R5961.3
property.prop([
  fc.integer({ min: 1, max: INT32_MAX - 70_000 }),
  fc.boolean(),
  fc.integer({ min: 0, max: 60_000 }),
  fc.integer({ min: 0, max: 100 }),
])(
  '[hostile 26] data with an ACK that is too old or too new is not taken, and challenged once (RFC 5961 5.2)',
  (distance, tooNew, place, length) => {
    const { tcp, ordeal } = victim('ESTABLISHED');
    const ack = tooNew ? tcp.sndNxt + distance : tcp.sndUna - tcp.known.sndWndMax - distance;
    const frame = tcp.frame({ seq: 1 + place, ack }, stream(1 + place, length));
    const replies = ordeal.withstand(new Array<Uint8Array>(REPEATS).fill(frame), {
      reasons: [tooNew ? 'TCP_BAD_ACK' : 'TCP_OLD_ACK'],
    });
    expect(replies.length).toBe(1);
    expect([tcp.read, tcp.rcvNxt, tcp.state()]).toEqual([[], 1, 'ESTABLISHED']);
    ordeal.end();
  },
);

property.prop([fc.integer({ min: 8, max: 30 }), fc.constantFrom(TCP_RST, TCP_SYN)], { numRuns: 25 })(
  '[hostile 27] how many challenges a second brings says nothing of the next second (CVE-2016-5696)',
  (perSecond, flags) => {
    const { tcp, ordeal } = victim('ESTABLISHED', {
      options: { tcpChallengeIntervalMs: 0, tcpChallengesPerSecond: perSecond },
    });
    const frame = tcp.frame({ seq: 100, flags });
    const counts = Array.from({ length: 12 }, () => {
      const frames = new Array<Uint8Array>(2 * perSecond).fill(frame);
      const replies = ordeal.withstand(frames, { reasons: ['TCP_RST_CHALLENGED', 'TCP_SYN_CHALLENGED'] });
      ordeal.pass(1000);
      return replies.length;
    });
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(perSecond >> 1);
    expect(Math.max(...counts)).toBeLessThan((perSecond >> 1) + perSecond);
    expect(new Set(counts).size).toBeGreaterThan(1);
    ordeal.end();
  },
);

property.prop([SYNCHRONIZED, fc.integer({ min: 1, max: INT32_MAX - 140_000 }), fc.boolean()])(
  '[hostile 33] two ends that lost each other do not answer answers: one ACK in 500 ms',
  (state, distance, left) => {
    const { tcp, ordeal } = victim(state);
    const place = left ? -distance : tcp.known.rcvWnd + distance;
    const storm = new Array<Uint8Array>(50).fill(tcp.frame({ seq: tcp.rcvNxt + place }));
    const reasons = ['TCP_OUT_OF_WINDOW'] as const;
    expect(ordeal.withstand(storm, { reasons }).length).toBe(1);
    ordeal.pass(500);
    expect(ordeal.withstand(storm, { reasons }).length).toBe(1);
    expect(tcp.state()).toBe(state);
    ordeal.end();
  },
);

property.prop([fc.array(fc.integer({ min: 1, max: INT32_MAX }), { minLength: 1, maxLength: 10 })])(
  '[hostile 34] an ACK of what was never sent acknowledges nothing, and opens no window',
  (beyond) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { outstanding: 5000 });
    const { cwnd } = tcp.app.status();
    const frames = beyond.map((distance) => tcp.frame({ ack: tcp.sndNxt + distance }));
    expect(ordeal.withstand(frames, { reasons: ['TCP_BAD_ACK'] }).length).toBe(1);
    expect(tcp.sndUna).toBe(1);
    expect(tcp.app.status().cwnd).toBe(cwnd);
    tcp.acks(5001);
    expect(tcp.sndUna).toBe(5001);
    ordeal.end();
  },
);

property.prop([fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 30 })])(
  '[hostile 34] an ACK in slices opens the congestion window by the octets it acknowledges, and no more',
  (slice, slices) => {
    const { tcp, ordeal } = victim('ESTABLISHED');
    tcp.app.send(new Uint8Array(100_000));
    tcp.pump();
    const { cwnd } = tcp.app.status();
    const acked = Math.min(slice * slices, tcp.sndNxt - 1);
    for (let ack = 1 + slice; ack <= 1 + acked; ack += slice) tcp.acks(ack);
    expect(tcp.app.status().cwnd).toBeLessThanOrEqual(cwnd + acked);
    ordeal.serve();
    tcp.end();
  },
);

property.prop([fc.integer({ min: 1, max: 60 })])(
  '[hostile 34] duplicate ACKs that nobody caused free one segment each at most, and acknowledge nothing',
  (count) => {
    const { tcp, ordeal } = victim('ESTABLISHED');
    tcp.app.send(new Uint8Array(1_000_000));
    tcp.pump();
    const sndNxt = tcp.sndNxt;
    for (let i = 0; i < count; i++) tcp.acks(1);
    expect(tcp.sndUna).toBe(1);
    expect(tcp.sndNxt - sndNxt).toBeLessThanOrEqual(count * 1460);
    ordeal.serve();
    tcp.end();
  },
);

property.prop([
  fc.array(fc.tuple(fc.integer({ min: 0, max: 600 }), fc.nat(60), fc.nat(0xffff), fc.boolean()), {
    minLength: 1,
    maxLength: 20,
  }),
  fc.boolean(),
])(
  '[hostile 35] whatever the urgent pointer points at, with text or none, at a shut window: the text stays in its place',
  (steps, reads) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { receiveBuffer: 300, reads });
    for (const [back, length, urgent, push] of steps) {
      const from = Math.max(1, tcp.rcvNxt - 300 + back);
      const flags = TCP_URG | TCP_ACK | (push ? TCP_PSH : 0);
      const frame = tcp.frame({ seq: from, flags, urgent, window: push ? 0 : 65_535 }, stream(from, length));
      ordeal.withstand([frame], { reasons: ['TCP_OUT_OF_WINDOW'], mayPass: true });
    }
    tcp.readAll();
    tcp.pump();
    const next = tcp.rcvNxt;
    tcp.segment({ seq: next, flags: TCP_URG | TCP_ACK, urgent: 0xffff }, stream(next, 20));
    tcp.readAll();
    expect(tcp.read.length).toBeGreaterThanOrEqual(next + 19);
    expectPrefix(tcp);
    ordeal.end();
  },
);

property.prop([
  fc.integer({ min: 0, max: 300 }),
  fc.array(
    fc.record({
      from: fc.integer({ min: 1, max: 700 }),
      length: fc.nat(400),
      fin: fc.constantFrom('none', 'none', 'alone', 'behind text'),
    }),
    { minLength: 1, maxLength: 20 },
  ),
])(
  '[hostile 37] behind a FIN there is nothing, and one that comes again ends nothing twice',
  (length, steps) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { receiveBuffer: 500, reads: false });
    const fin = 1 + length;
    let readAtEnd = -1;
    let [told, lied] = [false, false];
    for (const step of steps) {
      const from =
        step.fin === 'none' ? step.from : step.fin === 'alone' ? fin : Math.max(1, fin - step.length);
      const text = step.fin === 'none' ? stream(from, step.length) : stream(from, fin - from);
      const flags = step.fin === 'none' ? TCP_ACK : TCP_ACK | TCP_FIN;
      ordeal.withstand([tcp.frame({ seq: from, flags }, text)], {
        reasons: ['TCP_OUT_OF_WINDOW'],
        mayPass: true,
      });
      // Once the end is known, nothing moves beyond it; text beyond it that came first was text.
      told ||= step.fin !== 'none';
      lied ||= !told && from + text.length > fin;
      if (told && !lied) expect(tcp.rcvNxt).toBeLessThanOrEqual(fin + 1);
      if (tcp.heard.includes('ended') && readAtEnd < 0) readAtEnd = tcp.rcvNxt;
      if (readAtEnd >= 0) expect(tcp.rcvNxt).toBe(readAtEnd);
    }
    tcp.readAll();
    expectPrefix(tcp);
    expect(tcp.heard.filter((what) => what === 'ended').length).toBeLessThanOrEqual(1);
    ordeal.end();
  },
);

property.prop([fc.integer({ min: 64, max: 900 }), fc.nat(500), fc.integer({ min: 1, max: 500 })])(
  '[hostile 37] a FIN whose text reaches beyond the window is cut off with what sticks out',
  (buffer, back, beyond) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { receiveBuffer: buffer, reads: false });
    const room = tcp.known.rcvWnd;
    const from = Math.max(1, room - back);
    const frame = tcp.frame({ seq: from, flags: TCP_ACK | TCP_FIN }, stream(from, 1 + room - from + beyond));
    ordeal.withstand([frame], { reasons: ['TCP_OUT_OF_WINDOW'], mayPass: true });
    tcp.segment({ seq: 1 }, stream(1, from - 1));
    tcp.readAll();
    expect(tcp.heard).not.toContain('ended');
    expect(tcp.state()).toBe('ESTABLISHED');
    expect(tcp.read.length).toBe(room);
    expectPrefix(tcp);
    ordeal.end();
  },
);

property.prop([fc.integer({ min: 1, max: 400 })])(
  '[hostile 37] a RST with text resets, and its text is not read',
  (length) => {
    const { tcp, ordeal } = victim('ESTABLISHED');
    const frame = tcp.frame({ seq: 1, flags: TCP_RST | TCP_ACK }, stream(1, length));
    ordeal.withstand([frame], { reasons: [], mayPass: true, silent: true });
    expect([tcp.read, tcp.state()]).toEqual([[], 'LISTEN']);
    expect(tcp.heard).toContain('error ECONNRESET');
    ordeal.end();
  },
);

const SCRIPT = fc.array(
  fc.record({
    place: fc.integer({ min: -100, max: 100_000 }),
    length: fc.nat(100),
    flags: fc.constantFrom(
      TCP_ACK,
      TCP_ACK,
      TCP_ACK | TCP_FIN,
      TCP_ACK | TCP_URG,
      TCP_SYN,
      TCP_RST | TCP_ACK,
    ),
    acks: fc.integer({ min: -3, max: 3 }),
  }),
  { minLength: 1, maxLength: 15 },
);
/** At the wraps of signed and unsigned numbers, and anywhere. */
const START = fc.oneof(
  fc.integer({ min: -257, max: 2 }),
  fc.integer({ min: INT32_MAX - 257, max: INT32_MAX }),
  fc.integer(),
);

/** What a connection that starts at these numbers says to a script, and what is read. */
function told(
  steps: typeof SCRIPT extends fc.Arbitrary<infer T> ? T : never,
  iss: number,
  peerIss: number,
): unknown {
  const { tcp, ordeal } = victim('ESTABLISHED', { iss, peerIss });
  const lines: unknown[] = [];
  for (const { place, length, flags, acks } of steps) {
    const there = tcp.tcb() !== undefined;
    const fields: PeerSegment = { seq: (there ? tcp.rcvNxt : 1) + place, ack: 1 + acks, flags };
    lines.push(tcp.segment(fields, stream(1 + place, length)).map(show), tcp.state());
  }
  ordeal.end();
  return [lines, tcp.read, tcp.heard];
}

property.prop([SCRIPT, START, START])(
  '[hostile 38] wherever the sequence numbers start, the same is said and read',
  (steps, iss, peerIss) => {
    expect(told(steps, iss, peerIss)).toEqual(told(steps, 1000, 2_000_000));
  },
);

// R7323.7
property.prop([
  fc.array(
    fc.record({
      jump: fc.oneof(
        fc.integer({ min: -3, max: 3 }),
        fc.integer(),
        fc.constantFrom(INT32_MAX, -INT32_MAX - 1),
      ),
      echo: fc.option(fc.integer(), { nil: undefined }),
      vanished: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  ),
])(
  '[hostile 39] a timestamp that goes back, or is not there, ends its segment; what is echoed makes no difference',
  (steps) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { timestamps: true });
    const { srttMs, rtoMs } = tcp.app.status();
    let recent = 0;
    for (const { jump, echo, vanished } of steps) {
      const tsVal = add(recent, jump);
      const taken = !vanished && diff(tsVal, recent) >= 0;
      const seq = tcp.rcvNxt;
      const fields: PeerSegment = { seq, tsVal, ...(echo !== undefined && { tsEcr: echo }) };
      const frame = tcp.frame(vanished ? { ...fields, options: [] } : fields, stream(seq, 10));
      const replies = ordeal.withstand([frame], {
        reasons: taken ? [] : [vanished ? 'TCP_NO_TIMESTAMP' : 'TCP_PAWS'],
        mayPass: taken,
        silent: vanished,
      });
      if (!taken && !vanished) expect(replies.length).toBe(1);
      expect(tcp.rcvNxt - seq).toBe(taken ? 10 : 0);
      if (taken) recent = tsVal;
    }
    expectPrefix(tcp);
    expect(tcp.app.status()).toMatchObject({ srttMs, rtoMs });
    ordeal.end();
  },
);

property.prop([fc.integer(), fc.integer({ min: 1, max: 2000 })])(
  '[hostile 39] an echo of what was never sent gives no round trip but the one that was',
  (echo, afterMs) => {
    const { tcp, ordeal } = victim('ESTABLISHED', { timestamps: true, outstanding: 100 });
    tcp.run(afterMs);
    tcp.segment({ ack: 101, tsEcr: echo });
    expect(tcp.sndUna).toBe(101);
    const { srttMs } = tcp.app.status();
    expect(srttMs).toBeGreaterThanOrEqual(0);
    expect(srttMs).toBeLessThanOrEqual(afterMs + 1);
    ordeal.end();
  },
);
