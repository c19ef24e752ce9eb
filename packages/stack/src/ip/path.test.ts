// The table of paths: holding and letting go, the idle cache, refreshing, learned MTUs.

import { beforeEach, expect, test } from 'vitest';
import { NONE } from '../base/index-pool.ts';
import { Context } from '../context.ts';
import { PacketPool } from '../contract/packet-pool.ts';
import { DEFAULT_OPTIONS, type Options } from '../options.ts';
import { type FakeFace, fakeFace } from '../testing/fake-face.ts';
import { ip } from '../testing/frames.ts';
import { SeededEntropy } from '../testing/seeded-entropy.ts';
import { type Path, PathTable } from './path.ts';
import { ROUTE_LOCAL, ROUTE_UNICAST, type Route, RouteTable } from './route-table.ts';

const US = ip('10.0.0.2');
let wire: FakeFace;
let other: FakeFace;
let routes: RouteTable;
let context: Context;
let paths: PathTable;

function make(options: Partial<Options> = {}): void {
  wire = fakeFace();
  other = fakeFace([], 9000);
  routes = new RouteTable(100);
  routes.add(route('0.0.0.0', 0, wire));
  routes.add({ ...route('10.0.0.2', 32, wire), type: ROUTE_LOCAL });
  context = new Context({ ...DEFAULT_OPTIONS, ...options }, new PacketPool(), new SeededEntropy(1));
  context.nowMs = 0x7fff_ffff - 1000;
  paths = new PathTable(context, routes);
}

function route(prefix: string, length: number, fake: FakeFace, gateway = '10.0.0.1'): Route {
  return {
    type: ROUTE_UNICAST,
    prefix: ip(prefix),
    length,
    face: fake.face,
    gateway: ip(gateway),
    source: 0,
  };
}

function acquired(remote: number): Path {
  const path = paths.acquire(US, remote);
  if (path === undefined) throw new Error('no path');
  return path;
}

beforeEach(() => make());

test('a pair of addresses has one path while it is held, and looking it up makes none', () => {
  expect(paths.find(US, 99)).toBe(NONE);
  expect(paths.size).toBe(0);
  const path = acquired(99);
  expect(acquired(99)).toBe(path);
  expect(paths.find(US, 99)).toBe(path.id);
  expect([path.local, path.remote, path.pmtu, path.nextHop]).toEqual([US, 99, 1500, ip('10.0.0.1')]);
  expect(paths.size).toBe(1);
});

test('the address sum is the constant part of the pseudo-header', () => {
  expect(acquired(ip('255.255.255.254')).addressSum).toBe(0x0a00 + 2 + 0xffff + 0xfffe);
});

test('a path let go stays as a cache entry, and is the same when asked for again', () => {
  const path = acquired(99);
  paths.release(path);
  expect(paths.idleSize).toBe(1);
  expect(acquired(99)).toBe(path);
  expect(paths.idleSize).toBe(0);
});

test('a path is released as often as it was acquired, and no more', () => {
  const path = acquired(99);
  paths.hold(path);
  paths.release(path);
  paths.release(path);
  expect(() => paths.release(path)).toThrow('as often as it was acquired');
  expect(() => paths.hold(path)).toThrow('only a held path');
});

test('of idle paths the least recently used goes when there are too many', () => {
  make({ idlePathsMax: 3 });
  for (const remote of [1, 2, 3]) paths.release(acquired(remote));
  paths.release(acquired(1));
  paths.release(acquired(4));
  expect([1, 2, 3, 4].map((remote) => paths.find(US, remote) !== NONE)).toEqual([true, false, true, true]);
  expect(paths.idleSize).toBe(3);
});

test('a full table gives up an idle path for a new one, but never a held one', () => {
  make({ pathsMax: 2 });
  const held = acquired(1);
  paths.release(acquired(2));
  expect(acquired(3).remote).toBe(3);
  expect(paths.find(US, 2)).toBe(NONE);
  expect(paths.acquire(US, 4)).toBeUndefined();
  expect(paths.at(held.id)).toBe(held);
});

test('after a change of routes a path goes the new way, with the new MTU', () => {
  const path = acquired(ip('192.168.0.9'));
  routes.add(route('192.168.0.0', 16, other, '0.0.0.0'));
  paths.refresh(path);
  expect([path.face, path.pmtu, path.nextHop]).toEqual([other.face, 9000, ip('192.168.0.9')]);
  routes.remove(0, 0);
  routes.remove(ip('192.168.0.0'), 16);
  paths.refresh(path);
  expect(path.route).toBeUndefined();
});

test('a path whose own address went knows it', () => {
  const path = acquired(99);
  expect(path.localIsOurs).toBe(true);
  routes.remove(US, 32);
  paths.refresh(path);
  expect(path.localIsOurs).toBe(false);
});

// R1191.1, R1191.2
test('a learned MTU lowers the path MTU, never below the floor, and no message raises it', () => {
  const path = acquired(99);
  expect(paths.learnMtu(path, 1400)).toBe(true);
  expect(path.pmtu).toBe(1400);
  expect(paths.learnMtu(path, 1450)).toBe(false);
  expect(path.pmtu).toBe(1400);
  expect(paths.learnMtu(path, 68)).toBe(true);
  expect(path.pmtu).toBe(552);
  expect(paths.learnMtu(path, 65_535)).toBe(false);
  expect(paths.learnMtu(path, 0)).toBe(false);
  expect(path.pmtu).toBe(552);
});

// R1191.3
test('a learned MTU is believed for ten minutes, over the wrap of the clock', () => {
  const path = acquired(99);
  paths.learnMtu(path, 1000);
  paths.timersFire((context.nowMs + 599_999) | 0);
  expect(path.pmtu).toBe(1000);
  paths.timersFire((context.nowMs + 600_000) | 0);
  expect(path.pmtu).toBe(1500);
  expect(paths.deadlines.size).toBe(0);
});

test('a learned MTU outlives a change of routes, under the MTU of the link that now carries it', () => {
  const path = acquired(99);
  paths.learnMtu(path, 1000);
  routes.generation++;
  wire.link.mtu = 900;
  paths.refresh(path);
  expect(path.pmtu).toBe(900);
  wire.link.mtu = 1500;
  routes.generation++;
  paths.refresh(path);
  expect(path.pmtu).toBe(1000);
});

test('a path that takes the place of another inherits neither its MTU nor its deadline', () => {
  make({ idlePathsMax: 1 });
  const first = acquired(1);
  paths.learnMtu(first, 600);
  paths.release(first);
  paths.release(acquired(2));
  expect(paths.deadlines.size).toBe(0);
  const second = acquired(3);
  expect(second.id).toBe(first.id);
  expect([second.pmtu, second.learnedMtu]).toEqual([1500, 0]);
  paths.timersFire((context.nowMs + 700_000) | 0);
  expect(second.pmtu).toBe(1500);
});

test('the source for one of our own addresses is that address', () => {
  expect(paths.sourceFor(US)).toBe(US);
  routes.remove(0, 0);
  expect(paths.sourceFor(99)).toBe(0);
});

test('progress is told to the next hop once a batch, however many acknowledgements there are', () => {
  const told: number[] = [];
  Object.assign(wire.face, { confirm: (nextHop: number) => told.push(nextHop) });
  const path = acquired(99);
  for (const nowMs of [5, 5, 5, 6, 0x7fff_ffff, 0x7fff_ffff, -0x8000_0000]) path.confirm(nowMs);
  expect(told).toEqual(new Array(4).fill(ip('10.0.0.1')));
  routes.removeWhere(() => true);
  paths.refresh(path);
  path.confirm(7);
  expect(told.length).toBe(4);
});
