// Virtual worlds for protocol tests: public names.
export { Agenda } from './agenda.ts';
export { DEFAULT_START_MS, SimClock } from './clock.ts';
export { SimEntropy } from './entropy.ts';
export { type Fate, Fates, type Impairment } from './impairment.ts';
export { Wire, type WireCounters, type WireEnd, type WireOptions } from './wire.ts';
export { World, type WorldOptions } from './world.ts';
