// The order of a pump, timers under flood, handlers that throw, plug-ins that misbehave.

import { expect, test } from 'vitest';
import { Deadlines } from './base/deadlines.ts';
import { NONE } from './base/index-pool.ts';
import { Context, WORK_ARP, WORK_ECHO, WORK_FORWARD, WORK_IGMP, WORK_TCP, WORK_UDP } from './context.ts';
import { EVENT_READABLE } from './contract/events.ts';
import { ACCEPT, INPUT } from './contract/hook.ts';
import { PacketPool } from './contract/packet-pool.ts';
import { R } from './contract/reasons.ts';
import type { Interface } from './ip/interface.ts';
import { DEFAULT_OPTIONS } from './options.ts';
import { Pump, type Settled } from './pump.ts';
import {
  collect,
  icmpFrame,
  ManualClock,
  octets,
  SeededEntropy,
  stackWith,
  TestLink,
  udpFrame,
} from './testing/index.ts';

interface Rig {
  readonly pump: Pump;
  readonly log: string[];
  readonly context: Context;
  readonly links: TestLink[];
  readonly deadlines: Deadlines;
  readonly clock: ManualClock;
}

/** A pump over fakes that write down what it calls. */
function rig(links = 1): Rig {
  const log: string[] = [];
  const pool = new PacketPool();
  const context = new Context({ ...DEFAULT_OPTIONS, batchPackets: 4 }, pool, new SeededEntropy(1));
  const deadlines = new Deadlines();
  const clock = new ManualClock();
  const made = Array.from({ length: links }, (_, i) => {
    const link = new TestLink(pool, `test${i}`);
    link.log = (what) => log.push(links === 1 ? what : `${what}${i}`);
    const face = {
      link,
      poll: (budget: number) => link.poll(budget),
      unblock: () => {},
    } as unknown as Interface;
    link.attach({
      receive(packet) {
        log.push('receive');
        packet.release();
        context.events.mark(target, EVENT_READABLE);
      },
      ready() {},
      arrived() {},
      changed() {},
      dropped: (packet) => packet.release(),
    });
    return { link, face };
  });
  const target = { pendingEvents: 0, dispatch: () => log.push('event') };
  const part = (name: string, work: number): Settled => ({
    settle: () => log.push(`settle ${name}`),
    drain() {
      log.push(`drain ${name}`);
      context.work &= ~work;
    },
  });
  context.work = WORK_FORWARD | WORK_IGMP | WORK_TCP | WORK_UDP | WORK_ECHO | WORK_ARP;
  const pump = new Pump(context, clock, {
    faces: made.map(({ face }) => face),
    timed: [
      {
        deadlines,
        timersFire(nowMs) {
          log.push('timers');
          while (deadlines.takeDue(nowMs) !== NONE) log.push('fired');
        },
      },
    ],
    forward: part('forward', WORK_FORWARD),
    igmp: part('igmp', WORK_IGMP),
    tcp: part('tcp', WORK_TCP),
    udp: part('udp', WORK_UDP),
    echo: part('echo', WORK_ECHO),
    arp: part('arp', WORK_ARP),
    drainWaiting: () => log.push('waiting'),
    drainAnswers: () => log.push('answers'),
  });
  return { pump, log, context, links: made.map(({ link }) => link), deadlines, clock };
}

test('a pump is: receive batch, timers, events, settle, what waited, answers, drain, flush', () => {
  const { pump, log, links, deadlines, clock } = rig();
  deadlines.set(0, clock.ms);
  links[0].inject(octets(20));
  links[0].inject(octets(20));
  expect(pump.run()).toBe(false);
  expect(log).toEqual([
    'poll',
    'receive',
    'receive',
    'timers',
    'fired',
    'event',
    'settle tcp',
    'settle udp',
    'settle echo',
    'waiting',
    'answers',
    'drain forward',
    'drain igmp',
    'drain tcp',
    'drain udp',
    'drain echo',
    'drain arp',
    'flush',
  ]);
});

test('who has nothing to send is not asked, and who gets something in the drain is asked behind the others', () => {
  const { pump, log, context } = rig();
  context.work = WORK_UDP;
  expect(pump.run()).toBe(false);
  expect(log).toEqual(['poll', 'settle udp', 'waiting', 'answers', 'drain udp', 'flush']);
  context.work = WORK_UDP;
  log.length = 0;
  log.push = (...what) => {
    if (what[0] === 'drain udp') context.work |= WORK_ARP;
    return Array.prototype.push.apply(log, what);
  };
  expect(pump.run()).toBe(false);
  expect([...log]).toEqual(['poll', 'settle udp', 'waiting', 'answers', 'drain udp', 'drain arp', 'flush']);
});

test('all links are polled before anything else, and all are flushed at the end', () => {
  const { pump, log, deadlines, clock } = rig(2);
  deadlines.set(0, clock.ms);
  pump.run();
  expect(log).toEqual([
    'poll0',
    'poll1',
    'timers',
    'fired',
    'settle tcp',
    'settle udp',
    'settle echo',
    'waiting',
    'answers',
    'drain forward',
    'drain igmp',
    'drain tcp',
    'drain udp',
    'drain echo',
    'drain arp',
    'flush0',
    'flush1',
  ]);
});

test('under a flood timers wait for the queue to be read, but for no more than four full batches', () => {
  const { pump, log, links, deadlines, clock } = rig();
  for (let i = 0; i < 40; i++) links[0].inject(octets(20));
  const fired: boolean[] = [];
  for (let batch = 0; batch < 8; batch++) {
    log.length = 0;
    deadlines.set(0, clock.ms);
    pump.run();
    fired.push(log.includes('timers'));
  }
  expect(fired).toEqual([false, false, false, true, false, false, false, true]);
});

test('a timer that waited for a packet which the flush found gone is due in a pump that follows at once', () => {
  const { pump, log, links, deadlines, clock } = rig();
  deadlines.set(0, clock.ms);
  for (let i = 0; i < 6; i++) links[0].inject(octets(20));
  links[0].flush = () => {
    links[0].backlog = false;
  };
  expect(pump.run()).toBe(true);
  expect(log).not.toContain('timers');
  expect(pump.run()).toBe(false);
  expect(log).toContain('timers');
});

test('while handlers run the pump says so, and neither before nor after', () => {
  const { pump, log, links } = rig();
  const seen: boolean[] = [];
  links[0].log = () => seen.push(pump.inEvents);
  const push = log.push.bind(log);
  log.push = (...what: string[]) => {
    if (what[0] === 'event') expect(pump.inEvents).toBe(true);
    return push(...what);
  };
  links[0].inject(octets(20));
  pump.run();
  expect(log).toContain('event');
  expect(seen).not.toContain(true);
});

test('who has no timer that is due is not asked', () => {
  const { pump, log, deadlines, clock } = rig();
  deadlines.set(0, (clock.ms + 1) | 0);
  pump.run();
  expect(log).not.toContain('timers');
});

test('the batch that empties the queue is followed by the timers', () => {
  const { pump, log, links, deadlines, clock } = rig();
  deadlines.set(0, clock.ms);
  for (let i = 0; i < 6; i++) links[0].inject(octets(20));
  expect(pump.run()).toBe(true);
  expect(log).not.toContain('timers');
  expect(pump.run()).toBe(false);
  expect(log).toContain('timers');
});

test('the clock is read once a batch, into the context', () => {
  const { pump, context, clock } = rig();
  pump.run();
  const readings = [context.nowMs, context.nowUs];
  clock.advanceMs(100);
  expect([context.nowMs, context.nowUs]).toEqual(readings);
  pump.run();
  expect([context.nowMs, context.nowUs]).toEqual([clock.ms, clock.us]);
});

test('the time to the next timer is right where the clock wraps, and 0 when it has passed', () => {
  const { pump, deadlines, clock } = rig();
  expect(pump.msUntilNext(clock.ms)).toBe(-1);
  deadlines.set(3, (clock.ms + 8000) | 0);
  expect(pump.msUntilNext(clock.ms)).toBe(8000);
  expect(pump.msUntilNext((clock.ms + 7999) | 0)).toBe(1);
  expect(pump.msUntilNext((clock.ms + 9000) | 0)).toBe(0);
});

test('events that a drain marks wait for the next pump, which is asked for', () => {
  const { pump, log, context } = rig();
  let again = 2;
  const target = {
    pendingEvents: 0,
    dispatch() {
      log.push('mine');
      if (again-- > 0) context.events.mark(target, EVENT_READABLE);
    },
  };
  context.events.mark(target, EVENT_READABLE);
  expect(pump.run()).toBe(true);
  expect(log.filter((entry) => entry === 'mine')).toHaveLength(1);
  expect(pump.run()).toBe(true);
  expect(pump.run()).toBe(false);
  expect(log.filter((entry) => entry === 'mine')).toHaveLength(3);
});

test('a handler that throws leaves the pump usable: the next call goes on with the remaining events of the same turn', () => {
  const bench = stackWith();
  const heard: string[] = [];
  for (const [port, name] of [
    [1, 'first'],
    [2, 'throws'],
    [3, 'third'],
  ] as const) {
    const socket = bench.stack.udpSocket({
      readable(s) {
        heard.push(name, ...collect(s).map(({ data }) => String(data[0])));
        if (name === 'throws') throw new Error('handler');
      },
    });
    socket.bind('0.0.0.0', port);
  }
  for (const dport of [1, 2, 3]) bench.link.inject(udpFrame({ dport }, octets(1, dport * 10)));
  bench.link.inject(icmpFrame({}, octets(4)));
  expect(() => bench.stack.pump()).toThrow('handler');
  expect(bench.link.flushes).toBe(0);
  expect(heard).toEqual(['first', '10', 'throws', '20']);
  expect(bench.stack.pump()).toBe(false);
  expect(heard).toEqual(['first', '10', 'throws', '20', 'third', '30']);
  expect(bench.link.take()).toHaveLength(1);
  expect([bench.pool.inUse, bench.link.flushes]).toEqual([0, 1]);
  expect(bench.exchange(icmpFrame({}, octets(4)))).toHaveLength(1);
});

test('a handler that throws while a datagram is shown gives the datagram back', () => {
  const bench = stackWith();
  bench.stack
    .udpSocket({
      readable(s) {
        s.receive();
        throw new Error('handler');
      },
    })
    .bind('0.0.0.0', 7);
  bench.link.inject(udpFrame({}, octets(4)));
  expect(() => bench.stack.pump()).toThrow('handler');
  expect(bench.pool.inUse).toBe(0);
});

test('what sends outside the drain is a bug, and is said to be', () => {
  const bench = stackWith();
  const packet = bench.pool.allocate(20);
  if (packet === undefined) throw new Error('no slot');
  expect(() => bench.face.transmit(packet, 0)).toThrow('only the drain sends');
  bench.stack.hooks.add(INPUT, { verdict: (asked) => bench.face.transmit(asked, 0) });
  bench.link.inject(icmpFrame({}, octets(1)));
  expect(() => bench.stack.pump()).toThrow('only the drain sends');
});

test('a hook that calls a verb is a bug, and is said to be', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  bench.stack.hooks.add(INPUT, {
    verdict() {
      socket.sendTo(octets(1), 0, 1, '10.0.0.1', 9);
      return ACCEPT;
    },
  });
  bench.link.inject(icmpFrame({}, octets(1)));
  expect(() => bench.stack.pump()).toThrow('plug-ins inside the core call no verb');
});

test.each(['packet', 'drop'] as const)(
  'a tap that calls a verb in %s is a bug, and is said to be',
  (method) => {
    const bench = stackWith();
    const socket = bench.stack.udpSocket({});
    const tap = { packet() {}, drop() {} };
    bench.stack.tap = { ...tap, [method]: () => socket.close() };
    bench.link.inject(octets(20));
    expect(() => bench.stack.pump()).toThrow('plug-ins inside the core call no verb');
  },
);

test('a tap sees what arrives, what leaves and what is dropped, each with its time', () => {
  const bench = stackWith();
  const seen: string[] = [];
  bench.stack.tap = {
    packet: (packet, direction, face, nowUs) =>
      seen.push(`${direction} ${face} ${packet.length} ${nowUs === bench.clock.us}`),
    drop: (packet, reason) => seen.push(`drop ${packet.length} ${reason}`),
  };
  bench.exchange(icmpFrame({}, octets(4)), octets(19));
  expect(seen).toEqual(['0 1 32 true', '0 1 19 true', `drop 19 ${R.IP_BAD_VERSION}`, '1 1 32 true']);
});

test('what a handler sends leaves in the pump that woke it', () => {
  const bench = stackWith();
  bench.stack
    .udpSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive())
          s.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      },
    })
    .bind('0.0.0.0', 7);
  bench.link.inject(udpFrame({}, octets(4)));
  bench.stack.pump();
  expect(bench.link.take()).toHaveLength(1);
});

test('a verb called outside a pump asks for one', () => {
  const bench = stackWith();
  bench.exchange();
  const before = bench.wakes();
  bench.stack.udpSocket({}).sendTo(octets(1), 0, 1, '10.0.0.1', 9);
  expect(bench.wakes()).toBeGreaterThan(before);
});
