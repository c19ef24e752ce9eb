// Look-ups are remembered: what is remembered must not outlive a change of the table.

import { expect, test } from 'vitest';
import { fakeFace } from '../testing/fake-face.ts';
import { ROUTE_UNICAST, type Route, RouteTable } from './route-table.ts';

const { face } = fakeFace();
const route = (prefix: number, length: number): Route => {
  return { type: ROUTE_UNICAST, prefix, length, face, gateway: 0, source: 0 };
};

test('a look-up that was made before follows a route that comes or goes', () => {
  const table = new RouteTable(10);
  const wide = route(0x0a00_0000, 8);
  const narrow = route(0x0a09_0000, 16);
  const found = (): (Route | undefined)[] => [table.lookup(0x0a09_0001), table.lookup(0x0a09_0001)];
  expect(found()).toEqual([undefined, undefined]);
  table.add(wide);
  expect(found()).toEqual([wide, wide]);
  table.add(narrow);
  expect(found()).toEqual([narrow, narrow]);
  table.remove(narrow.prefix, narrow.length);
  expect(found()).toEqual([wide, wide]);
});

test('destinations that share a place in the memory of look-ups do not see each other', () => {
  const table = new RouteTable(2000);
  for (let low = 0; low < 1000; low++) table.add(route(0x0a00_0000 | low, 32));
  for (let round = 0; round < 2; round++) {
    for (let low = 0; low < 1100; low++) {
      expect(table.lookup(0x0a00_0000 | low)?.prefix).toBe(low < 1000 ? 0x0a00_0000 | low : undefined);
    }
  }
});
