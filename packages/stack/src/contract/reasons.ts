// Every drop has a reason code, every reason a clause and the counters it moves: this table is the one place.
// Counters, captures and explanations come from it.

import { C, type CounterName } from './counters.ts';

/** What one reason code means. */
export interface Reason {
  readonly name: string;
  /** Where it is ordered, or whose practice it is. */
  readonly clause: string;
  /** One sentence for a reader of a capture. */
  readonly text: string;
  /** nstat counters that go up with it. */
  readonly counters: readonly CounterName[];
}

const table = [
  // the frame
  ['ETHER_TRUNCATED', 'RFC 894', 'shorter than an Ethernet header'],
  ['ETHER_OTHER_HOST', 'RFC 894', 'the frame is for another station'],
  ['ETHER_OTHER_GROUP', 'RFC 1112 7.3', 'the frame is for a group that nobody here joined'],
  ['ETHER_BAD_SOURCE', 'IEEE 802.3 3.2.3', 'no station can have this source address'],
  ['ETHER_LENGTH', 'RFC 1122 2.3.3', 'an IEEE 802.3 frame with a length instead of a type'],
  ['ETHER_VLAN', 'IEEE 802.1Q', 'a VLAN tag, and no interface for it'],
  ['ETHER_UNKNOWN_TYPE', 'RFC 894', 'neither IPv4 nor ARP'],
  // neighbours
  ['ARP_BAD', 'RFC 826', 'not ARP for IPv4 over Ethernet, or cut short'],
  ['ARP_MARTIAN', 'RFC 826', 'no station can say this of itself'],
  ['ARP_OWN', 'RFC 5227 1.1', 'our own frame came back'],
  ['ARP_CONFLICT', 'RFC 5227 2.4', 'another station claims an address of ours'],
  ['NEIGHBOR_TABLE_FULL', 'options.neighborsMax', 'no room for one neighbour more', 'IpOutDiscards'],
  ['NEIGHBOR_PENDING_FULL', 'RFC 1122 2.3.2.2', 'too many wait for the same neighbour', 'IpOutDiscards'],
  ['NEIGHBOR_FAILED', 'RFC 4861 7.2.2', 'the neighbour did not answer', 'IpOutDiscards'],
  // the datagram itself
  [
    'IP_TRUNCATED',
    'RFC 1122 3.2.1',
    'shorter than its own IP header or total length',
    'IpExtInTruncatedPkts',
  ],
  ['IP_BAD_VERSION', 'RFC 1122 3.2.1.1', 'the version is not 4', 'IpInHdrErrors'],
  ['IP_BAD_HEADER', 'RFC 1122 3.2.1', 'the header length is below 20 or beyond the packet', 'IpInHdrErrors'],
  ['IP_BAD_TOTAL_LENGTH', 'RFC 1122 3.2.1', 'the total length is below the header length', 'IpInHdrErrors'],
  [
    'IP_BAD_CHECKSUM',
    'RFC 1122 3.2.1.2',
    'the header checksum is wrong',
    'IpInHdrErrors',
    'IpExtInCsumErrors',
  ],
  ['IP_BAD_OPTIONS', 'RFC 791 3.1', 'an IP option has an impossible length or pointer', 'IpInHdrErrors'],
  ['IP_SOURCE_ROUTE', 'RFC 7126 4.3', 'source-routed datagrams are not taken', 'IpInHdrErrors'],
  [
    'IP_MARTIAN_SOURCE',
    'RFC 1122 3.2.1.3',
    'no datagram can come from this source address',
    'IpInAddrErrors',
  ],
  [
    'IP_MARTIAN_DESTINATION',
    'RFC 1122 3.2.1.3',
    'no datagram can go to this address over a wire',
    'IpInAddrErrors',
  ],
  ['IP_NOT_LOCAL', 'RFC 1122 3.2.1.3', 'not for us, and we do not forward', 'IpInAddrErrors'],
  [
    'IP_BROADCAST',
    'RFC 1122 3.3.6',
    'a broadcast that nothing here listens to',
    'IpExtInBcastPkts',
    'IpInDiscards',
  ],
  [
    'IP_MULTICAST',
    'RFC 1112 7.2',
    'a multicast group that nobody here joined',
    'IpExtInMcastPkts',
    'IpInDiscards',
  ],
  // fragments: the counters of reassembly count datagrams, and go up where one ends
  ['IP_FRAGMENT_EMPTY', 'RFC 791 3.2', 'a fragment of nothing'],
  ['IP_FRAGMENT_RAGGED', 'RFC 791 3.2', 'more fragments follow, and its length is no multiple of eight'],
  ['IP_FRAGMENT_BEYOND', 'RFC 791 3.1', 'the fragment ends beyond 65,535 octets'],
  ['IP_FRAGMENT_TINY', 'RFC 1858 3.2', 'the fragment splits the TCP header'],
  ['IP_FRAGMENT_DUPLICATE', 'RFC 791 3.2', 'the same fragment came before'],
  ['IP_FRAGMENT_OVERLAP', 'RFC 5722 4', 'two fragments of the datagram overlap, or it has two ends'],
  ['IP_FRAGMENT_ECN', 'RFC 3168 5.3', 'some of its fragments know ECN, and some do not'],
  ['IP_REASSEMBLY_TIMEOUT', 'RFC 1122 3.3.2', 'the other fragments did not come in time'],
  ['IP_REASSEMBLY_NO_BUFFER', 'options.pool', 'no packet slot was left for a fragment, or for the whole'],
  ['IP_REASSEMBLY_FULL', 'options.reassemblyBytes', 'too many fragments wait: the oldest datagram goes'],
  ['IP_LINK_BROADCAST', 'RFC 1122 3.3.6', 'for one host by IP, for many by its frame', 'IpInDiscards'],
  ['IP_UNKNOWN_PROTOCOL', 'RFC 1122 3.2.2.1', 'no such protocol here', 'IpInUnknownProtos'],
  [
    'IP_SOURCE_FILTERED',
    'RFC 3704 2.2',
    'the way back does not lead where it came from (rp_filter)',
    'IpInAddrErrors',
  ],
  ['HOOK_DROP', 'netfilter', 'a hook said DROP', 'IpInDiscards'],
  // forwarding
  ['TTL_EXCEEDED', 'RFC 1812 5.3.1', 'its time to live ended here', 'IpInHdrErrors'],
  ['FORWARD_NO_ROUTE', 'RFC 1812 5.2.7.1', 'not for us, and no route leads there', 'IpExtInNoRoutes'],
  [
    'FORWARD_TOO_BIG',
    'RFC 1191 4',
    'larger than the next link takes, and not to be fragmented',
    'IpFragFails',
  ],
  ['FORWARD_LINK_LOCAL', 'RFC 3927 2.7', 'an address of one link does not leave it', 'IpInAddrErrors'],
  ['FORWARD_QUEUE_FULL', 'options.forwardQueueMax', 'more to forward than one batch may', 'IpOutDiscards'],
  // ICMP in
  ['ICMP_TRUNCATED', 'RFC 792', 'shorter than an ICMP header', 'IcmpInMsgs', 'IcmpInErrors'],
  [
    'ICMP_BAD_CHECKSUM',
    'RFC 792',
    'the ICMP checksum is wrong',
    'IcmpInMsgs',
    'IcmpInErrors',
    'IcmpInCsumErrors',
  ],
  ['ICMP_UNKNOWN_TYPE', 'RFC 1122 3.2.2', 'an ICMP type we do not know is silently discarded'],
  ['ICMP_UNANSWERED_TYPE', 'RFC 1122 3.2.2.8', 'an ICMP type we choose not to answer or act on'],
  ['ICMP_REDIRECT', 'RFC 1122 3.2.2.2', 'redirects are not followed (accept_redirects 0)'],
  ['ICMP_BAD_QUOTE', 'RFC 1122 3.2.2', 'the quoted datagram is cut short or broken', 'IcmpInErrors'],
  [
    'ICMP_QUOTE_NOT_OURS',
    'RFC 5927 4',
    'the quoted datagram is none that we could have sent',
    'IcmpInErrors',
  ],
  ['ICMP_QUOTE_UNKNOWN', 'RFC 5927 4', 'nobody here sent the quoted datagram'],
  ['ICMP_SOFT_ERROR', 'RFC 1122 4.1.3.3', 'a transient error: noted, not reported'],
  ['ICMP_NO_ECHO_SOCKET', 'RFC 1122 3.2.2.6', 'an echo reply that nobody waits for'],
  ['ICMP_ECHO_SOCKET_FULL', 'SO_RCVBUF', 'the receive queue of the echo socket is full'],
  // ICMP errors we did not send
  [
    'ICMP_RATE_GLOBAL',
    'RFC 1812 4.3.2.8',
    'the error stayed unsent: limit of the whole stack',
    'IcmpOutRateLimitGlobal',
  ],
  [
    'ICMP_RATE_TARGET',
    'RFC 1812 4.3.2.8',
    'the error stayed unsent: limit of this target',
    'IcmpOutRateLimitHost',
  ],
  // IGMP in
  ['IGMP_BAD', 'RFC 2236 2', 'an IGMP message cut short, or with a wrong checksum'],
  ['IGMP_UNKNOWN_TYPE', 'RFC 2236 2.1', 'an IGMP type that is silently ignored'],
  // UDP in
  ['UDP_TRUNCATED', 'RFC 768', 'shorter than its UDP header or length', 'UdpInErrors'],
  ['UDP_BAD_LENGTH', 'RFC 768', 'the UDP length is below 8', 'UdpInErrors'],
  ['UDP_BAD_CHECKSUM', 'RFC 1122 4.1.3.4', 'the UDP checksum is wrong', 'UdpInErrors', 'UdpInCsumErrors'],
  ['UDP_PORT_ZERO', 'RFC 768', 'destination port 0 is nobody', 'UdpInErrors'],
  ['UDP_GSO', 'virtio 1.2 5.1.6', 'a super-datagram whose lengths or marks are wrong', 'UdpInErrors'],
  ['UDP_NO_PORT', 'RFC 1122 4.1.3.1', 'no socket has this port', 'UdpNoPorts'],
  [
    'UDP_NO_LISTENER',
    'RFC 1122 4.1.3.6',
    'sent to many, and no socket here has this port',
    'UdpIgnoredMulti',
  ],
  [
    'UDP_RECEIVE_FULL',
    'SO_RCVBUF',
    'the receive queue of the socket is full',
    'UdpInErrors',
    'UdpRcvbufErrors',
  ],
  // TCP in: the segment itself
  ['TCP_TRUNCATED', 'RFC 9293 3.1', 'shorter than a TCP header', 'TcpInErrs'],
  ['TCP_BAD_OFFSET', 'RFC 9293 3.1', 'the data offset is below 5 or beyond the segment', 'TcpInErrs'],
  ['TCP_BAD_CHECKSUM', 'RFC 9293 3.1 MUST-3', 'the TCP checksum is wrong', 'TcpInErrs', 'TcpInCsumErrors'],
  ['TCP_PORT_ZERO', 'RFC 9293 3.1', 'port 0 is nobody', 'TcpInErrs'],
  // TCP in: no connection
  ['TCP_NO_CONNECTION', 'RFC 9293 3.10.7.1', 'no connection and no listener: answered with RST'],
  ['TCP_RST_UNKNOWN', 'RFC 9293 3.10.7', 'a RST that concerns no connection here'],
  ['TCP_LISTEN_NO_SYN', 'RFC 9293 3.10.7.2', 'a listener hears SYNs only'],
  ['TCP_LISTEN_FULL', 'listen(2) backlog', 'the accept queue, or a table, is full', 'TcpExtListenDrops'],
  ['TCP_BAD_COOKIE', 'RFC 4987 3.6', 'acknowledges no SYN cookie of ours', 'TcpExtSyncookiesFailed'],
  [
    'TCP_SYN_FULL',
    'options.tcpSynBacklogMax',
    'as many half-open connections as may be, and no cookie for this one',
    'TcpExtListenDrops',
    'TcpExtTCPReqQFullDrop',
  ],
  ['TCP_REJECTED', 'RFC 9293 3.9.1.1', 'the application refused the connection: answered with an ICMP error'],
  ['TCP_SYN_AGAIN', 'RFC 9293 3.10.7.4', 'a SYN that was answered already: the answer goes again'],
  ['TCP_SYN_RECEIVED_SYN', 'RFC 9293 3.10.7.4', 'another SYN: the half-open connection returns to LISTEN'],
  ['TCP_NO_SYN', 'RFC 9293 3.10.7.3', 'neither SYN nor RST answers our SYN'],
  // TCP in: it does not fit
  ['TCP_OUT_OF_WINDOW', 'RFC 9293 3.10.7.4', 'outside the receive window'],
  ['TCP_PAWS', 'RFC 7323 5.3', 'its timestamp is older than what was seen'],
  ['TCP_NO_TIMESTAMP', 'RFC 7323 3.2', 'timestamps were agreed, and it has none'],
  ['TCP_RST_CHALLENGED', 'RFC 5961 3.2', 'a RST in the window, but not at its edge'],
  ['TCP_RST_TIME_WAIT', 'RFC 1337 3', 'no RST ends TIME-WAIT where tcpRfc1337 is set'],
  ['TCP_SYN_CHALLENGED', 'RFC 5961 4.2', 'a SYN on a connection that is synchronized'],
  ['TCP_NO_ACK', 'RFC 9293 3.10.7.4', 'every segment but the first acknowledges something'],
  ['TCP_BAD_ACK', 'RFC 9293 3.10.7.4', 'acknowledges what was never sent'],
  ['TCP_OLD_ACK', 'RFC 5961 5.2', 'acknowledges what is long gone'],
  // TCP in: no room
  ['TCP_REASSEMBLY_FULL', 'options.tcpReassemblyRunsMax', 'more gaps than a connection may have'],
  ['TCP_RECEIVE_MEMORY', 'options.tcpReceiveTotalBytes', 'all connections together hold too much'],
  ['TCP_AFTER_CLOSE', 'RFC 9293 3.6.1 SHLD-3', 'text for an application that has closed: answered with RST'],
  // sockets that go
  ['SOCKET_CLOSED', 'close(2)', 'the socket was closed with this in its receive queue'],
  ['STACK_CLOSED', 'RFC 791 3.2', 'the stack was closed before the datagram was whole'],
  ['SEND_CLOSED', 'close(2)', 'the stack was closed before this was sent', 'IpOutDiscards'],
  // going out
  ['NO_ROUTE', 'RFC 1122 3.3.1', 'no route leads there', 'IpOutNoRoutes'],
  ['LINK_DOWN', 'RFC 1122 3.3.1', 'the link is down', 'IpOutDiscards'],
  ['LINK_REFUSED', 'write(2): EINVAL, EMSGSIZE', 'the device refused it for what is in it', 'IpOutDiscards'],
  ['LINK_BAD_MARKS', 'virtio 1.2 5.1.6', 'its virtio-net header and its octets do not fit', 'IpInDiscards'],
  ['LINK_MARKS', 'virtio 1.2 5.1.6', 'the link cannot pass on what its marks ask for', 'IpOutDiscards'],
  ['LINK_TOO_LONG', 'ip-link(8) mtu', 'longer than the far end of the link takes', 'IpOutDiscards'],
  [
    'LINK_NO_BUFFER',
    'options.pool',
    'no packet slot was left for what the link had to keep',
    'IpOutDiscards',
  ],
  ['LINK_FULL', 'IFF_UP, txqueuelen', 'the queue of the link is full', 'IpOutDiscards'],
  [
    'TOO_BIG',
    'RFC 1191 3',
    'larger than the path takes, and not to be fragmented',
    'IpOutDiscards',
    'IpFragFails',
  ],
  [
    'FRAGMENT_NO_BUFFER',
    'options.pool',
    'no packet slot was left for a fragment',
    'IpOutDiscards',
    'IpFragFails',
  ],
  ['ANSWERS_FULL', 'options.answersMax', 'more answers than one batch may cause', 'IpOutDiscards'],
  ['NO_BUFFER', 'options.pool', 'no packet slot was left', 'IpInDiscards'],
] as const;

/** name, clause, text, counters */
type Row = readonly [string, string, string, ...CounterName[]];

export type ReasonName = (typeof table)[number][0];

/** All reasons; a reason code is a place in this list. */
export const REASONS: readonly Reason[] = table.map((row: Row) => {
  const [name, clause, text, ...counters] = row;
  return { name, clause, text, counters };
});

/** The codes by name: `drop(packet, R.UDP_NO_PORT)`. */
export const R: Readonly<Record<ReasonName, number>> = Object.fromEntries(
  REASONS.map((reason, code) => [reason.name, code]),
) as Record<ReasonName, number>;

/** Reason code -> places of its counters, flat for the hot path. */
export const REASON_COUNTERS: readonly Int32Array[] = REASONS.map((reason) =>
  Int32Array.from(reason.counters, (name) => C[name]),
);
