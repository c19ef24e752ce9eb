// Virtual worlds for protocol tests: public names.
export { Agenda } from './agenda.ts';
export { BAD_FRAMES, type BadFrame } from './bad-frames.ts';
export { DEFAULT_START_MS, SimClock } from './clock.ts';
export { SimEntropy } from './entropy.ts';
export { type FrameGenerator, GOOD_FRAMES, type GoodFrame, type Target } from './good-frames.ts';
export { type Fate, Fates, type Impairment } from './impairment.ts';
export { Probe, type ProbeOptions } from './probe.ts';
export { TcpApplication, TcpBreach, type TcpPlan } from './tcp-application.ts';
export { type Mutant, mutateSegment } from './tcp-mutants.ts';
export { type PeerFields, TcpPeer, type TcpPeerEnds } from './tcp-peer.ts';
export { TcpStream } from './tcp-stream.ts';
export { type TcpTables, tcpStateOf, tcpTables } from './tcp-tables.ts';
export { octetsOnWire, TcpDigest, TcpTrace } from './tcp-trace.ts';
export { runTransfer, type TransferOptions, type TransferResult } from './tcp-transfer.ts';
export { planTransfer, type Topology, type TransferPlan } from './tcp-transfer-plan.ts';
export { Wire, type WireCounters, type WireEnd, type WireOptions } from './wire.ts';
export { World, type WorldOptions } from './world.ts';
