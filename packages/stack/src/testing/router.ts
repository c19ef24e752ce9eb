// A stack with two links, as a router between two networks: 10.0.0.2/24 on `left`, 10.0.1.2/24 on `right`.

import { PacketPool } from '../contract/packet-pool.ts';
import type { Interface } from '../ip/interface.ts';
import type { Options } from '../options.ts';
import { Stack } from '../stack.ts';
import { ManualClock } from './manual-clock.ts';
import { SeededEntropy } from './seeded-entropy.ts';
import { TestLink } from './test-link.ts';

export interface RouterBench {
  readonly stack: Stack;
  readonly left: TestLink;
  readonly right: TestLink;
  readonly leftFace: Interface;
  readonly rightFace: Interface;
  readonly pool: PacketPool;
  readonly clock: ManualClock;
  /** Pumps until there is nothing to do; what left by each link, as octets. */
  settle(): { readonly left: Uint8Array[]; readonly right: Uint8Array[] };
  /** The same after a frame arrived from the left. */
  fromLeft(...frames: Uint8Array[]): { readonly left: Uint8Array[]; readonly right: Uint8Array[] };
}

/** A router that forwards, unless `options` say otherwise. */
export function routerWith(options: Partial<Options> = {}): RouterBench {
  const clock = new ManualClock();
  const pool = new PacketPool();
  const entropy = new SeededEntropy(1);
  const stack = new Stack({ clock, pool, entropy, options: { forwarding: true, ...options } });
  let asked = false;
  const wake = (): void => {
    asked = true;
  };
  stack.attachHost({ wake, wakeNow: wake });
  const [left, right] = [new TestLink(pool, 'left'), new TestLink(pool, 'right')];
  right.shared = true;
  const leftFace = stack.addLink(left, '10.0.0.2/24');
  const rightFace = stack.addLink(right, '10.0.1.2/24');
  const settle = (): { left: Uint8Array[]; right: Uint8Array[] } => {
    do {
      asked = false;
      if (stack.pump()) asked = true;
    } while (asked);
    return { left: left.take(), right: right.take() };
  };
  return {
    stack,
    left,
    right,
    leftFace,
    rightFace,
    pool,
    clock,
    settle,
    fromLeft(...frames) {
      for (const frame of frames) left.inject(frame);
      return settle();
    },
  };
}
