// Virtual worlds for protocol tests: public names.
export { Agenda } from './agenda.ts';
export {
  BAD_ETHERNET_FRAMES,
  type BadEthernetFrame,
  type EthernetFrameGenerator,
  type EthernetTarget,
  inEthernet,
} from './bad-ethernet.ts';
export { BAD_FRAMES, type BadFrame } from './bad-frames.ts';
export { type Check, CheckBreach, Checks, type Seen, Taps } from './checks/checks.ts';
export { type Conversation, Conversations, type Half, type Said, windowOf } from './checks/conversation.ts';
export * as check from './checks/index.ts';
export { type SenderView, senderOf } from './checks/sender.ts';
export { DEFAULT_START_MS, SimClock } from './clock.ts';
export { SimEntropy } from './entropy.ts';
export { type FrameGenerator, GOOD_FRAMES, type GoodFrame, type Target } from './good-frames.ts';
export { type Cell, type CellResult, runCell } from './grid/cell.ts';
export { jainIndex, runSharing, type Sharing, type SharingResult } from './grid/fairness.ts';
export { Flow, type FlowOptions } from './grid/flow.ts';
export { HOSTILE_DATAGRAMS, HOSTILE_ETHERNET, hostileRound } from './hostile-rows.ts';
export { type Fate, Fates, type Impairment } from './impairment.ts';
export { type Dumbbell, type DumbbellOptions, dumbbell, type LinkShape } from './network/dumbbell.ts';
export { Host } from './network/host.ts';
export { bdpBytes, LINE_FULL, Line, type LineOptions, type QueueLimit } from './network/line.ts';
export { Switch } from './network/switch.ts';
export { type Sysctl, sysctlsOf } from './packetdrill/commands.ts';
export {
  type RunOptions,
  runScript,
  type ScriptResult,
  simTargetOf,
} from './packetdrill/run-script.ts';
export { DEFAULT_SETTINGS, type ScriptSettings } from './packetdrill/settings.ts';
export { SimTarget, type SimTargetOptions } from './packetdrill/sim-target.ts';
export {
  ANY,
  type Call,
  type Fields,
  type Outcome,
  type Running,
  type Sent,
  type Target as ScriptTarget,
  Unsupported,
  type Value,
} from './packetdrill/target.ts';
export { Probe, type ProbeOptions } from './probe.ts';
export { Crossing, type Verdict } from './rules/crossing.ts';
export type { Matcher } from './rules/matchers.ts';
export * as when from './rules/matchers.ts';
export { Rulebook } from './rules/rulebook.ts';
export type { GilbertElliott, Rule } from './rules/rules.ts';
export * as rules from './rules/rules.ts';
export { TcpApplication, TcpBreach, type TcpPlan } from './tcp-application.ts';
export { type Mutant, mutateSegment } from './tcp-mutants.ts';
export { type PeerFields, TcpPeer, type TcpPeerEnds } from './tcp-peer.ts';
export { TcpStream } from './tcp-stream.ts';
export { type TcpTables, tcpStateOf, tcpTables } from './tcp-tables.ts';
export { octetsOnWire, TcpDigest, TcpTrace } from './tcp-trace.ts';
export { runTransfer, type TransferOptions, type TransferResult } from './tcp-transfer.ts';
export { planTransfer, type Topology, type TransferPlan } from './tcp-transfer-plan.ts';
export { type Watcher, Wire, type WireCounters, WireEnd, type WireOptions } from './wire.ts';
export { World, type WorldOptions } from './world.ts';
export { Recorder, type Save } from './worlds/recorder.ts';
export { type FlowPlan, planWorld, type WorldPlan } from './worlds/world-plan.ts';
export {
  type Replay,
  replay,
  runWorld,
  type WorldResult,
  type WorldRunOptions,
} from './worlds/world-run.ts';
