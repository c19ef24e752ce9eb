// Which address speaks: RFC 1122 3.3.4.3.

import { expect, test } from 'vitest';
import { fakeFace } from '../testing/fake-face.ts';
import { ip } from '../testing/frames.ts';
import { type Prefix, parsePrefix } from '../wire/address.ts';
import { ROUTE_UNICAST, type Route } from './route-table.ts';
import { selectSource } from './source-address.ts';

function via(addresses: readonly string[], gateway: string, source = '0.0.0.0'): Route {
  const { face } = fakeFace(addresses.map((text) => parsePrefix(text) as Prefix));
  return { type: ROUTE_UNICAST, prefix: 0, length: 0, face, gateway: ip(gateway), source: ip(source) };
}

test("the route's own source wins", () => {
  expect(selectSource(via(['10.0.0.2/24'], '10.0.0.1', '10.7.7.7'), ip('8.8.8.8'))).toBe(ip('10.7.7.7'));
});

test('the address whose network holds the gateway speaks to what lies behind it', () => {
  const route = via(['10.0.0.2/24', '192.168.1.2/24'], '192.168.1.1');
  expect(selectSource(route, ip('8.8.8.8'))).toBe(ip('192.168.1.2'));
});

test('the address whose network holds the destination speaks to an on-link neighbour', () => {
  const route = via(['10.0.0.2/24', '192.168.1.2/24'], '0.0.0.0');
  expect(selectSource(route, ip('192.168.1.77'))).toBe(ip('192.168.1.2'));
});

test('else the first address of the interface speaks, and 0 when it has none', () => {
  expect(selectSource(via(['10.0.0.2/24', '192.168.1.2/24'], '0.0.0.0'), ip('8.8.8.8'))).toBe(ip('10.0.0.2'));
  expect(selectSource(via([], '0.0.0.0'), ip('8.8.8.8'))).toBe(0);
});
