// Connections asleep: a row wakes as what fell asleep, whatever it was. See rows.ts for what a row holds.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { Path } from '../ip/path.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { tcpIn } from '../testing/tcp-bench.ts';
import { TCP_ACK, TCP_SYN } from '../wire/tcp.ts';
import { NOTHING_SENT, SentStore } from './buffers/sent-ranges.ts';
import { Rows } from './rows.ts';
import { SYN_RECEIVED, setState, TIME_WAIT } from './state.ts';
import { chooseIss } from './synchronize.ts';
import { Tcb, TIMER_RETRANSMIT, TIMER_TIME_WAIT } from './tcb.ts';
import { setDeadline } from './timers.ts';

const sents = new SentStore();
const path = { id: 5 } as Path;

function fresh(): Tcb {
  return new Tcb({ markDirty: () => undefined }, path);
}

const int32 = fc.integer();
const fields = fc.record({
  iss: int32,
  irs: int32,
  ahead: fc.nat({ max: 1 << 30 }),
  sndWnd: fc.nat({ max: 65_535 * 2 ** 14 }),
  sndScale: fc.nat({ max: 14 }),
  rcvScale: fc.nat({ max: 14 }),
  windowScaling: fc.boolean(),
  timestamps: fc.boolean(),
  sackPermitted: fc.boolean(),
  tsRecent: int32,
  tsRecentS: fc.nat(),
  tsOffset: int32,
  peerMss: fc.integer({ min: 48, max: 65_535 }),
  ttl: fc.integer({ min: 1, max: 255 }),
  tos: fc.nat({ max: 255 }),
  localPort: fc.integer({ min: 1, max: 65_535 }),
  remotePort: fc.integer({ min: 1, max: 65_535 }),
  challenged: fc.boolean(),
  challengeMs: int32,
  deadlineMs: int32,
});
type Fields = typeof fields extends fc.Arbitrary<infer T> ? T : never;

function common(said: Fields): Tcb {
  const tcb = fresh();
  const { iss, ahead, deadlineMs: _, ...rest } = said;
  chooseIss(tcb, iss);
  Object.assign(tcb, rest);
  tcb.rcvAdv = (said.irs + 1 + ahead) | 0;
  tcb.sndWndMax = tcb.sndWnd;
  return tcb;
}

/** The windows of a SYN, and of our answer, have 16 bits. */
function unscaled(said: Fields): Tcb {
  return common({ ...said, ahead: said.ahead & 0xffff, sndWnd: said.sndWnd & 0xffff });
}

/** What a connection is, apart from its place in the tables and from estimates that it has none of. */
function meaning(tcb: Tcb): Record<string, unknown> {
  const { first } = tcb.sent;
  const rest: Record<string, unknown> = Object.fromEntries(Object.entries(tcb));
  for (const key of ['list', 'path', 'sent', 'mss', 'mssPmtu', 'rcvMss', 'lastSentMs'] as const)
    delete rest[key];
  return {
    ...rest,
    range: first && [first.seq, first.end, first.sentUs, first.retransmits, first.lost],
  };
}

function roundTrip(tcb: Tcb, deadlineMs: number): Tcb {
  const rows = new Rows(4);
  const row = rows.sleep(tcb, 3);
  expect([rows.listenerOf(row), rows.pathOf(row)]).toEqual([3, 5]);
  const ports = rows.portsOf(row);
  const woken = fresh();
  woken.localPort = ports >>> 16;
  woken.remotePort = ports & 0xffff;
  const list = rows.hasSent(row) ? sents.take() : NOTHING_SENT;
  const nowMs = (tcb.challengeMs + 700) | 0;
  woken.tsOffset = tcb.tsOffset;
  rows.wake(row, woken, list, deadlineMs, { nowMs, uptimeS: tcb.tsRecentS, options: DEFAULT_OPTIONS });
  expect([rows.embryonic, rows.timeWaiting]).toEqual([0, 0]);
  return woken;
}

describe('sleep and wake give the same connection', () => {
  property.prop([fields, fc.nat({ max: 6 }), fc.nat({ max: 200 }), int32])(
    'SYN-RECEIVED, however often its SYN,ACK was sent',
    (said, retries, asked, sentUs) => {
      const tcb = unscaled(said);
      setState(tcb, SYN_RECEIVED);
      tcb.rcvNxt = (said.irs + 1) | 0;
      tcb.rcvRead = tcb.lastAckSent = tcb.rcvNxt;
      tcb.sndWl1 = said.irs;
      tcb.sndWl2 = tcb.iss;
      tcb.sndNxt = (tcb.iss + 1) | 0;
      tcb.retries = tcb.synsLost = retries;
      tcb.sent = sents.take();
      const range = tcb.sent.append(tcb.iss, tcb.sndNxt, sentUs, 0);
      // By the timer, and because the peer asked.
      range.retransmits = retries + asked;
      tcb.rtoMs = Math.min(120_000, 1000 * 2 ** retries);
      setDeadline(tcb, TIMER_RETRANSMIT, said.deadlineMs);
      expect(meaning(roundTrip(tcb, said.deadlineMs))).toEqual(meaning(tcb));
    },
  );

  property.prop([fields])('SYN-RECEIVED that is held: nothing was sent', (said) => {
    const tcb = unscaled(said);
    setState(tcb, SYN_RECEIVED);
    tcb.rcvNxt = (said.irs + 1) | 0;
    tcb.rcvRead = tcb.lastAckSent = tcb.rcvNxt;
    tcb.sndWl1 = said.irs;
    tcb.sndWl2 = tcb.iss;
    tcb.held = true;
    tcb.rtoMs = 1000;
    setDeadline(tcb, TIMER_RETRANSMIT, said.deadlineMs);
    expect(meaning(roundTrip(tcb, said.deadlineMs))).toEqual(meaning(tcb));
  });

  property.prop([fields])('TIME-WAIT, of what still matters', (said) => {
    const tcb = common(said);
    setState(tcb, TIME_WAIT);
    Object.assign(tcb, { finQueued: true, finReceived: true, synAcked: true });
    tcb.rcvNxt = (said.irs + 2) | 0;
    tcb.rcvRead = tcb.rcvNxt;
    tcb.sndNxt = tcb.sndUna = (tcb.iss + 2) | 0;
    setDeadline(tcb, TIMER_TIME_WAIT, said.deadlineMs);
    const kept = [
      'state',
      'sndNxt',
      'sndUna',
      'rcvNxt',
      'rcvAdv',
      'lastAckSent',
      'timestamps',
      'tsRecent',
      'tsRecentS',
    ];
    const options = [
      'tsOffset',
      'sndScale',
      'rcvScale',
      'ttl',
      'tos',
      'timers',
      'timeWaitAtMs',
      'finAcked',
      'unread',
      'challenged',
      'challengeMs',
    ];
    const pick = (from: Tcb): unknown[] => [...kept, ...options].map((key) => from[key as keyof Tcb]);
    const woken = roundTrip(tcb, said.deadlineMs);
    expect(pick(woken)).toEqual(pick(tcb));
  });
});

test('the oldest embryonic row is known whatever order they leave in', () => {
  const rows = new Rows(8);
  const tcb = fresh();
  setState(tcb, SYN_RECEIVED);
  const all = [1, 2, 3, 4].map(() => rows.sleep(tcb, 0));
  const order = (): number[] => {
    const found: number[] = [];
    for (let row = rows.oldestEmbryonic(); row !== -1; row = rows.newerThan(row)) found.push(row);
    return found;
  };
  expect(order()).toEqual(all);
  rows.release(all[1]);
  rows.release(all[0]);
  expect(order()).toEqual(all.slice(2));
  rows.release(all[3]);
  expect(order()).toEqual([all[2]]);
  rows.release(all[2]);
  expect([order(), rows.embryonic]).toEqual([[], 0]);
});

test('as many sleep as may, and no more', () => {
  const rows = new Rows(100);
  const tcb = fresh();
  setState(tcb, TIME_WAIT);
  const all = Array.from({ length: 101 }, () => rows.sleep(tcb, 0));
  expect(all.at(-1)).toBe(-1);
  expect(new Set(all.slice(0, 100)).size).toBe(100);
});

describe('on segments', () => {
  // R6298.11
  test('RFC 6298 5.7: a passive open whose SYN,ACK was lost begins with an RTO of 3 s', () => {
    const bench = tcpIn('SYN-RECEIVED');
    bench.run(1500);
    bench.acks();
    expect(bench.app.status().rtoMs).toBe(3000);
  });

  // Karn: which of the two it acknowledges nobody knows.
  test('MUST-18: a SYN,ACK that the peer asked for again gives no round trip', () => {
    const bench = tcpIn('SYN-RECEIVED');
    bench.run(500);
    expect(bench.segment({ seq: 0, flags: TCP_SYN }).length).toBe(1);
    bench.run(5);
    bench.acks();
    expect(bench.app.status().srttMs).toBe(0);
  });

  test('one that was sent once gives it, although the connection slept', () => {
    const bench = tcpIn('SYN-RECEIVED');
    bench.run(70);
    bench.acks();
    expect(bench.app.status().srttMs).toBe(70);
  });

  test.each(['SYN-RECEIVED', 'TIME-WAIT'] as const)(
    '%s is challenged once in 500 ms, although it sleeps',
    (state) => {
      const bench = tcpIn(state);
      // Outside of the window, and empty: whoever answers each may be answered for ever.
      const answers = [0, 0, 0].map(() => bench.segment({ seq: -100 }).length);
      expect(answers).toEqual([1, 0, 0]);
      bench.run(500);
      expect(bench.segment({ seq: -100 }).length).toBe(1);
    },
  );

  test('TIME-WAIT costs no Tcb, and answers as one', () => {
    const bench = tcpIn('TIME-WAIT');
    expect(bench.say({ seq: 1, flags: TCP_ACK }, Uint8Array.of(1))).toEqual(['<SEQ=2><ACK=2><CTL=ACK>']);
    expect(bench.stack.tcpConnectionCount).toBe(1);
    bench.run(60_000);
    expect(bench.stack.tcpConnectionCount).toBe(0);
  });
});
