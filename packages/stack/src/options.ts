// Every tunable of a stack: name with its unit, default, and the clause or practice that justifies it.

import { DEFAULT_POOL_LIMITS, type PoolLimits } from './contract/packet-pool.ts';

export interface Options {
  /** TTL of what we send. 64: RFC 1700's recommendation, and Linux's ip_default_ttl. */
  readonly ttl: number;
  /** Packets taken from one link per pump. 256: one wake-up of the device. */
  readonly batchPackets: number;
  /** Full batches after which timers fire although more is waiting, so that no flood starves them. */
  readonly fullBatchesBeforeTimers: number;
  /** Puts segments of one flow together that arrive one behind the other, before IP sees them: ip4/gro.ts. Linux ethtool -K gro. */
  readonly gro: boolean;
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
  /** How long a learned path MTU is believed: RFC 1191 6.3, Linux mtu_expires. R1191.3. */
  readonly pmtuExpiresMs: number;
  /** Memory that fragments may wait in, octets of packet slots: Linux ipfrag_high_thresh. */
  readonly reassemblyBytes: number;
  /** How long they wait, from the first that came: Linux ipfrag_time. RFC 1122 3.3.2 asks for 60 to 120 s. */
  readonly reassemblyTimeoutMs: number;
  /** Datagrams that wait for fragments. */
  readonly reassemblyDatagramsMax: number;
  /** Fragments of one datagram: 65,515 octets at the smallest MTU, 68, are 1365 (CVE-2018-5391). */
  readonly reassemblyFragmentsMax: number;
  /** Passes on what is not for us: Linux ip_forward. */
  readonly forwarding: boolean;
  /** Datagrams that one pump may pass on. */
  readonly forwardQueueMax: number;
  /** Fills in the Record Route and Timestamp options of what it passes on: RFC 1812 5.3.13.4, 5.3.13.5; else they go on as they came. */
  readonly forwardRecords: boolean;
  /** RFC 3704: 0 no check, 1 the way back must be the way it came (strict), 2 there must be one (loose). Linux rp_filter. */
  readonly rpFilter: number;
  /** Takes datagrams from an address of ours that came over a wire: Linux accept_local. */
  readonly acceptLocal: boolean;
  /** Neighbours on Ethernet links: Linux gc_thresh3; and packets that wait for one of them: Linux unres_qlen. */
  readonly neighborsMax: number;
  readonly neighborPendingMax: number;
  /** How long a neighbour that nothing is sent to stays, where there are more than so many: Linux gc_stale_time, gc_thresh1. */
  readonly neighborStaleMs: number;
  readonly neighborsKept: number;
  /** RFC 4861 10: REACHABLE_TIME, RETRANS_TIMER, DELAY_FIRST_PROBE_TIME, MAX_MULTICAST_SOLICIT. */
  readonly neighborReachableMs: number;
  readonly neighborRetransMs: number;
  readonly neighborDelayMs: number;
  readonly neighborProbes: number;
  /** How long a station address stands against another one that claims the same: Linux locktime. */
  readonly neighborLockMs: number;
  /** RFC 5227 1.1 DEFEND_INTERVAL. */
  readonly arpDefendMs: number;
  /** 0: answer for any address of ours on any link, 1: for those of the link only. Linux arp_ignore. */
  readonly arpIgnore: number;
  /** Multicast groups a stack is in, interfaces counted one by one; and one socket of it: Linux igmp_max_memberships. */
  readonly groupsMax: number;
  readonly groupsPerSocketMax: number;
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
  /** Retransmission timeout before a sample, at least (of its variance part), at most: RFC 6298 2, Linux TCP_RTO_MIN/MAX. R6298.5. */
  readonly tcpRtoInitialMs: number;
  readonly tcpRtoMinMs: number;
  readonly tcpRtoMaxMs: number;
  /** RFC 9293 3.8.6.3: below 500. Linux TCP_DELACK_MIN. */
  readonly tcpDelayedAckMs: number;
  /** Segments at the beginning of a connection that are acknowledged at once, and how many wire segments one such ACK covers. */
  readonly tcpQuickAcks: number;
  readonly tcpSegmentsPerQuickAck: number;
  /** SYN retransmissions: Linux tcp_syn_retries, tcp_synack_retries. RFC 9293 MUST-23 asks for 3 minutes: set 7. */
  readonly tcpSynRetries: number;
  readonly tcpSynAckRetries: number;
  /** R1 and R2 of RFC 9293 3.8.3, in retransmissions: Linux tcp_retries1, tcp_retries2 (about 15 minutes). */
  readonly tcpRetriesR1: number;
  readonly tcpRetries: number;
  /** 2MSL: RFC 9293 3.4.2 says 4 minutes, Linux TCP_TIMEWAIT_LEN 60 s. */
  readonly tcpTimeWaitMs: number;
  /** How long a connection that its application closed waits in FIN-WAIT-2: Linux tcp_fin_timeout. */
  readonly tcpFinWait2Ms: number;
  /** RFC 9293 3.8.4: idle time (at least two hours by default), interval, probes. */
  readonly tcpKeepAliveIdleMs: number;
  readonly tcpKeepAliveIntervalMs: number;
  readonly tcpKeepAliveProbes: number;
  /** Challenge ACKs: one per connection and interval (Linux tcp_invalid_ratelimit), and a second of the whole stack. */
  readonly tcpChallengeIntervalMs: number;
  readonly tcpChallengesPerSecond: number;
  /** Receive buffer at first, and what it may grow to: it decides the window scale. Linux tcp_rmem. */
  readonly tcpReceiveBytes: number;
  readonly tcpReceiveBytesMax: number;
  /** Received octets of all connections together. */
  readonly tcpReceiveTotalBytes: number;
  /** Send buffer at first, and what it may grow to as the congestion window does: Linux tcp_wmem. */
  readonly tcpSendBytes: number;
  readonly tcpSendBytesMax: number;
  /** Runs of out-of-order octets a connection may have (CVE-2018-5390). */
  readonly tcpReassemblyRunsMax: number;
  /** The smallest MSS a peer may ask for: Linux tcp_min_snd_mss (CVE-2019-11479). */
  readonly tcpMssMin: number;
  /** The receive buffer is looked at no more often than this, nor than once a round trip. */
  readonly tcpTuneIntervalUs: number;
  /** RFC 7323, RFC 2018; header prediction. */
  readonly tcpTimestamps: boolean;
  readonly tcpWindowScaling: boolean;
  readonly tcpSack: boolean;
  /** RFC 8985 section 7: Linux tcp_early_retrans; RFC 5682: Linux tcp_frto; bursts of a millisecond: as Linux's fq qdisc would have it. */
  readonly tcpTailLossProbe: boolean;
  readonly tcpFrto: boolean;
  readonly tcpPacing: boolean;
  /** RFC 5681 4.1: after a pause longer than RTO the window is the initial one. Linux tcp_slow_start_after_idle. */
  readonly tcpSlowStartAfterIdle: boolean;
  /** RFC 3168: 0 never, 1 asks for it and accepts it, 2 accepts it. Linux tcp_ecn. */
  readonly tcpEcn: number;
  /** 'cubic' (RFC 9438), 'reno' (RFC 6582) or 'bbr': Linux tcp_congestion_control. */
  readonly tcpCongestion: string;
  readonly tcpFastPath: boolean;
  /** Connections awake, half-open rows, rows in TIME-WAIT, listeners. */
  readonly tcpConnectionsMax: number;
  readonly tcpSynBacklogMax: number;
  readonly tcpTimeWaitMax: number;
  readonly tcpListenersMax: number;
  /**
   * RFC 4987 3.6, when there are `tcpSynBacklogMax` half-open connections. 0: the oldest makes room, 1: a SYN cookie is
   * sent, 2: cookies always. Never to those who asked to decide themselves (`defer`). Linux tcp_syncookies.
   */
  readonly tcpSynCookies: number;
  /** RFC 1337 F1: no RST ends TIME-WAIT. Linux tcp_rfc1337. R1337.1. */
  readonly tcpRfc1337: boolean;
  /** An active open may end our own TIME-WAIT, a second after its last timestamp: 0 never, 1 yes, 2 on loopback. Linux tcp_tw_reuse. */
  readonly tcpTimeWaitReuse: number;
  /** How long a SYN waits for an application that decides itself. */
  readonly tcpHeldSynMs: number;
  /** Packet memory, when the stack makes its own pool. */
  readonly pool: PoolLimits;
}

export const DEFAULT_OPTIONS: Options = {
  ttl: 64,
  batchPackets: 256,
  fullBatchesBeforeTimers: 4,
  gro: true,
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
  reassemblyBytes: 4 << 20,
  reassemblyTimeoutMs: 30_000,
  reassemblyDatagramsMax: 1024,
  reassemblyFragmentsMax: 2048,
  forwarding: false,
  forwardQueueMax: 4096,
  forwardRecords: true,
  rpFilter: 0,
  acceptLocal: false,
  neighborsMax: 1024,
  neighborPendingMax: 101,
  neighborStaleMs: 60_000,
  neighborsKept: 128,
  neighborReachableMs: 30_000,
  neighborRetransMs: 1000,
  neighborDelayMs: 5000,
  neighborProbes: 3,
  neighborLockMs: 1000,
  arpDefendMs: 10_000,
  arpIgnore: 0,
  groupsMax: 1024,
  groupsPerSocketMax: 20,
  udpSocketsMax: 16_384,
  udpReceiveBytes: 212_992,
  udpSendBytes: 1 << 20,
  datagramOverheadBytes: 256,
  ephemeralPortFirst: 32_768,
  ephemeralPortLast: 60_999,
  echoSocketsMax: 256,
  echoRepliesMax: 256,
  tcpRtoInitialMs: 1000,
  tcpRtoMinMs: 200,
  tcpRtoMaxMs: 120_000,
  tcpDelayedAckMs: 40,
  tcpQuickAcks: 16,
  tcpSegmentsPerQuickAck: 8,
  tcpSynRetries: 6,
  tcpSynAckRetries: 5,
  tcpRetriesR1: 3,
  tcpRetries: 15,
  tcpTimeWaitMs: 60_000,
  tcpFinWait2Ms: 60_000,
  tcpKeepAliveIdleMs: 7_200_000,
  tcpKeepAliveIntervalMs: 75_000,
  tcpKeepAliveProbes: 9,
  tcpChallengeIntervalMs: 500,
  tcpChallengesPerSecond: 1000,
  tcpReceiveBytes: 131_072,
  tcpReceiveBytesMax: 6 << 20,
  tcpReceiveTotalBytes: 1 << 30,
  tcpSendBytes: 262_144,
  tcpSendBytesMax: 4 << 20,
  tcpReassemblyRunsMax: 512,
  tcpMssMin: 48,
  tcpTuneIntervalUs: 1000,
  tcpTimestamps: true,
  tcpWindowScaling: true,
  tcpSack: true,
  tcpTailLossProbe: true,
  tcpFrto: true,
  tcpPacing: true,
  tcpSlowStartAfterIdle: true,
  tcpEcn: 2,
  tcpCongestion: 'cubic',
  tcpFastPath: true,
  tcpConnectionsMax: 262_144,
  tcpSynBacklogMax: 4096,
  tcpTimeWaitMax: 131_072,
  tcpListenersMax: 65_536,
  tcpSynCookies: 1,
  tcpRfc1337: false,
  tcpTimeWaitReuse: 2,
  tcpHeldSynMs: 10_000,
  pool: DEFAULT_POOL_LIMITS,
};
