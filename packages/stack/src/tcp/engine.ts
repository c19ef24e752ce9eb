// TCP of one stack, sans-I/O: verbs in, marks, and one drain. RFC 9293 3.10: user calls, arriving segments, timeouts.
// Equal inputs, batch split and entropy give equal octets out.

import { assert, CHECKS } from '../base/assert.ts';
import type { Deadlines } from '../base/deadlines.ts';
import { NONE } from '../base/index-pool.ts';
import { before, diff } from '../base/int.ts';
import { type Context, WORK_TCP } from '../context.ts';
import { C } from '../contract/counters.ts';
import { EADDRNOTAVAIL, OK } from '../contract/errno.ts';
import { EVENT_CLOSED, type EventTarget } from '../contract/events.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { DatagramOutput } from '../ip/datagrams.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { PROTO_TCP } from '../wire/ipv4.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../wire/tcp.ts';
import { segmentArrives } from './arrives/arrives.ts';
import { closedArrives } from './arrives/closed.ts';
import { cookieArrives, cookieMss } from './arrives/cookie.ts';
import { listenArrives, openPassively } from './arrives/listen.ts';
import { settleText } from './arrives/step7-text.ts';
import { abort } from './calls/abort.ts';
import { openActive, openPassive } from './calls/open.ts';
import { Controllers } from './congestion/controllers.ts';
import { Connections } from './connections.ts';
import { COOKIES_ALWAYS, COOKIES_NEVER, SynCookies } from './cookies.ts';
import { hardError } from './errors/hard.ts';
import { softError } from './errors/soft.ts';
import { tooBig } from './errors/too-big.ts';
import { checkConnections } from './invariants.ts';
import { IsnGenerator } from './isn.ts';
import type { HeldSyn, Listener } from './listener.ts';
import { answerWithCookie } from './output/cookie.ts';
import { TcpOutput } from './output/output.ts';
import { answerWithReset } from './output/reset.ts';
import { choosePassivePort } from './ports.ts';
import { CONTINUE, DROP_ACK, RESET, Segment } from './segment.ts';
import { SYN_RECEIVED, TIME_WAIT } from './state.ts';
import { type Tcb, TIMER_RETRANSMIT } from './tcb.ts';
import { Sleepers } from './timeouts/sleepers.ts';
import { issBeyond, maySucceed } from './timeouts/time-wait.ts';
import { timersOf } from './timeouts/timeouts.ts';

/** Finds the paths of an arrived packet: only IP knows its addresses. */
export interface ArrivalPaths {
  /** The path (local address, any), or NONE. */
  localPath(packet: Packet): number;
  /** Holds the path back to the sender, made if need be; undefined: no room, or no way. */
  acquirePath(packet: Packet): Path | undefined;
  /** MTU of the link that a packet came by. */
  linkMtu(packet: Packet): number;
}

/** Tells a peer that a host cannot be reached: ICMP's, below. */
export interface Refusals {
  hostUnreachable(path: Path, protocol: number, word0: number, word1: number, reason: number): void;
}

/** How a held SYN may be refused. */
export const REJECT_RESET = 0;
export const REJECT_UNREACHABLE = 1;
export const REJECT_SILENTLY = 2;

/** Kinds of errors that `errorArrives` hears of. */
export const ERROR_SOFT = 0;
export const ERROR_HARD = 1;
export const ERROR_TOO_BIG = 2;

/** See the head of this file. */
export class TcpEngine {
  readonly connections: Connections;
  /** The timers of those that sleep. */
  readonly asleep: Sleepers;
  private readonly context: Context;
  private readonly arrivals: ArrivalPaths;
  private readonly output: TcpOutput;
  private readonly isn: IsnGenerator;
  private readonly cookies: SynCookies;
  private readonly refusals: Refusals;
  private readonly segment: Segment = new Segment();
  private readonly anyPath: number;

  constructor(
    context: Context,
    paths: PathTable,
    ip: DatagramOutput,
    arrivals: ArrivalPaths,
    refusals: Refusals,
  ) {
    this.context = context;
    this.arrivals = arrivals;
    this.refusals = refusals;
    this.connections = new Connections(context, paths);
    this.asleep = new Sleepers(this.connections);
    this.output = new TcpOutput(this.connections, ip, new Controllers(context.entropy));
    this.isn = new IsnGenerator(context.entropy);
    this.connections.offsets = this.isn;
    this.cookies = new SynCookies(context.entropy);
    this.anyPath = (paths.acquire(0, 0) as Path).id;
  }

  get deadlines(): Deadlines {
    return this.connections.deadlines;
  }

  /** OPEN, active. See calls/open.ts. */
  open(owner: EventTarget, path: Path, localPort: number, remotePort: number): Tcb | number {
    return openActive(this.connections, this.isn, owner, path, localPort, remotePort);
  }

  /** OPEN, passive; port -1: any that is free, 0: every port. The listener takes over the hold on the path. */
  listen(owner: EventTarget, path: Path, port: number, backlog: number, defer: boolean): Listener | number {
    const chosen = port < 0 ? choosePassivePort(this.connections, path.id) : port;
    if (chosen < 0) return EADDRNOTAVAIL;
    return openPassive(this.connections, owner, path, chosen, backlog, defer);
  }

  /** A connection that was established and waits, or undefined; it tells `owner` from now on. */
  accept(listener: Listener, owner: EventTarget): Tcb | undefined {
    const tcb = listener.ready.shift();
    if (tcb !== undefined) tcb.owner = owner;
    return tcb;
  }

  /** Answers a held SYN: now the handshake goes on. False: it waits no longer. */
  acceptHeld(held: HeldSyn): boolean {
    const tcb = this.findHeld(held);
    if (tcb === undefined) return false;
    tcb.held = false;
    this.connections.disarm(tcb, TIMER_RETRANSMIT);
    this.connections.markDirty(tcb);
    return true;
  }

  /** Refuses a held SYN: by REJECT_*. False: it waits no longer. */
  rejectHeld(held: HeldSyn, how: number): boolean {
    const tcb = this.findHeld(held);
    if (tcb === undefined) return false;
    tcb.held = false;
    if (how === REJECT_RESET) {
      tcb.resetPending = true;
      this.connections.markDirty(tcb);
      return true;
    }
    if (how === REJECT_UNREACHABLE) {
      const ports = (tcb.remotePort << 16) | tcb.localPort;
      this.refusals.hostUnreachable(tcb.path, PROTO_TCP, ports, tcb.irs, R.TCP_REJECTED);
    }
    this.connections.finish(tcb, OK);
    return true;
  }

  /** No more connections: half-open ones are forgotten, those that nobody accepted are reset. */
  closeListener(listener: Listener): void {
    const { connections } = this;
    if (listener.closed) return;
    connections.dropEmbryonic(listener);
    for (let tcb = listener.ready.shift(); tcb !== undefined; tcb = listener.ready.shift()) {
      abort(connections, tcb, OK);
    }
    connections.listeners.remove(listener);
    connections.paths.release(listener.path);
  }

  /** A segment for us, head at its TCP header. */
  segmentArrives(packet: Packet): void {
    const { context, segment, connections } = this;
    context.stats.counters[C.TcpInSegs]++;
    context.work |= WORK_TCP;
    const broken = segment.read(packet);
    if (broken >= 0) {
      context.drop(packet, broken);
      return;
    }
    const tcb =
      packet.path === NONE ? undefined : connections.find(packet.path, segment.localPort, segment.remotePort);
    let verdict = CONTINUE;
    if (tcb !== undefined) verdict = this.knownArrives(packet, tcb);
    else if (packet.path !== NONE && connections.has(packet.path, segment.localPort, segment.remotePort)) {
      // It sleeps, and there is no room to wake it.
      verdict = segment.drop(R.TCP_LISTEN_FULL);
    } else verdict = this.strangerArrives(packet, undefined);
    if (verdict === CONTINUE) {
      if (!segment.taken) packet.release();
      return;
    }
    this.refuse(packet, tcb, verdict);
  }

  /**
   * An ICMP error quotes a segment of ours, and goes to its connection (MUST-54; RFC 5927: believed only when its sequence number is under way). False: nobody
   * here could have sent it. R5927.1.
   */
  errorArrives(
    kind: number,
    path: number,
    localPort: number,
    remotePort: number,
    seq: number,
    errno: number,
  ): boolean {
    const { connections, context } = this;
    const tcb = path === NONE ? undefined : connections.find(path, localPort, remotePort);
    if (tcb === undefined) return false;
    if (before(seq, tcb.sndUna) || !before(seq, tcb.sndNxt)) {
      context.stats.counters[C.TcpExtOutOfWindowIcmps]++;
      return false;
    }
    if (kind === ERROR_HARD) hardError(connections, tcb, errno);
    else if (kind === ERROR_SOFT) softError(connections, tcb, errno);
    return true;
  }

  /** After the path has learned its new MTU from such an error. */
  pathShrank(path: number, localPort: number, remotePort: number): void {
    const tcb = this.connections.find(path, localPort, remotePort);
    if (tcb !== undefined) tooBig(this.connections, tcb);
  }

  timersFire(nowMs: number): void {
    const { connections } = this;
    const { deadlines } = connections;
    for (let id = deadlines.first(); id !== NONE; id = deadlines.first()) {
      if (diff(deadlines.deadline(id), nowMs) > 0) return;
      timersOf(connections, connections.awakeAt(id));
    }
  }

  /** After the events: text that nobody took leaves the slab. */
  settle(): void {
    const { connections } = this;
    for (let tcb = connections.touched.shift(); tcb !== undefined; tcb = connections.touched.shift()) {
      settleText(tcb, connections);
    }
  }

  drain(): void {
    const { context, connections } = this;
    this.output.drain();
    if (connections.dirty.size === 0 && connections.dirtyBulk.size === 0) context.work &= ~WORK_TCP;
    if (CHECKS) checkConnections(this.connections);
  }

  /** Everything ends at once, without a word to the peers. */
  closeAll(): void {
    const { connections } = this;
    const owners: EventTarget[] = [];
    for (const tcb of connections.awake()) if (tcb.owner !== undefined) owners.push(tcb.owner);
    this.settle();
    for (const listener of connections.listeners.all()) {
      this.closeListener(listener);
      owners.push(listener.owner);
    }
    connections.clear();
    for (const owner of owners) owner.dispatch(EVENT_CLOSED);
  }

  private knownArrives(packet: Packet, tcb: Tcb): number {
    tcb.segsIn += this.segment.wireSegments;
    this.connections.arrived += this.segment.textLength;
    if (tcb.bulk) this.connections.bulkArrived = true;
    if (tcb.state === TIME_WAIT && this.reopens(packet, tcb)) return this.reopen(packet, tcb);
    return segmentArrives(this.connections, tcb, this.segment);
  }

  /**
   * The segment belongs to no connection: a listener's, or nobody's. MUST-57, MUST-63: what goes to a broadcast or a group,
   * or comes from one or from our own address, IP has dropped.
   */
  private strangerArrives(packet: Packet, issAfter: number | undefined): number {
    const { connections, segment } = this;
    if (segment.has(TCP_RST)) return closedArrives(segment);
    const local = this.arrivals.localPath(packet);
    const listener = connections.listeners.find(local, this.anyPath, segment.localPort);
    if (listener === undefined) return closedArrives(segment);
    if (this.mayBeCookie(listener)) return this.cookieReturns(packet, listener);
    const verdict = listenArrives(listener, segment);
    if (verdict >= 0) return verdict;
    if (issAfter === undefined) {
      const full = this.answerUnremembered(packet, listener);
      if (full >= 0) return full;
    }
    const path = this.arrivals.acquirePath(packet);
    if (path === undefined) return segment.drop(R.TCP_LISTEN_FULL);
    return openPassively(connections, this.isn, listener, path, segment, issAfter);
  }

  /** RFC 4987: a SYN that there is no room to remember. -1: there is, or the oldest will make it. */
  private answerUnremembered(packet: Packet, listener: Listener): number {
    const { context, segment, connections } = this;
    const { tcpSynCookies, tcpSynBacklogMax } = context.options;
    const always = tcpSynCookies === COOKIES_ALWAYS;
    if (connections.halfOpen < tcpSynBacklogMax && !always) return -1;
    if (tcpSynCookies === COOKIES_NEVER || listener.defer) {
      // Those awake wait for a link that is full: none can make room.
      return connections.opening < tcpSynBacklogMax ? -1 : segment.drop(R.TCP_SYN_FULL);
    }
    if (!always) context.stats.counters[C.TcpExtTCPReqQFullDoCookies]++;
    const mtu = this.arrivals.linkMtu(packet);
    return answerWithCookie(context, this.cookies, this.isn, listener, packet, segment, mtu);
  }

  /** Only for a while after cookies were sent: else nothing acknowledges what a listener said (3.10.7.2). */
  private mayBeCookie(listener: Listener): boolean {
    const { segment } = this;
    if (!segment.has(TCP_ACK) || segment.has(TCP_SYN) || listener.defer) return false;
    return this.cookies.expects(this.context.uptimeS);
  }

  /** Costs a forger's victim two hashes and a RST, and no memory. */
  private cookieReturns(packet: Packet, listener: Listener): number {
    const { context, segment, connections } = this;
    const mss = cookieMss(this.cookies, packet, segment, context.uptimeS);
    if (mss === 0) return segment.reset(R.TCP_BAD_COOKIE);
    if (listener.ready.room === 0) {
      context.stats.counters[C.TcpExtListenOverflows]++;
      return segment.drop(R.TCP_LISTEN_FULL);
    }
    const path = this.arrivals.acquirePath(packet);
    if (path === undefined) return segment.drop(R.TCP_LISTEN_FULL);
    return cookieArrives(connections, this.isn, listener, path, segment, mss);
  }

  /** MAY-2, SHLD-4 (RFC 6191): a SYN that cannot be an old one ends TIME-WAIT, if a listener takes it. R6191.1. */
  private reopens(packet: Packet, tcb: Tcb): boolean {
    const { segment, connections } = this;
    if (!maySucceed(tcb, segment, this.context.options)) return false;
    const local = this.arrivals.localPath(packet);
    const listener = connections.listeners.find(local, this.anyPath, segment.localPort);
    return listener !== undefined && listenArrives(listener, segment) < 0;
  }

  private reopen(packet: Packet, tcb: Tcb): number {
    const issAfter = issBeyond(tcb);
    this.connections.finish(tcb, OK);
    packet.path = NONE;
    return this.strangerArrives(packet, issAfter);
  }

  /** Acts on a verdict other than CONTINUE. */
  private refuse(packet: Packet, tcb: Tcb | undefined, verdict: number): void {
    const { context, segment, connections } = this;
    if (verdict === RESET) {
      context.stats.count(segment.reason);
      if (context.tap !== undefined) context.tap.drop(packet, segment.reason, context.nowUs);
      if (CHECKS) assert(!segment.taken, 'what is refused was not taken');
      answerWithReset(context, packet, segment.localPort, segment.remotePort);
      return;
    }
    if (verdict === DROP_ACK && tcb !== undefined) {
      tcb.ackNow = true;
      connections.markDirty(tcb);
    }
    context.drop(packet, segment.reason);
  }

  private findHeld(held: HeldSyn): Tcb | undefined {
    const tcb = this.connections.find(held.path, held.localPort, held.remotePort);
    return tcb?.state === SYN_RECEIVED && tcb.held && tcb.irs === held.irs ? tcb : undefined;
  }
}
