// Holders and the idle list against a model.

import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { NONE } from '../base/index-pool.ts';
import { Context } from '../context.ts';
import { PacketPool } from '../contract/packet-pool.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { SeededEntropy } from '../testing/seeded-entropy.ts';
import { PathTable } from './path.ts';
import { RouteTable } from './route-table.ts';

const IDLE_MAX = 3;
const PATHS_MAX = 6;
const step = fc.record({ acquire: fc.boolean(), remote: fc.integer({ min: 1, max: 9 }) });

test.prop([fc.array(step, { maxLength: 120, size: 'max' })])(
  'held paths stay, idle ones go least recently used first, and the table is full only of held ones',
  (script) => {
    const options = { ...DEFAULT_OPTIONS, idlePathsMax: IDLE_MAX, pathsMax: PATHS_MAX };
    const context = new Context(options, new PacketPool(), new SeededEntropy(3));
    const paths = new PathTable(context, new RouteTable(4));
    const held = new Map<number, number>();
    const idle: number[] = [];
    for (const { acquire, remote } of script) {
      if (acquire) {
        const path = paths.acquire(7, remote);
        const known = held.has(remote) || idle.includes(remote);
        if (!known && held.size + idle.length === PATHS_MAX) idle.shift();
        if (!known && held.size === PATHS_MAX) {
          expect(path).toBeUndefined();
          continue;
        }
        expect(path?.remote).toBe(remote);
        if (idle.includes(remote)) idle.splice(idle.indexOf(remote), 1);
        held.set(remote, (held.get(remote) ?? 0) + 1);
      } else if (held.has(remote)) {
        paths.release(paths.at(paths.find(7, remote)));
        const left = (held.get(remote) as number) - 1;
        if (left > 0) held.set(remote, left);
        else {
          held.delete(remote);
          idle.push(remote);
          if (idle.length > IDLE_MAX) idle.shift();
        }
      }
      expect(paths.size).toBe(held.size + idle.length);
      expect(paths.idleSize).toBe(idle.length);
      for (let r = 1; r <= 9; r++) {
        expect(paths.find(7, r) !== NONE).toBe(held.has(r) || idle.includes(r));
      }
    }
  },
);
