// The counters, under the names that `nstat` prints for the kernel's own, so that two listings line up.

const NAMES = [
  // RFC 4293 and /proc/net/snmp, Ip
  'IpInReceives',
  'IpInHdrErrors',
  'IpForwDatagrams',
  'IpInAddrErrors',
  'IpInUnknownProtos',
  'IpInDiscards',
  'IpInDelivers',
  'IpOutRequests',
  'IpOutDiscards',
  'IpOutNoRoutes',
  'IpReasmFails',
  // Icmp
  'IcmpInMsgs',
  'IcmpInErrors',
  'IcmpInCsumErrors',
  'IcmpInDestUnreachs',
  'IcmpInTimeExcds',
  'IcmpInParmProbs',
  'IcmpInSrcQuenchs',
  'IcmpInRedirects',
  'IcmpInEchos',
  'IcmpInEchoReps',
  'IcmpInTimestamps',
  'IcmpInTimestampReps',
  'IcmpInAddrMasks',
  'IcmpInAddrMaskReps',
  'IcmpOutMsgs',
  'IcmpOutErrors',
  'IcmpOutRateLimitGlobal',
  'IcmpOutRateLimitHost',
  'IcmpOutDestUnreachs',
  'IcmpOutEchos',
  'IcmpOutEchoReps',
  // Tcp
  'TcpActiveOpens',
  'TcpPassiveOpens',
  'TcpAttemptFails',
  'TcpEstabResets',
  'TcpInSegs',
  'TcpOutSegs',
  'TcpRetransSegs',
  'TcpInErrs',
  'TcpOutRsts',
  'TcpInCsumErrors',
  // Udp
  'UdpInDatagrams',
  'UdpNoPorts',
  'UdpInErrors',
  'UdpOutDatagrams',
  'UdpRcvbufErrors',
  'UdpSndbufErrors',
  'UdpInCsumErrors',
  'UdpMemErrors',
  // TcpExt
  'TcpExtOutOfWindowIcmps',
  'TcpExtTW',
  'TcpExtPAWSEstab',
  'TcpExtDelayedACKs',
  'TcpExtListenOverflows',
  'TcpExtListenDrops',
  'TcpExtTCPHPHits',
  'TcpExtTCPHPAcks',
  'TcpExtTCPFastRetrans',
  'TcpExtTCPTimeouts',
  'TcpExtTCPAbortOnData',
  'TcpExtTCPAbortOnClose',
  'TcpExtTCPAbortOnTimeout',
  'TcpExtTCPTimeWaitOverflow',
  'TcpExtTCPOFOQueue',
  'TcpExtTCPOFODrop',
  'TcpExtTCPRcvQDrop',
  'TcpExtTCPZeroWindowDrop',
  'TcpExtTCPChallengeACK',
  'TcpExtTCPSYNChallenge',
  'TcpExtTCPSynRetrans',
  'TcpExtTCPWinProbe',
  'TcpExtTCPKeepAlive',
  // /proc/net/stat/arp_cache has no name in nstat
  'ArpOutRequests',
  'ArpOutReplies',
  // IpExt
  'IpExtInNoRoutes',
  'IpExtInTruncatedPkts',
  'IpExtInMcastPkts',
  'IpExtInBcastPkts',
  'IpExtInOctets',
  'IpExtOutOctets',
  'IpExtInCsumErrors',
] as const;

export type CounterName = (typeof NAMES)[number];

/** All counter names, in `nstat`'s order. */
export const COUNTER_NAMES: readonly CounterName[] = NAMES;

/** The place of each counter in `Counters.values`: `counters.values[C.UdpNoPorts]++`. */
export const C: Readonly<Record<CounterName, number>> = Object.fromEntries(
  NAMES.map((name, index) => [name, index]),
) as Record<CounterName, number>;
