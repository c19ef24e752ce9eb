// Virtual worlds for protocol tests: public names.
export { Agenda } from './agenda.ts';
export { BAD_FRAMES, type BadFrame } from './bad-frames.ts';
export { DEFAULT_START_MS, SimClock } from './clock.ts';
export { SimEntropy } from './entropy.ts';
export { type FrameGenerator, GOOD_FRAMES, type GoodFrame, type Target } from './good-frames.ts';
export { type Fate, Fates, type Impairment } from './impairment.ts';
export { Probe, type ProbeOptions } from './probe.ts';
export { Wire, type WireCounters, type WireEnd, type WireOptions } from './wire.ts';
export { World, type WorldOptions } from './world.ts';
