// The table without keys against a Map, through deletions, replacements and rehashes: its owner is a list of keys by value.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { NONE } from './index-pool.ts';
import { IndexTable } from './index-table.ts';

const word = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer());
const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete', 'get'), k0: word, k1: word });

/** Values in the order of their making, and the key of each. */
class Keys {
  readonly keys: (readonly [number, number])[] = [];

  k0Of(value: number): number {
    return this.keys[value][0];
  }

  k1Of(value: number): number {
    return this.keys[value][1];
  }

  next(k0: number, k1: number): number {
    return this.keys.push([k0, k1]) - 1;
  }
}

property.prop([fc.integer(), fc.array(step, { maxLength: 400, size: 'max' })])(
  'an index table answers as a Map does, whatever its seed',
  (seed, script) => {
    const keys = new Keys();
    const table = new IndexTable(seed, keys);
    const model = new Map<string, number>();
    for (const { kind, k0, k1 } of script) {
      const key = `${k0},${k1}`;
      if (kind === 'set') {
        const value = keys.next(k0, k1);
        table.set(k0, k1, value);
        model.set(key, value);
      } else if (kind === 'delete') expect(table.delete(k0, k1)).toBe(model.delete(key));
      else expect(table.get(k0, k1)).toBe(model.get(key) ?? NONE);
      expect(table.size).toBe(model.size);
    }
    for (const [key, value] of model) {
      const [k0, k1] = key.split(',').map(Number);
      expect(table.get(k0, k1)).toBe(value);
    }
  },
);

test('a table in which keys come and go for ever stays findable and does not grow with the dead', () => {
  const keys = new Keys();
  const table = new IndexTable(7, keys);
  let missed = 0;
  for (let i = 0; i < 20_000; i++) {
    table.set(i, -i, keys.next(i, -i));
    if (i >= 8 && !table.delete(i - 8, 8 - i)) missed++;
  }
  expect([missed, table.size]).toEqual([0, 8]);
  for (let i = 20_000 - 8; i < 20_000; i++) expect(table.get(i, -i)).toBe(i);
  expect((table as unknown as { mask: number }).mask).toBeLessThan(64);
});
