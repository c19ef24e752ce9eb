// The pool of small integers against a set.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { IndexPool, NONE } from './index-pool.ts';

property.prop([fc.integer({ min: 0, max: 20 }), fc.array(fc.nat(), { maxLength: 200, size: 'max' })])(
  'an index is held by one at a time, lies below the limit, and the pool is exhausted only at its limit',
  (limit, script) => {
    const pool = new IndexPool(limit);
    const held: number[] = [];
    for (const step of script) {
      if (step % 2 === 0) {
        const index = pool.allocate();
        if (held.length === limit) expect(index).toBe(NONE);
        else {
          expect(index).toBeGreaterThanOrEqual(0);
          expect(index).toBeLessThan(limit);
          expect(held).not.toContain(index);
          held.push(index);
        }
      } else if (held.length > 0) pool.release(held.splice(step % held.length, 1)[0]);
      expect(pool.inUse).toBe(held.length);
    }
  },
);

test('an index is released once, and only one that was handed out', () => {
  const pool = new IndexPool(4);
  const index = pool.allocate();
  pool.release(index);
  expect(() => pool.release(index)).toThrow('released once');
  expect(() => pool.release(3)).toThrow('only an allocated index');
});
