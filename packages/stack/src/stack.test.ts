// What a stack is configured with: addresses, routes, links that come and go.

import { expect, test } from 'vitest';
import type { Interface } from './ip/interface.ts';
import { type Bench, stackWith, TestLink } from './testing/index.ts';
import { parseIp4 } from './wire/address.ts';

/** A second interface in the network of the first. */
function twoInOneNetwork(): { bench: Bench; second: Interface } {
  const bench = stackWith();
  return { bench, second: bench.stack.addLink(new TestLink(bench.pool), '10.0.0.3/24') };
}

/** Which interface has the route to exactly this network. */
function faceOf(bench: Bench, network: string, length: number): number | undefined {
  const prefix = parseIp4(network);
  return bench.stack.routes().find((route) => route.prefix === prefix && route.length === length)?.face.id;
}

test('an address that goes leaves the routes of another interface in the same network alone', () => {
  const { bench, second } = twoInOneNetwork();
  bench.stack.removeAddress(second, '10.0.0.3/24');
  expect(faceOf(bench, '10.0.0.0', 24)).toBe(bench.face.id);
  expect(faceOf(bench, '10.0.0.255', 32)).toBe(bench.face.id);
});

test('when the address that a network route came with goes, the next one in that network has it', () => {
  const { bench, second } = twoInOneNetwork();
  bench.stack.removeAddress(bench.face, '10.0.0.2/24');
  expect(faceOf(bench, '10.0.0.0', 24)).toBe(second.id);
  expect(faceOf(bench, '10.0.0.255', 32)).toBe(second.id);
});

test('when a link goes, another interface in its network takes the route', () => {
  const { bench, second } = twoInOneNetwork();
  bench.stack.removeLink(bench.face);
  expect(faceOf(bench, '10.0.0.0', 24)).toBe(second.id);
  expect(faceOf(bench, '10.0.0.2', 32)).toBeUndefined();
});
