// NewReno by itself: RFC 5681 3.1, RFC 6928, RFC 3465, equation 4. What it makes of segments: segments.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_REDUCE } from '../tcb.ts';
import { AckSample } from './controller.ts';
import { NewReno } from './new-reno.ts';
import { AckClock } from './testing/ack-clock.ts';
import { initialWindow, WINDOW_MAX } from './window-limits.ts';

const MSS = 1000;

/** Octets acknowledged while the window was what held the sender. */
function sample(ackedBytes: number, change: Partial<AckSample> = {}): AckSample {
  return Object.assign(new AckSample(), { ackedBytes }, change);
}

/** In congestion avoidance, with a window of `segments`. */
function avoiding(segments: number): NewReno {
  const reno = new NewReno(MSS);
  reno.lost(2 * segments * MSS, 0);
  reno.recovered(segments * MSS, 0);
  return reno;
}

describe('MUST-19: slow start and congestion avoidance (RFC 5681 3.1)', () => {
  // R6928.1
  test.each([
    [536, 5360],
    [1460, 14_600],
    [1461, 14_600],
    [7300, 14_600],
    [9000, 18_000],
    [65_495, 130_990],
  ])('RFC 6928: with an MSS of %i the initial window has %i octets', (mss, octets) => {
    expect(initialWindow(mss)).toBe(octets);
    expect(new NewReno(mss).cwnd).toBe(octets);
  });

  test('slow start opens the window by what was acknowledged: twice as much each round trip', () => {
    const reno = new NewReno(MSS);
    for (let i = 0; i < 10; i++) reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(20 * MSS);
  });

  // R5681.1
  test('congestion avoidance opens it by one segment each round trip', () => {
    const reno = avoiding(10);
    for (let i = 0; i < 9; i++) reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(10 * MSS);
    reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(11 * MSS);
    for (let i = 0; i < 11; i++) reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(12 * MSS);
  });

  // R5681.1
  test('over a hundred round trips of an ideal path it is one segment each', () => {
    const clock = new AckClock(avoiding(10), MSS, 100_000);
    for (let i = 0; i < 100; i++) clock.round();
    expect(clock.segments).toBe(110);
  });

  test('an acknowledgment that carries slow start over ssthresh stops there, and its rest counts for avoidance', () => {
    const reno = new NewReno(MSS);
    reno.timedOut(20 * MSS, false, 0);
    reno.acknowledged(sample(15 * MSS, { recovery: RECOVERY_LOSS }));
    expect(reno.ssthresh).toBe(10 * MSS);
    expect(reno.cwnd).toBe(10 * MSS);
    reno.acknowledged(sample(4 * MSS));
    expect(reno.cwnd).toBe(11 * MSS);
  });

  test('a window that was not used does not grow (RFC 7661)', () => {
    const reno = new NewReno(MSS);
    reno.acknowledged(sample(MSS, { appLimited: true }));
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('what arrives out of order opens nothing: SND.UNA must move', () => {
    const reno = new NewReno(MSS);
    reno.acknowledged(sample(MSS, { advanced: false }));
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('loss halves what was in flight, not the window (equation 4)', () => {
    const reno = new NewReno(MSS);
    reno.lost(8 * MSS, 0);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, 4 * MSS]);
  });

  // R5681.2
  test('a timeout leaves one segment; a second for the same octets leaves ssthresh alone', () => {
    const reno = new NewReno(MSS);
    reno.timedOut(8 * MSS, false, 0);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, MSS]);
    reno.timedOut(MSS, true, 0);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, MSS]);
  });

  // R5681.2
  test('ssthresh is never below two segments', () => {
    const reno = new NewReno(MSS);
    reno.lost(MSS, 0);
    expect(reno.ssthresh).toBe(2 * MSS);
    reno.timedOut(MSS, false, 0);
    expect(reno.ssthresh).toBe(2 * MSS);
  });

  test('RFC 5681 4.1: after a pause longer than RTO the window is the initial one at most', () => {
    const large = avoiding(40);
    large.restarted(1e6, true, 0);
    expect([large.cwnd, large.ssthresh]).toEqual([10 * MSS, 40 * MSS]);
    const small = avoiding(4);
    small.restarted(1e6, true, 0);
    expect(small.cwnd).toBe(4 * MSS);
  });

  test('RFC 2861: three quarters of the window that it had are the threshold of the slow start that follows', () => {
    const clock = new AckClock(avoiding(40), MSS, 100_000);
    for (let i = 0; i < 60; i++) clock.round();
    clock.controller.restarted(1e6, true, clock.nowUs);
    expect([clock.segments, clock.controller.ssthresh]).toEqual([10, 75 * MSS]);
  });

  test('a shorter pause leaves the window', () => {
    const reno = avoiding(40);
    reno.restarted(1e5, false, 0);
    expect(reno.cwnd).toBe(40 * MSS);
  });
});

describe('beside proportional rate reduction (RFC 9937)', () => {
  test('it leaves its window alone while the flight goes down, for loss or for a mark', () => {
    const reno = new NewReno(MSS);
    reno.lost(20 * MSS, 0);
    for (const recovery of [RECOVERY_FAST, RECOVERY_REDUCE])
      reno.acknowledged(sample(30 * MSS, { recovery }));
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('at the end the window is ssthresh, even where little is in flight: PRR and pacing keep the burst away that RFC 6582 caps', () => {
    const reno = new NewReno(MSS);
    reno.lost(20 * MSS, 0);
    reno.recovered(0, 0);
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('the end of a recovery that a timeout began raises nothing', () => {
    const reno = new NewReno(MSS);
    reno.lost(20 * MSS, 0);
    reno.timedOut(20 * MSS, false, 0);
    reno.recovered(0, 0);
    expect(reno.cwnd).toBe(MSS);
  });
});

describe('a reduction that was for nothing', () => {
  test('is undone by its end: window and threshold as before', () => {
    const reno = avoiding(40);
    reno.lost(40 * MSS, 0);
    reno.undone(0);
    expect([reno.cwnd, reno.ssthresh]).toEqual([40 * MSS, 40 * MSS]);
  });

  test('is undone after several timeouts of the same octets as before the first', () => {
    const reno = avoiding(40);
    reno.timedOut(40 * MSS, false, 0);
    reno.timedOut(MSS, true, 0);
    reno.timedOut(MSS, true, 0);
    reno.undone(0);
    expect([reno.cwnd, reno.ssthresh]).toEqual([40 * MSS, 40 * MSS]);
  });

  test('leaves what has grown beyond it since, and is undone once', () => {
    const reno = avoiding(4);
    reno.lost(4 * MSS, 0);
    reno.recovered(0, 0);
    for (let i = 0; i < 200; i++) reno.acknowledged(sample(MSS));
    const { cwnd } = reno;
    reno.undone(0);
    expect(reno.cwnd).toBe(cwnd);
    reno.timedOut(cwnd, false, 0);
    reno.undone(0);
    reno.undone(0);
    expect(reno.cwnd).toBe(cwnd);
  });

  test('to undo again brings nothing back that was given up since', () => {
    const reno = avoiding(40);
    reno.lost(40 * MSS, 0);
    reno.undone(0);
    reno.restarted(1e6, true, 0);
    reno.undone(0);
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('undone in slow start, slow start goes on', () => {
    const reno = new NewReno(MSS);
    reno.lost(10 * MSS, 0);
    reno.undone(0);
    reno.acknowledged(sample(10 * MSS));
    expect(reno.cwnd).toBe(20 * MSS);
  });
});

test('no window passes what sequence numbers reach', () => {
  const reno = new NewReno(MSS);
  reno.cwnd = WINDOW_MAX;
  reno.acknowledged(sample(WINDOW_MAX));
  expect(reno.cwnd).toBe(WINDOW_MAX);
});

test('a new MSS makes the initial window anew, and no other', () => {
  const reno = new NewReno(1460);
  reno.resized(1000);
  expect(reno.cwnd).toBe(10_000);
  const later = avoiding(4);
  later.resized(500);
  expect(later.cwnd).toBe(4000);
  later.resized(5000);
  expect([later.cwnd, later.ssthresh]).toEqual([5000, 10_000]);
});

const step = fc.oneof(
  fc.record({ kind: fc.constant('ack' as const), octets: fc.integer({ min: 1, max: 1 << 20 }) }),
  fc.record({ kind: fc.constantFrom('lost', 'timeout', 'again', 'restart', 'end'), octets: fc.nat(1 << 24) }),
);

property.prop([fc.array(step, { maxLength: 60 })])(
  'whatever happens, one segment may go; the window grows by no more than was acknowledged, and faster than one segment a window only below ssthresh',
  (steps) => {
    const reno = new NewReno(MSS);
    const broken: string[] = [];
    for (const { kind, octets } of steps) {
      const { cwnd, ssthresh } = reno;
      if (kind === 'ack') reno.acknowledged(sample(octets));
      else if (kind === 'lost') reno.lost(octets, 0);
      else if (kind === 'end') reno.recovered(octets, 0);
      else if (kind === 'restart') reno.restarted(octets, true, 0);
      else reno.timedOut(octets, kind === 'again', 0);
      const grown = reno.cwnd - cwnd;
      if (reno.cwnd < MSS || reno.ssthresh < 2 * MSS) broken.push(`${kind}: too small`);
      if (kind === 'ack' && grown > octets + MSS) broken.push('grew by more than was acknowledged');
      if (kind === 'ack' && reno.cwnd > Math.max(cwnd, ssthresh) + MSS) broken.push('went past ssthresh');
      if (kind !== 'ack' && grown > 0 && reno.cwnd > reno.ssthresh) broken.push(`${kind}: grew`);
    }
    expect(broken).toEqual([]);
  },
);
