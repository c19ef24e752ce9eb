// The trie against a linear scan.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { fakeFace } from '../testing/fake-face.ts';
import { prefixMask } from '../wire/address.ts';
import { networkOf, ROUTE_UNICAST, type Route, RouteTable } from './route-table.ts';

const { face } = fakeFace();

function route(address: number, length: number): Route {
  return { type: ROUTE_UNICAST, prefix: networkOf(address, length), length, face, gateway: 0, source: 0 };
}

/** Addresses that share prefixes often. */
const address = fc
  .tuple(fc.constantFrom(0x0a000000, 0x0a00ff00, -1, 0), fc.integer({ min: 0, max: 0x1ff }))
  .map(([base, low]) => base ^ low);
const step = fc.record({
  add: fc.boolean(),
  address: fc.oneof(address, fc.integer()),
  length: fc.integer({ min: 0, max: 32 }),
});

// R1122.7, R1122.28
property.prop([
  fc.array(step, { maxLength: 60, size: 'max' }),
  fc.array(fc.oneof(address, fc.integer()), { maxLength: 30, size: 'max' }),
])(
  'a look-up finds the longest prefix that covers the address, as a linear scan does',
  (script, destinations) => {
    const table = new RouteTable(1000);
    const model: Route[] = [];
    for (const { add, address, length } of script) {
      const one = route(address, length);
      const at = model.findIndex((other) => other.prefix === one.prefix && other.length === length);
      const before = table.generation;
      if (add) {
        expect(table.add(one)).toBe(at < 0);
        if (at < 0) model.push(one);
        expect(table.generation > before).toBe(at < 0);
      } else {
        expect(table.remove(one.prefix, length)).toBe(at < 0 ? undefined : model[at]);
        if (at >= 0) model.splice(at, 1);
        expect(table.generation > before).toBe(at >= 0);
      }
      expect(table.all()).toEqual(model);
    }
    for (const destination of [...destinations, ...model.map(({ prefix }) => prefix)]) {
      let best: Route | undefined;
      for (const one of model) {
        const covers = ((one.prefix ^ destination) & prefixMask(one.length)) === 0;
        if (covers && (best === undefined || one.length > best.length)) best = one;
      }
      expect(table.lookup(destination)).toBe(best);
    }
  },
);

test('a table takes routes up to its limit, and again after one went', () => {
  const table = new RouteTable(2);
  expect([table.add(route(1, 32)), table.add(route(2, 32)), table.add(route(3, 32))]).toEqual([
    true,
    true,
    false,
  ]);
  table.removeWhere((one) => one.prefix === 1);
  expect(table.add(route(3, 32))).toBe(true);
  expect(table.lookup(1)).toBeUndefined();
  expect(table.lookup(3)?.prefix).toBe(3);
});
