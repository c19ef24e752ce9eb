// The test bench of the stack: fakes for everything outside it.
export { type Collected, collect } from './collect.ts';
export {
  ALL_STATIONS,
  type ArpFields,
  arpFrame,
  type EtherFields,
  etherFrame,
  NOBODY,
  OUR_STATION,
  PEER_STATION,
  type ReadArp,
  type ReadEther,
  readEther,
} from './ethernet-frames.ts';
export { type FakeFace, fakeFace } from './fake-face.ts';
export { copiedOptions, cutAt, cutTo } from './fragments.ts';
export {
  type IcmpFields,
  type Ip4Fields,
  icmpFrame,
  ip,
  ip4Frame,
  octets,
  PEER,
  type UdpFields,
  US,
  udpFrame,
} from './frames.ts';
export { ManualClock } from './manual-clock.ts';
export { Ordeal, type OrdealGround, type Outcome } from './ordeal.ts';
export { type ReadFrame, readFrame } from './read-frame.ts';
export { type RouterBench, routerWith } from './router.ts';
export { SeededEntropy } from './seeded-entropy.ts';
export {
  arpOf,
  datagramsOf,
  type EthernetBench,
  type EthernetBenchOptions,
  stackOnEthernet,
} from './stack-on-ethernet.ts';
export { type Bench, type BenchOptions, stackWith } from './stack-with.ts';
export {
  type Peer,
  type PeerSegment,
  type Sent,
  type StateName,
  show,
  TcpBench,
  type TcpBenchOptions,
  tcpIn,
} from './tcp-bench.ts';
export { type ReadTcp, readTcpFrame, type TcpFields, tcpFrame } from './tcp-frames.ts';
export { type Marks, TestLink } from './test-link.ts';
