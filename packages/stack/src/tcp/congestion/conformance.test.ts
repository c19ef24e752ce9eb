// Every controller keeps the laws of the contract.

import { CONTROLLERS, controllerFactory } from './registry.ts';
import { controllerSuite } from './testing/conformance.ts';

const SEED = 7;

for (const name of CONTROLLERS) controllerSuite(name, (mss) => controllerFactory(name, SEED)!(mss));
