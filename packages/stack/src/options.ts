// Every tunable of a stack: name with its unit, default, and the clause or practice that justifies it.

import { DEFAULT_POOL_LIMITS, type PoolLimits } from './contract/packet-pool.ts';

export interface Options {
  /** TTL of what we send. 64: RFC 1700's recommendation, and Linux's ip_default_ttl. */
  readonly ttl: number;
  /** Packets taken from one link per pump. 256: one wake-up of the device. */
  readonly batchPackets: number;
  /** Full batches after which timers fire although more is waiting, so that no flood starves them. */
  readonly fullBatchesBeforeTimers: number;
  /** Answers (echo replies, errors) one batch may cause, per stack. */
  readonly answersMax: number;
  /** Paths kept that nobody holds (a cache, least recently used goes first). */
  readonly idlePathsMax: number;
  /** Paths in all: held ones and idle ones. */
  readonly pathsMax: number;
  /** Routes in the table. */
  readonly routesMax: number;
  /** ICMP errors a second, whole stack, and how many at once: Linux icmp_msgs_per_sec, icmp_msgs_burst. */
  readonly icmpErrorsPerSecond: number;
  readonly icmpErrorsBurst: number;
  /** Milliseconds between ICMP errors to one target, and how many at once: Linux icmp_ratelimit, XRLIM_BURST_FACTOR. */
  readonly icmpTargetIntervalMs: number;
  readonly icmpTargetBurst: number;
  /** Targets remembered for that limit. A power of two. */
  readonly icmpTargetsMax: number;
  /** Octets of an ICMP error, quote included: RFC 1812 4.3.2.3. */
  readonly icmpErrorBytes: number;
  /** The smallest path MTU an ICMP message may teach us: Linux min_pmtu, against RFC 1191's 68. */
  readonly minPmtuBytes: number;
  /** How long a learned path MTU is believed: RFC 1191 6.3, Linux mtu_expires. */
  readonly pmtuExpiresMs: number;
  /** UDP sockets of a stack. */
  readonly udpSocketsMax: number;
  /** Receive queue of a UDP socket, octets of payload plus `datagramOverheadBytes` each: Linux rmem_default. */
  readonly udpReceiveBytes: number;
  /**
   * Send queue of a UDP socket, counted alike. More than Linux's wmem_default of 208 KiB: what handlers send waits for the
   * drain, and the answers to one full batch of 1500-octet datagrams must fit.
   */
  readonly udpSendBytes: number;
  /** What a queued datagram is charged besides its payload. */
  readonly datagramOverheadBytes: number;
  /** First and last port that is chosen when none is asked for: Linux ip_local_port_range. */
  readonly ephemeralPortFirst: number;
  readonly ephemeralPortLast: number;
  /** Echo (ping) sockets of a stack, and replies one of them queues. */
  readonly echoSocketsMax: number;
  readonly echoRepliesMax: number;
  /** Packet memory, when the stack makes its own pool. */
  readonly pool: PoolLimits;
}

export const DEFAULT_OPTIONS: Options = {
  ttl: 64,
  batchPackets: 256,
  fullBatchesBeforeTimers: 4,
  answersMax: 512,
  idlePathsMax: 1024,
  pathsMax: 262_144,
  routesMax: 65_536,
  icmpErrorsPerSecond: 1000,
  icmpErrorsBurst: 50,
  icmpTargetIntervalMs: 1000,
  icmpTargetBurst: 6,
  icmpTargetsMax: 1024,
  icmpErrorBytes: 576,
  minPmtuBytes: 552,
  pmtuExpiresMs: 600_000,
  udpSocketsMax: 16_384,
  udpReceiveBytes: 212_992,
  udpSendBytes: 1 << 20,
  datagramOverheadBytes: 256,
  ephemeralPortFirst: 32_768,
  ephemeralPortLast: 60_999,
  echoSocketsMax: 256,
  echoRepliesMax: 256,
  pool: DEFAULT_POOL_LIMITS,
};
