// Echo sockets: the asking side of ping. A socket has an identifier, as a UDP socket has a port (Linux's ping sockets).

import { NONE } from '../base/index-pool.ts';
import { type Context, WORK_ECHO } from '../context.ts';
import { C } from '../contract/counters.ts';
import * as errno from '../contract/errno.ts';
import { EVENT_CLOSED, EVENT_ERROR, type EventTarget } from '../contract/events.ts';
import { copyOctets, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { DatagramEndpoint, type DatagramOutput, DatagramQueues } from '../ip/datagrams.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { wr16 } from '../wire/bytes.ts';
import { complement } from '../wire/checksum.ts';
import * as icmp from '../wire/icmpv4.ts';
import { IPV4_MAX_TOTAL, PROTO_ICMP } from '../wire/ipv4.ts';
import type { Quote } from './quote.ts';

/** An error that came back for an echo request: what tells an application why there is no reply. */
export interface EchoError {
  /** Who reports it: an int32 address word. */
  readonly from: number;
  readonly type: number;
  readonly code: number;
  readonly sequence: number;
  readonly mtu: number;
}

/** An echo socket as the core knows it: `localPort` is its identifier. */
export class EchoEndpoint extends DatagramEndpoint {
  readonly errors: EchoError[] = [];
}

/** The echo sockets of one stack, by identifier. */
export class EchoSockets {
  private readonly context: Context;
  private readonly queues: DatagramQueues;
  private readonly byId: Map<number, EchoEndpoint> = new Map();

  constructor(context: Context, paths: PathTable, output: DatagramOutput) {
    this.context = context;
    this.queues = new DatagramQueues(context, paths, output, {
      number: PROTO_ICMP,
      sent: C.IcmpOutMsgs,
      received: NONE,
      work: WORK_ECHO,
      full: R.ICMP_ECHO_SOCKET_FULL,
      socketsMax: context.options.echoSocketsMax,
    });
  }

  /** A socket with this identifier (0: a random free one), or EADDRINUSE, EMFILE. */
  open(target: EventTarget, id: number): EchoEndpoint | number {
    if (this.byId.size >= Math.min(this.context.options.echoSocketsMax, 0xffff)) return errno.EMFILE;
    let chosen = id;
    while (chosen === 0 || (id === 0 && this.byId.has(chosen)))
      chosen = this.context.entropy.int32() & 0xffff;
    if (this.byId.has(chosen)) return errno.EADDRINUSE;
    const { udpReceiveBytes, udpSendBytes, ttl } = this.context.options;
    const endpoint = new EchoEndpoint(target, this.queues, udpReceiveBytes, udpSendBytes, ttl);
    endpoint.localPort = chosen;
    this.byId.set(chosen, endpoint);
    return endpoint;
  }

  /** Queues one echo request with this sequence number and data over a held path. OK or an errno. */
  send(
    endpoint: EchoEndpoint,
    path: Path,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): number {
    if (path.route === undefined) return errno.ENETUNREACH;
    const total = icmp.ICMP_HEADER + length;
    const most = endpoint.dontFragment ? path.pmtu : IPV4_MAX_TOTAL;
    if (total + path.headerLength > most) return errno.EMSGSIZE;
    const room = this.queues.mayQueue(endpoint, total);
    if (room !== errno.OK) return room;
    const packet = this.context.pool.allocate(length);
    if (packet === undefined) return errno.ENOBUFS;
    copyOctets(bytes, offset, packet.bytes, packet.put(length), length);
    const o = packet.push(icmp.ICMP_HEADER);
    icmp.writeIcmp(packet.bytes, o, icmp.ICMP_ECHO, 0, 0, endpoint.localPort, sequence);
    wr16(packet.bytes, o + 2, complement(packet.sumFrom(o)));
    packet.transport = o;
    this.context.stats.counters[C.IcmpOutEchos]++;
    this.queues.queue(endpoint, packet, path);
    return errno.OK;
  }

  close(endpoint: EchoEndpoint): void {
    if (endpoint.closed) return;
    this.queues.close(endpoint);
    this.byId.delete(endpoint.localPort);
  }

  closeAll(): void {
    for (const endpoint of [...this.byId.values()]) {
      this.close(endpoint);
      endpoint.target.dispatch(EVENT_CLOSED);
    }
    this.queues.discardAll();
  }

  /** An echo reply, head at its ICMP header. */
  replyArrives(packet: Packet): void {
    const endpoint = this.byId.get(icmp.icmpId(packet.bytes, packet.transport));
    if (endpoint === undefined) {
      this.context.drop(packet, R.ICMP_NO_ECHO_SOCKET);
      return;
    }
    packet.pull(icmp.ICMP_HEADER);
    this.queues.deliver(endpoint, packet);
  }

  /** An error about an echo request of ours: false when nobody here sent it. */
  errorArrives(quote: Quote): boolean {
    const endpoint = quote.localPort >>> 8 === icmp.ICMP_ECHO ? this.byId.get(quote.word4) : undefined;
    if (endpoint === undefined) return false;
    if (endpoint.errors.length < this.context.options.echoRepliesMax) {
      const { reporter, type, code, word6, mtu } = quote;
      endpoint.errors.push({ from: reporter, type, code, sequence: word6, mtu });
      this.context.events.mark(endpoint.target, EVENT_ERROR);
    }
    return true;
  }

  settle(): void {
    this.queues.settle();
  }

  drain(): void {
    this.queues.drain();
  }
}
