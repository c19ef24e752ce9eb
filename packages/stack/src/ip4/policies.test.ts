// rp_filter and accept_local, under the kernel's names: RFC 3704.

import { expect, test } from 'vitest';
import type { Options } from '../options.ts';
import { icmpFrame, octets, type RouterBench, routerWith, udpFrame } from '../testing/index.ts';

/** An echo request from this source comes in from the left; true when it is answered, or goes on, by any link. */
function taken(router: RouterBench, src: string, dst = '10.0.0.2'): boolean {
  const { left, right } = router.fromLeft(icmpFrame({ src, dst }, octets(8)));
  return left.length + right.length > 0;
}

const NEAR = '10.0.0.1';
const OTHER_SIDE = '10.0.1.1';
const NOWHERE = '192.0.2.1';

test.each<readonly [number, readonly boolean[]]>([
  [0, [true, true]],
  [1, [true, false]],
  [2, [true, true]],
])(
  'rp_filter %i: from the near side, from an address whose way back is another link',
  (rpFilter, expected) => {
    const router = routerWith({ rpFilter });
    expect([taken(router, NEAR), taken(router, OTHER_SIDE)]).toEqual(expected);
    expect(router.stack.stats.reason('IP_SOURCE_FILTERED')).toBe(expected.filter((yes) => !yes).length);
  },
);

test.each<readonly [number, boolean]>([
  [0, true],
  [1, false],
  [2, false],
])('rp_filter %i: from where no route leads back, to a host on the other side', (rpFilter, expected) => {
  const router = routerWith({ rpFilter });
  expect(taken(router, NOWHERE, '10.0.1.9')).toBe(expected);
  expect(router.stack.stats.get('IpInAddrErrors')).toBe(expected ? 0 : 1);
});

test('rp_filter 1 holds for peers that a socket is connected to, whose path is known', () => {
  const router = routerWith({ rpFilter: 1 });
  const heard: number[] = [];
  const socket = router.stack.udpSocket({ readable: (s) => heard.push(s.receive()?.length ?? -1) });
  socket.bind('10.0.1.2', 7);
  socket.connect(OTHER_SIDE, 4000);
  const frame = udpFrame({ src: OTHER_SIDE, dst: '10.0.1.2' }, octets(8));
  router.fromLeft(frame);
  expect(heard).toEqual([]);
  router.right.inject(frame);
  router.settle();
  expect(heard).toEqual([8]);
  expect(router.stack.stats.drops()).toEqual({ IP_SOURCE_FILTERED: 1 });
});

test('rp_filter 2 asks for a route, and a default route is one', () => {
  const router = routerWith({ rpFilter: 2 });
  expect(taken(router, NOWHERE)).toBe(false);
  router.stack.addRoute('0.0.0.0/0', router.rightFace, OTHER_SIDE);
  expect(taken(router, NOWHERE)).toBe(true);
});

test('rp_filter is no affair of loopback', () => {
  const router = routerWith({ rpFilter: 1 });
  const heard: number[] = [];
  router.stack.udpSocket({ readable: (s) => heard.push(s.receive()?.length ?? -1) }).bind('0.0.0.0', 7);
  for (const address of ['127.0.0.1', '10.0.0.2', '10.0.1.2'])
    router.stack.udpSocket({}).sendTo(octets(3), 0, 3, address, 7);
  router.settle();
  expect(heard.length).toBeGreaterThan(0);
  expect(router.stack.stats.drops()).toEqual({});
});

test.each<readonly [string, Partial<Options>, readonly string[]]>([
  ['an address of ours as source is a lie', {}, []],
  ['with accept_local it may come over a wire', { acceptLocal: true }, ['10.0.1.2']],
  ['with accept_local and rp_filter, too', { acceptLocal: true, rpFilter: 1 }, ['10.0.1.2']],
])('%s', (_what, options, expected) => {
  const router = routerWith(options);
  const heard: (string | undefined)[] = [];
  router.stack.udpSocket({ readable: (s) => heard.push(s.receive()?.addressText) }).bind('0.0.0.0', 7);
  router.fromLeft(udpFrame({ src: '10.0.1.2', dst: '10.0.0.2' }, octets(8)));
  expect(heard).toEqual(expected);
  expect(router.stack.stats.reason('IP_MARTIAN_SOURCE')).toBe(expected.length === 0 ? 1 : 0);
});

test('accept_local lets no broadcast of ours and no loopback address come over a wire', () => {
  const router = routerWith({ acceptLocal: true });
  expect(['10.0.0.255', '10.0.1.0', '127.0.0.1'].map((src) => taken(router, src))).toEqual([
    false,
    false,
    false,
  ]);
  expect(router.stack.stats.drops()).toEqual({ IP_MARTIAN_SOURCE: 3 });
});
