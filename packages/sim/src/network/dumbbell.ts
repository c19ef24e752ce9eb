// A dumbbell: pairs of hosts on both sides of one bottleneck, the topology that congestion control is tried on.
//
//   left0 ---+                                   +--- right0
//   left1 ---+--- router ===== bottleneck ===== router ---+--- right1
//   ...      |    10.1/16                       10.2/16   |    ...
//
// Host i has the address 10.1.i.2 on the left, 10.2.i.2 on the right.

import type { Options } from '@tunstack/stack';
import type { Link, Tap } from '@tunstack/stack/contract';
import type { Impairment } from '../impairment.ts';
import type { Rule } from '../rules/rules.ts';
import type { Wire } from '../wire.ts';
import type { World } from '../world.ts';
import type { Host } from './host.ts';
import type { LineOptions, QueueLimit } from './line.ts';
import { Switch } from './switch.ts';

/** One wire. Without a rate it has no queue. */
export interface LinkShape {
  readonly rateBps?: number;
  readonly queue?: QueueLimit;
  /** See LineOptions. */
  readonly ecnBytes?: number;
  /** One way, at least 1 us. */
  readonly delayUs?: number;
  /** Faults; its own rate and delay are added to those above. */
  readonly impairment?: Impairment;
  readonly rules?: readonly Rule[];
}

export interface DumbbellOptions {
  /** Hosts on each side, 1 .. 250. */
  readonly pairs: number;
  /** The wire between the routers; both directions, or left to right and right to left apart (rules of the first). */
  readonly bottleneck: LinkShape | readonly [LinkShape, LinkShape];
  /** The wires of the hosts. */
  readonly access?: LinkShape | ((pair: number, side: 'left' | 'right') => LinkShape);
  /** Plain switches (default), or stacks that forward: then TTL goes down, and ICMP errors come. */
  readonly routers?: 'switch' | 'stack';
  readonly mtu?: number;
  readonly options?: Partial<Options> | ((name: string) => Partial<Options>);
  readonly tap?: (name: string) => Tap | undefined;
}

export interface Dumbbell {
  readonly left: readonly Host[];
  readonly right: readonly Host[];
  /** Its first end is on the left. */
  readonly bottleneck: Wire;
  /** Of left0, right0, left1, right1 ...: the first end is the host's. */
  readonly access: readonly Wire[];
}

/** One of the two in the middle. */
interface Router {
  attach(port: Link, address: string, network: string): void;
}

/**
 * Builds it in a world.
 *
 * @example
 * const { left, right, bottleneck } = dumbbell(world, {
 *   pairs: 2,
 *   bottleneck: { rateBps: 10e6, delayUs: 10_000, queue: { bdp: 1, rttUs: 20_000 } },
 * });
 */
export function dumbbell(world: World, options: DumbbellOptions): Dumbbell {
  const { pairs, routers = 'switch', access = {}, mtu = 1500 } = options;
  if (!(Number.isInteger(pairs) && pairs >= 1 && pairs <= 250)) throw new RangeError('1 to 250 pairs');
  const middle = (['left', 'right'] as const).map((side) =>
    routers === 'stack' ? stackRouter(world, side) : switchRouter(),
  );
  const { bottleneck: shape } = options;
  const bottleneck = wireOf(world, isPair(shape) ? shape : [shape, shape], ['left', 'right'], mtu);
  middle[0].attach(bottleneck.ends[0], '10.3.0.1', '10.2.0.0/16');
  middle[1].attach(bottleneck.ends[1], '10.3.0.2', '10.1.0.0/16');
  const hosts = { left: [] as Host[], right: [] as Host[] };
  const wires: Wire[] = [];
  for (let i = 0; i < pairs; i++) {
    for (const [k, side] of (['left', 'right'] as const).entries()) {
      const name = `${side}${i}`;
      const shape = typeof access === 'function' ? access(i, side) : access;
      const wire = wireOf(world, [shape, shape], [name, `${side}-router${i}`], mtu);
      const net = `10.${k + 1}.${i}`;
      const own = typeof options.options === 'function' ? options.options(name) : options.options;
      const host = world.host(name, own, options.tap?.(name));
      const face = host.stack.addLink(wire.ends[0], `${net}.2/24`);
      host.stack.addRoute('0.0.0.0/0', face, `${net}.1`);
      host.address = `${net}.2`;
      middle[k].attach(wire.ends[1], `${net}.1`, `${net}.0/24`);
      hosts[side].push(host);
      wires.push(wire);
    }
  }
  return { ...hosts, bottleneck, access: wires };
}

function isPair(shape: DumbbellOptions['bottleneck']): shape is readonly [LinkShape, LinkShape] {
  return Array.isArray(shape);
}

function switchRouter(): Router {
  const middle = new Switch();
  return { attach: (port, _address, network) => middle.addPort(port, network) };
}

function stackRouter(world: World, side: string): Router {
  const { stack } = world.host(`${side}-router`, { forwarding: true });
  return {
    attach(port, address, network) {
      const between = address.startsWith('10.3.');
      const face = stack.addLink(port, `${address}/${between ? 30 : 24}`);
      if (between) stack.addRoute(network, face, address === '10.3.0.1' ? '10.3.0.2' : '10.3.0.1');
    },
  };
}

function lineOf({ rateBps, queue, ecnBytes }: LinkShape): LineOptions | undefined {
  if (rateBps === undefined) return undefined;
  return { rateBps, ...(queue !== undefined && { queue }), ...(ecnBytes !== undefined && { ecnBytes }) };
}

function impairmentOf({ delayUs = 1, impairment = {} }: LinkShape): Impairment {
  return { ...impairment, delayUs: delayUs + (impairment.delayUs ?? 0) };
}

function wireOf(
  world: World,
  [there, back]: readonly [LinkShape, LinkShape],
  names: readonly [string, string],
  mtu: number,
): Wire {
  const { rules = [] } = there;
  const line = [lineOf(there), lineOf(back)] as const;
  return world.wire({ names, mtu, rules, line, impairment: [impairmentOf(there), impairmentOf(back)] });
}
