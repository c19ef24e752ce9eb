// Arbitraries for fast-check: public names. Each takes the `fc` of its caller.
export {
  allowedStates,
  type EndModel,
  type EndpointCommand,
  type EndpointsModel,
  endpointCommands,
  runEndpoints,
} from './commands.ts';
export { Endpoints } from './endpoints.ts';
export type { Arbitrary, FastCheck } from './fast-check.ts';
export {
  type Fault,
  type FrameEnds,
  faults,
  frames,
  type NearlyValid,
  nearlyValidFrames,
  tcpOptions,
  withFaults,
} from './frames.ts';
export {
  type DropList,
  dropLists,
  type NetworkSchedule,
  networkSchedules,
  rulesOfDrops,
  rulesOfSchedule,
  type Weather,
} from './schedules.ts';
export { type SegmentStream, type StreamFault, type StreamFrame, segmentStreams } from './streams.ts';
