// The heap of deadlines against a sorted list, in a time that wraps.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Deadlines } from './deadlines.ts';
import { NONE } from './index-pool.ts';
import { diff } from './int.ts';

const step = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'cancel', 'advance'),
  row: fc.integer({ min: 0, max: 60 }),
  ms: fc.integer({ min: -1000, max: 100_000 }),
});
const start = fc.oneof(fc.integer(), fc.integer({ min: 0x7fff_ff00, max: 0x7fff_ffff }));

property.prop([start, fc.array(step, { maxLength: 200, size: 'max' })])(
  'deadlines come due in order of time and then of row, also where the clock wraps',
  (startMs, script) => {
    const deadlines = new Deadlines();
    const model = new Map<number, number>();
    let now = startMs | 0;
    const first = (): number => {
      let best = NONE;
      for (const [row, at] of model) {
        const d = best === NONE ? -1 : diff(at, model.get(best) as number);
        if (d < 0 || (d === 0 && row < best)) best = row;
      }
      return best;
    };
    for (const { kind, row, ms } of script) {
      if (kind === 'set') {
        deadlines.set(row, (now + ms) | 0);
        model.set(row, (now + ms) | 0);
      } else if (kind === 'cancel') {
        deadlines.cancel(row);
        model.delete(row);
      } else {
        now = (now + (Math.abs(ms) >> 5)) | 0;
        for (;;) {
          const expected = first();
          const due = expected !== NONE && diff(model.get(expected) as number, now) <= 0;
          expect(deadlines.takeDue(now)).toBe(due ? expected : NONE);
          if (!due) break;
          model.delete(expected);
        }
      }
      expect(deadlines.size).toBe(model.size);
      expect(deadlines.first()).toBe(first());
      expect(deadlines.has(row)).toBe(model.has(row));
      if (model.has(row)) expect(deadlines.deadline(row)).toBe(model.get(row));
    }
  },
);

test('deadlines further apart than twelve days are a bug, and are said to be', () => {
  const deadlines = new Deadlines();
  deadlines.set(0, 0);
  expect(() => deadlines.set(1, 0x4000_0001)).toThrow('within 2^30 ms');
});

test('only a row that has a deadline is asked for it', () => {
  expect(() => new Deadlines().deadline(3)).toThrow('only a row that has a deadline');
});
