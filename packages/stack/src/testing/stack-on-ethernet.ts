// A stack on a TestLink of Ethernet, in a clock moved by hand: what tests of ARP and its neighbours start from.

import { MEDIUM_ETHERNET } from '../contract/link.ts';
import { PacketPool, type PoolLimits } from '../contract/packet-pool.ts';
import type { Interface } from '../ip/interface.ts';
import type { Options } from '../options.ts';
import { Stack } from '../stack.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IP4 } from '../wire/ether.ts';
import {
  arpFrame,
  OUR_STATION,
  PEER_STATION,
  type ReadArp,
  type ReadEther,
  readEther,
} from './ethernet-frames.ts';
import { ManualClock } from './manual-clock.ts';
import { type ReadFrame, readFrame } from './read-frame.ts';
import { SeededEntropy } from './seeded-entropy.ts';
import { TestLink } from './test-link.ts';

export interface EthernetBenchOptions {
  readonly options?: Partial<Options>;
  readonly seed?: number;
  readonly pool?: PoolLimits;
  /** The address is announced when the stack gets it: false leaves that in the way of the test. */
  readonly announced?: boolean;
}

export interface EthernetBench {
  readonly stack: Stack;
  readonly link: TestLink;
  readonly face: Interface;
  readonly clock: ManualClock;
  readonly pool: PacketPool;
  /** Injects frames, pumps until there is nothing left to do, and answers what was sent. */
  exchange(...frames: Uint8Array[]): ReadEther[];
  /** Lets time pass, timer by timer; answers what was sent. */
  pass(ms: number): ReadEther[];
  /** The state of a neighbour as `ip neigh` prints it; undefined: it is not there. */
  state(address?: string): string | undefined;
  /** The peer says where it is: answers to a request of ours. */
  answer(address?: string, station?: string): ReadEther[];
  /** Drops by reason that were counted since the last call. */
  drops(): Readonly<Record<string, number>>;
}

/** A stack 10.0.0.2/24 at 02:00:00:00:00:02, with a default route to 10.0.0.1. */
export function stackOnEthernet(config: EthernetBenchOptions = {}): EthernetBench {
  const { options = {}, seed = 1, announced = true } = config;
  const clock = new ManualClock();
  const pool = new PacketPool(config.pool);
  const stack = new Stack({ clock, pool, entropy: new SeededEntropy(seed), options });
  let asked = false;
  const wake = (): void => {
    asked = true;
  };
  stack.attachHost({ wake, wakeNow: wake });
  const link = new TestLink(pool, 'test0', MEDIUM_ETHERNET);
  const face = stack.addLink(link, '10.0.0.2/24', OUR_STATION);
  stack.addRoute('0.0.0.0/0', face, '10.0.0.1');
  const settle = (): ReadEther[] => {
    do {
      asked = false;
      if (stack.pump()) asked = true;
    } while (asked);
    return link.take().map(readEther);
  };
  let counted: Readonly<Record<string, number>> = {};
  const bench: EthernetBench = {
    stack,
    link,
    face,
    clock,
    pool,
    exchange(...frames) {
      for (const frame of frames) link.inject(frame);
      return settle();
    },
    pass(ms) {
      const sent: ReadEther[] = settle();
      for (let left = ms; left > 0; ) {
        const due = stack.msUntilNext(clock.ms);
        const step = due < 0 ? left : Math.min(left, Math.max(due, 1));
        clock.advanceMs(step);
        left -= step;
        sent.push(...settle());
      }
      return sent;
    },
    state: (address = '10.0.0.1') => stack.ethernet.list().find((entry) => entry.address === address)?.state,
    answer(address = '10.0.0.1', station = PEER_STATION) {
      return bench.exchange(arpFrame({ operation: 2, sender: address, station }));
    },
    drops() {
      const now = { ...stack.stats.drops() } as Record<string, number>;
      const since = Object.entries(now)
        .map(([name, count]) => [name, count - (counted[name] ?? 0)] as const)
        .filter(([, count]) => count > 0);
      counted = now;
      return Object.fromEntries(since);
    },
  };
  if (announced) bench.pass(2000);
  return bench;
}

/** The ARP packets among frames. */
export function arpOf(frames: readonly ReadEther[]): ReadArp[] {
  return frames.flatMap(({ arp }) => (arp === undefined ? [] : [arp]));
}

/** The datagrams among frames, read and checked. */
export function datagramsOf(frames: readonly ReadEther[]): ReadFrame[] {
  for (const { type } of frames) {
    if (type !== ETHERTYPE_ARP && type !== ETHERTYPE_IP4) throw new Error(`a frame of type ${type}`);
  }
  return frames.filter(({ type }) => type === ETHERTYPE_IP4).map(({ payload }) => readFrame(payload));
}
