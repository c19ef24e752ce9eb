// The rate and its queue: bounds that hold whenever the loop looks, and a late look that costs time but no rate.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Bottleneck } from './wire-bottleneck.ts';

const RATE = 50e6;
const US_PER_OCTET = 8e6 / RATE;

/** Packets by the gap before each, and the looks of a loop by the gap between them, microseconds. */
const traffic = fc.array(
  fc.record({ length: fc.integer({ min: 20, max: 1500 }), gapUs: fc.integer({ min: 0, max: 2000 }) }),
  { minLength: 1, maxLength: 80, size: 'max' },
);
const looks = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 });

/** [since, now] of the look that takes in what comes at `atUs`, of a loop that looks after these gaps, over and over. */
function lookAt(gaps: readonly number[], atUs: number): readonly [number, number] {
  let now = 0;
  for (let i = 0; ; i++) {
    const since = now;
    now += gaps[i % gaps.length];
    if (now >= atUs) return [since, now];
  }
}

property.prop([traffic, looks])(
  'what a late loop takes in leaves no later than with a prompt one, but for the look itself',
  (packets, gaps) => {
    const [prompt, late] = [new Bottleneck(RATE, 1e9), new Bottleneck(RATE, 1e9)];
    let atUs = 0;
    for (const { length, gapUs } of packets) {
      atUs += gapUs;
      const [sinceUs, nowUs] = lookAt(gaps, atUs);
      const leftUs = atUs + prompt.take(length, atUs, atUs);
      const leftLateUs = nowUs + late.take(length, nowUs, sinceUs);
      expect(leftLateUs).toBeLessThanOrEqual(Math.max(nowUs, leftUs) + 1e-6);
    }
  },
);

property.prop([traffic, looks])(
  'however late the looks, no more leaves than the rate allows since the first packet may have come',
  (packets, gaps) => {
    const line = new Bottleneck(RATE, 1e9);
    let atUs = 0;
    let octets = 0;
    let firstUs = -1;
    for (const { length, gapUs } of packets) {
      atUs += gapUs;
      const [sinceUs, nowUs] = lookAt(gaps, atUs);
      if (firstUs < 0) firstUs = sinceUs;
      octets += length;
      const leftUs = nowUs + line.take(length, nowUs, sinceUs);
      expect(octets * US_PER_OCTET).toBeLessThanOrEqual(leftUs - firstUs + 1e-6);
    }
  },
);

property.prop([traffic, fc.integer({ min: 1, max: 40 })])(
  'a queue of so many packets holds so many, what is being sent among them, and refuses none before',
  (packets, limit) => {
    const line = new Bottleneck(RATE, Number.MAX_VALUE, limit);
    let nowUs = 0;
    let untilUs: number[] = [];
    for (const { length, gapUs } of packets) {
      nowUs += gapUs / 10;
      untilUs = untilUs.filter((at) => at > nowUs);
      const leftUs = line.take(length, nowUs, nowUs);
      expect(leftUs < 0).toBe(untilUs.length === limit);
      if (leftUs >= 0) untilUs.push(nowUs + leftUs);
    }
  },
);

test('a moment of lateness that lies ahead counts as none', () => {
  const line = new Bottleneck(8e6);
  expect(line.take(100, 1000, 5000)).toBe(100);
});

test('without a rate everything has left at once', () => {
  expect(new Bottleneck(0).take(1500, 10, 10)).toBe(0);
});
