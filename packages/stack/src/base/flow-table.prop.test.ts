// The open-addressed table against a Map, through deletions and rehashes.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { FlowTable } from './flow-table.ts';
import { NONE } from './index-pool.ts';

const word = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer());
const step = fc.record({
  kind: fc.constantFrom('set', 'set', 'delete', 'get'),
  k0: word,
  k1: word,
  value: fc.nat(),
});

property.prop([fc.integer(), fc.array(step, { maxLength: 400, size: 'max' })])(
  'a flow table answers as a Map does, whatever its seed',
  (seed, script) => {
    const table = new FlowTable(seed);
    const model = new Map<string, number>();
    for (const { kind, k0, k1, value } of script) {
      const key = `${k0},${k1}`;
      if (kind === 'set') {
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
  const table = new FlowTable(7);
  let missed = 0;
  for (let i = 0; i < 20_000; i++) {
    table.set(i, -i, i);
    if (i >= 8 && !table.delete(i - 8, 8 - i)) missed++;
  }
  expect([missed, table.size]).toEqual([0, 8]);
  for (let i = 20_000 - 8; i < 20_000; i++) expect(table.get(i, -i)).toBe(i);
  expect((table as unknown as { mask: number }).mask).toBeLessThan(64);
});

test('keys that share all low bits are kept apart at tens of thousands of entries', () => {
  const table = new FlowTable(0x5eed);
  for (let i = 0; i < 50_000; i++) table.set(i << 16, 7 << 16, i);
  let wrong = 0;
  for (let i = 0; i < 50_000; i++) if (table.get(i << 16, 7 << 16) !== i) wrong++;
  expect(wrong).toBe(0);
});
