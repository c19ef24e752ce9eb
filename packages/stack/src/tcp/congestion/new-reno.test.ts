// NewReno by itself: RFC 5681 3.1, RFC 6928, RFC 3465, equation 4. What it makes of segments: output/congestion.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { AckSample } from './controller.ts';
import { initialWindow, NewReno } from './new-reno.ts';

const MSS = 1000;

/** Octets acknowledged while the window was what held the sender. */
function sample(ackedBytes: number, appLimited = false): AckSample {
  return Object.assign(new AckSample(), { ackedBytes, appLimited });
}

/** In congestion avoidance, with a window of `segments`. */
function avoiding(segments: number): NewReno {
  const reno = new NewReno(MSS);
  reno.lost(2 * segments * MSS);
  return reno;
}

describe('MUST-19: slow start and congestion avoidance (RFC 5681 3.1)', () => {
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

  test('congestion avoidance opens it by one segment each round trip', () => {
    const reno = avoiding(10);
    for (let i = 0; i < 9; i++) reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(10 * MSS);
    reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(11 * MSS);
    for (let i = 0; i < 11; i++) reno.acknowledged(sample(MSS));
    expect(reno.cwnd).toBe(12 * MSS);
  });

  test('an acknowledgment that carries slow start over ssthresh stops there, and its rest counts for avoidance', () => {
    const reno = new NewReno(MSS);
    reno.timedOut(20 * MSS, false);
    reno.acknowledged(sample(15 * MSS));
    expect(reno.ssthresh).toBe(10 * MSS);
    expect(reno.cwnd).toBe(10 * MSS);
    reno.acknowledged(sample(4 * MSS));
    expect(reno.cwnd).toBe(11 * MSS);
  });

  test('a window that was not used does not grow (RFC 7661)', () => {
    const reno = new NewReno(MSS);
    reno.acknowledged(sample(MSS, true));
    expect(reno.cwnd).toBe(10 * MSS);
  });

  test('loss halves what was in flight, not the window (equation 4)', () => {
    const reno = new NewReno(MSS);
    reno.lost(8 * MSS);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, 4 * MSS]);
  });

  test('a timeout leaves one segment; a second for the same octets leaves ssthresh alone', () => {
    const reno = new NewReno(MSS);
    reno.timedOut(8 * MSS, false);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, MSS]);
    reno.timedOut(MSS, true);
    expect([reno.ssthresh, reno.cwnd]).toEqual([4 * MSS, MSS]);
  });

  test('ssthresh is never below two segments', () => {
    const reno = new NewReno(MSS);
    reno.lost(MSS);
    expect(reno.ssthresh).toBe(2 * MSS);
    reno.timedOut(MSS, false);
    expect(reno.ssthresh).toBe(2 * MSS);
  });

  test('RFC 6582 3.2 step 3: after a recovery the window allows no burst', () => {
    const reno = avoiding(10);
    reno.recovered(0);
    expect(reno.cwnd).toBe(2 * MSS);
    const full = avoiding(10);
    full.recovered(30 * MSS);
    expect(full.cwnd).toBe(10 * MSS);
  });

  test('RFC 5681 4.1: after a pause the window is the initial one at most', () => {
    const large = avoiding(40);
    large.restarted();
    expect([large.cwnd, large.ssthresh]).toEqual([10 * MSS, 40 * MSS]);
    const small = avoiding(4);
    small.restarted();
    expect(small.cwnd).toBe(4 * MSS);
  });
});

test('a new MSS makes the initial window anew, and no other', () => {
  const reno = new NewReno(1460);
  reno.resized(1000);
  expect(reno.cwnd).toBe(10_000);
  const later = avoiding(4);
  later.resized(500);
  expect(later.cwnd).toBe(4000);
  later.resized(5000);
  expect(later.cwnd).toBe(5000);
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
      else if (kind === 'lost') reno.lost(octets);
      else if (kind === 'end') reno.recovered(octets);
      else if (kind === 'restart') reno.restarted();
      else reno.timedOut(octets, kind === 'again');
      const grown = reno.cwnd - cwnd;
      if (reno.cwnd < MSS || reno.ssthresh < 2 * MSS) broken.push(`${kind}: too small`);
      if (kind === 'ack' && grown > octets + MSS) broken.push('grew by more than was acknowledged');
      if (kind === 'ack' && reno.cwnd > Math.max(cwnd, ssthresh) + MSS) broken.push('went past ssthresh');
      if (kind !== 'ack' && kind !== 'end' && grown > 0 && reno.cwnd > reno.ssthresh)
        broken.push(`${kind}: grew`);
    }
    expect(broken).toEqual([]);
  },
);
