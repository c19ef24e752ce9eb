// The congestion controllers that the connections of one stack may have.

import type { Entropy } from '../../contract/entropy.ts';
import type { Controller, ControllerFactory } from './controller.ts';
import { CONTROLLERS, controllerFactory } from './registry.ts';

/**
 * See the head of this file.
 *
 * @example const controller = new Controllers(entropy).make('cubic', 1460);
 */
export class Controllers {
  private readonly factories: Map<string, ControllerFactory> = new Map();

  constructor(entropy: Entropy) {
    for (const name of CONTROLLERS) {
      const factory = controllerFactory(name, entropy.int32());
      if (factory !== undefined) this.factories.set(name, factory);
    }
  }

  /** A new one, or undefined: there is none of that name. */
  make(name: string, mss: number): Controller | undefined {
    return this.factories.get(name)?.(mss);
  }
}
