// Modular comparison: total on any half circle, blind to where the circle wraps.

import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { add, after, before, diff, earlier } from './int.ts';

const point = fc.oneof(fc.integer(), fc.constantFrom(0x7fff_ffff, -0x8000_0000, 0, -1));
const half = fc.integer({ min: 0, max: 0x7fff_ffff });

test.prop([point, half])('what is added is the difference, on all of the circle', (a, n) => {
  expect(diff(add(a, n), a)).toBe(n);
  expect(add(a, n)).toBe(add(a, n) | 0);
});

test.prop([point, half, half])(
  'two points of a half circle compare as their distances from its start do',
  (a, m, n) => {
    const [x, y] = [add(a, m), add(a, n)];
    expect(before(x, y)).toBe(m < n);
    expect(after(x, y)).toBe(m > n);
    expect(earlier(x, y)).toBe(m <= n ? x : y);
  },
);

test.prop([point, point, fc.integer()])('turning the circle changes no comparison', (a, b, turn) => {
  expect(before(add(a, turn), add(b, turn))).toBe(before(a, b));
  expect(diff(add(a, turn), add(b, turn))).toBe(diff(a, b));
});

test.prop([point, fc.integer({ min: 1, max: 0x7fff_ffff })])(
  'of two different points one is before the other',
  (a, n) => {
    const b = add(a, n);
    expect([before(a, b), before(b, a), after(a, b), after(b, a)]).toEqual([true, false, false, true]);
  },
);
