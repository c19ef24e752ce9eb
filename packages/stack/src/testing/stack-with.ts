// A stack on a TestLink, in a clock moved by hand: what most tests of the stack start from.

import { PacketPool, type PoolLimits } from '../contract/packet-pool.ts';
import type { Interface } from '../ip/interface.ts';
import type { Options } from '../options.ts';
import { Stack } from '../stack.ts';
import { ManualClock } from './manual-clock.ts';
import { type ReadFrame, readFrame } from './read-frame.ts';
import { SeededEntropy } from './seeded-entropy.ts';
import { type Marks, TestLink } from './test-link.ts';

export interface Bench {
  readonly stack: Stack;
  readonly link: TestLink;
  readonly face: Interface;
  readonly clock: ManualClock;
  readonly pool: PacketPool;
  /** Times that the stack asked for a pump. */
  readonly wakes: () => number;
  /** Injects frames and pumps until there is nothing left to do; answers what was sent, read and checked. */
  exchange(...frames: Uint8Array[]): ReadFrame[];
  /** The same with what a device says about the frame. */
  exchangeMarked(frame: Uint8Array, marks: Marks): ReadFrame[];
}

export interface BenchOptions {
  readonly options?: Partial<Options>;
  readonly address?: string;
  readonly seed?: number;
  readonly pool?: PoolLimits;
  readonly mtu?: number;
}

/** A stack 10.0.0.2/24 on `test0`, with a default route to 10.0.0.1. */
export function stackWith(config: BenchOptions = {}): Bench {
  const { options = {}, address = '10.0.0.2/24', seed = 1, mtu = 1500 } = config;
  const clock = new ManualClock();
  const pool = new PacketPool(config.pool);
  const stack = new Stack({ clock, pool, entropy: new SeededEntropy(seed), options });
  let wakes = 0;
  let asked = false;
  const wake = (): void => {
    wakes++;
    asked = true;
  };
  stack.attachHost({ wake, wakeNow: wake });
  const link = new TestLink(pool);
  link.mtu = mtu;
  const face = stack.addLink(link, address);
  stack.addRoute('0.0.0.0/0', face, '10.0.0.1');
  const settle = (): ReadFrame[] => {
    do {
      asked = false;
      if (stack.pump()) asked = true;
    } while (asked);
    return link.take().map(readFrame);
  };
  return {
    stack,
    link,
    face,
    clock,
    pool,
    wakes: () => wakes,
    exchange(...frames) {
      for (const frame of frames) link.inject(frame);
      return settle();
    },
    exchangeMarked(frame, marks) {
      link.inject(frame, marks);
      return settle();
    },
  };
}
