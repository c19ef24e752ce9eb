// The congestion controllers by their names, those of Linux: what `TCP_CONGESTION` would take.

import { Prng } from '../../base/prng.ts';
import { Bbr } from './bbr.ts';
import type { Controller, ControllerFactory } from './controller.ts';
import { Cubic } from './cubic.ts';
import { NewReno } from './new-reno.ts';

/**
 * All names, the default first: RFC 9438, RFC 5681 with 6582, BBR version 1 (no RFC). For `options.tcpCongestion` and
 * `socket.congestion`; any other name is refused there with ERR_INVALID_ARG_VALUE.
 *
 * @example for (const tcpCongestion of CONTROLLERS) measure(new Stack({ clock, entropy, options: { tcpCongestion } }));
 */
export const CONTROLLERS: readonly string[] = ['cubic', 'reno', 'bbr'];

/**
 * The factory of a name, or undefined: there is none of that name. `seed`: chance of BBR's probing; each factory has one stream.
 *
 * @example const make = controllerFactory('cubic', entropy.int32()); const controller = make?.(1460);
 */
export function controllerFactory(name: string, seed: number): ControllerFactory | undefined {
  if (name === 'cubic') return (mss): Controller => new Cubic(mss);
  if (name === 'reno') return (mss): Controller => new NewReno(mss);
  if (name !== 'bbr') return undefined;
  const prng = new Prng(seed);
  return (mss): Controller => new Bbr(mss, prng);
}
