// The connections of a stack: found by (path, ports), with their deadlines, and the lists of those who have work.
//
//   tuple --> 2 * id      a Tcb, awake            2 * row + 1     a row, asleep (rows.ts)

import { assert } from '../base/assert.ts';
import { Deadlines } from '../base/deadlines.ts';
import { Fifo } from '../base/fifo.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import { IndexTable, type KeyOwner } from '../base/index-table.ts';
import { type Context, WORK_TCP } from '../context.ts';
import { C } from '../contract/counters.ts';
import { EVENT_ERROR, EVENT_FINISHED } from '../contract/events.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ReceiveStore } from './buffers/receive-buffer.ts';
import { SendStore } from './buffers/send-buffer.ts';
import { NOTHING_SENT, SentStore } from './buffers/sent-ranges.ts';
import { Challenges } from './challenges.ts';
import { AckSample } from './congestion/controller.ts';
import { type Listener, Listeners } from './listener.ts';
import { Delivery } from './loss/delivery.ts';
import { initialRto } from './loss/rtt.ts';
import { Rows } from './rows.ts';
import { CLOSED, isSynchronized, SYN_RECEIVED, setState, TIME_WAIT } from './state.ts';
import { type DirtyList, Tcb } from './tcb.ts';
import { clearDeadline, deadlineOf, earliest, setDeadline } from './timers.ts';

/** Of whom timestamps of this pair of hosts begin (isn.ts). */
interface TimestampOffsets {
  timestampOffset(local: number, remote: number): number;
}

/** See the head of this file. */
export class Connections implements DirtyList, KeyOwner {
  readonly context: Context;
  readonly paths: PathTable;
  readonly listeners: Listeners;
  readonly rows: Rows;
  /** Of those awake by id, and of rows. */
  readonly deadlines: Deadlines = new Deadlines();
  readonly rowDeadlines: Deadlines = new Deadlines();
  /** What timestamps begin with, for those that wake: the engine's, which draws its keys last. */
  offsets: TimestampOffsets | undefined = undefined;
  /** Who has something to send or to say, in two bands: bulk flows, and those with more than a quantum, do not keep others waiting. */
  readonly dirty: Fifo<Tcb>;
  readonly dirtyBulk: Fifo<Tcb>;
  /** Those with text in the packets of this batch. */
  readonly touched: Fifo<Tcb>;
  readonly receiveStore: ReceiveStore = new ReceiveStore();
  readonly sendStore: SendStore;
  readonly sentStore: SentStore = new SentStore();
  /** Empty lists for the packets of one batch: as many as had text in one batch. */
  readonly freshLists: Fifo<Packet>[] = [];
  readonly challenges: Challenges;
  /** Reused: what the last acknowledgment taught. */
  readonly sample: AckSample = new AckSample();
  readonly delivery: Delivery = new Delivery();
  /** Octets that arrived or were acknowledged since the last drain, and whether bulk flows were among those that heard. */
  arrived = 0;
  bulkArrived = false;
  /** Passive opens in SYN-RECEIVED that are awake: for this batch, or because their link is full. */
  opening = 0;
  /** Octets of text that all connections together hold for their applications. */
  receiveOctets = 0;
  private readonly ids: IndexPool;
  private readonly tcbs: (Tcb | undefined)[] = [];
  private readonly byTuple: IndexTable;
  /** Who was found last: segments come in trains (BSD's one-behind cache). */
  private last: Tcb | undefined = undefined;
  /** Connections that use a local port, embryonic and waiting ones included. */
  private readonly portUsers: Int32Array = new Int32Array(65_536);

  constructor(context: Context, paths: PathTable) {
    const { options, entropy } = context;
    this.context = context;
    this.paths = paths;
    this.listeners = new Listeners(options.tcpListenersMax, entropy);
    this.challenges = new Challenges(entropy, options.tcpChallengesPerSecond);
    this.sendStore = new SendStore(context.pool);
    this.rows = new Rows(options.tcpSynBacklogMax + options.tcpTimeWaitMax);
    this.ids = new IndexPool(options.tcpConnectionsMax);
    this.byTuple = new IndexTable(entropy.int32(), this);
    // Twice: those that ended wait on a list beside those that took their place.
    this.dirty = new Fifo(2 * options.tcpConnectionsMax);
    this.dirtyBulk = new Fifo(2 * options.tcpConnectionsMax);
    this.touched = new Fifo(2 * options.tcpConnectionsMax);
  }

  /** Connections awake, embryonic rows and rows in TIME-WAIT. */
  get size(): number {
    return this.ids.inUse + this.rows.embryonic + this.rows.timeWaiting;
  }

  /** Passive opens in SYN-RECEIVED, awake and asleep. */
  get halfOpen(): number {
    return this.rows.embryonic + this.opening;
  }

  /** All that are awake. */
  awake(): Tcb[] {
    return this.tcbs.filter((tcb) => tcb !== undefined);
  }

  usesPort(port: number): boolean {
    return this.portUsers[port] > 0;
  }

  /** True when such a connection exists, awake or asleep. */
  has(path: number, localPort: number, remotePort: number): boolean {
    return this.byTuple.get(path, (localPort << 16) | remotePort) !== NONE;
  }

  /**
   * True when an active open may have this tuple: it is free, or ours in TIME-WAIT, and timestamps will tell the peer old from
   * new (RFC 6191 for the other side): a second after the last one that was seen, as Linux's tcp_tw_reuse.
   */
  mayOpen(path: Path, localPort: number, remotePort: number): boolean {
    const key = this.byTuple.get(path.id, (localPort << 16) | remotePort);
    if (key === NONE) return true;
    const { rows, context } = this;
    const { tcpTimeWaitReuse: reuse, tcpTimestamps } = context.options;
    if (reuse === 0 || (reuse === 2 && path.route?.face.loopback !== true) || !tcpTimestamps) return false;
    if ((key & 1) === 0 || !rows.isTimeWait(key >> 1)) return false;
    const seenS = rows.timestampS(key >> 1);
    return seenS >= 0 && context.uptimeS - seenS > 1;
  }

  /** The connection of this tuple, woken if it sleeps; undefined: none, or no room to wake it. */
  find(path: number, localPort: number, remotePort: number): Tcb | undefined {
    const { last } = this;
    if (last?.remotePort === remotePort && last.localPort === localPort) {
      if (last.path.id === path && last.id !== NONE) return last;
    }
    const key = this.byTuple.get(path, (localPort << 16) | remotePort);
    if (key === NONE) return undefined;
    this.last = (key & 1) === 0 ? this.tcbs[key >> 1] : this.wake(key >> 1);
    return this.last;
  }

  /** The connection that is awake under this id. */
  awakeAt(id: number): Tcb {
    return this.tcbs[id] as Tcb;
  }

  /** For the tuple table: whose tuple this is. */
  k0Of(key: number): number {
    return (key & 1) === 0 ? this.awakeAt(key >> 1).path.id : this.rows.pathOf(key >> 1);
  }

  k1Of(key: number): number {
    if ((key & 1) === 1) return this.rows.portsOf(key >> 1);
    const { localPort, remotePort } = this.awakeAt(key >> 1);
    return (localPort << 16) | remotePort;
  }

  /** A new connection, CLOSED, over a held path, which it takes over; undefined: as many as there can be. */
  open(path: Path, localPort: number, remotePort: number): Tcb | undefined {
    const tcb = this.place(path, localPort, remotePort);
    if (tcb !== undefined) this.portUsers[localPort]++;
    return tcb;
  }

  /** A fresh Tcb, or one that wakes, is a passive open of this listener's. */
  beginOpening(tcb: Tcb, listenerId: number): void {
    tcb.listenerId = listenerId;
    tcb.opening = true;
    this.opening++;
    const listener = this.listeners.at(listenerId);
    if (listener === undefined) return;
    tcb.maxSegment = listener.maxSegment;
    if (listener.receiveBytes > 0) tcb.rcvLimit = tcb.rcvLimitMax = listener.receiveBytes;
  }

  /** It is established, asleep, or gone. */
  endOpening(tcb: Tcb): void {
    if (!tcb.opening) return;
    tcb.opening = false;
    this.opening--;
  }

  /** Ends a connection with an error for its application, or OK. Nothing is sent. */
  finish(tcb: Tcb, error: number): void {
    if (tcb.state === CLOSED && tcb.id === NONE) return;
    tcb.error = error;
    setState(tcb, CLOSED);
    if (tcb.owner !== undefined) {
      this.context.events.mark(tcb.owner, error === 0 ? EVENT_FINISHED : EVENT_FINISHED | EVENT_ERROR);
    }
    this.release(tcb);
  }

  /** Takes a connection out of all tables. What the application has not read stays readable. */
  release(tcb: Tcb): void {
    if (tcb.id === NONE) return;
    this.byTuple.delete(tcb.path.id, (tcb.localPort << 16) | tcb.remotePort);
    this.portUsers[tcb.localPort]--;
    this.paths.release(tcb.path);
    this.forget(tcb);
    this.forgetSent(tcb);
    this.forgetText(tcb);
    this.context.pool.arenas.forget();
    // What lies behind a hole, or behind a FIN, will never be read.
    if (tcb.receiveClosed || tcb.unread === 0) this.discardReceived(tcb);
  }

  /** Nothing is outstanding (any more): the list of ranges serves whoever sends next. */
  forgetSent(tcb: Tcb): void {
    if (tcb.sent === NOTHING_SENT) return;
    tcb.sent.clear();
    this.sentStore.give(tcb.sent);
    tcb.sent = NOTHING_SENT;
  }

  /** Nothing that the application gave is to be sent, or sent again. Buffers it gave by reference are still to be given back. */
  forgetText(tcb: Tcb): void {
    tcb.sendBuffer?.clear();
    this.restText(tcb);
  }

  /** A send buffer that is idle serves whoever sends next. */
  restText(tcb: Tcb): void {
    const { sendBuffer } = tcb;
    if (sendBuffer === undefined || !sendBuffer.idle) return;
    this.sendStore.give(sendBuffer);
    tcb.sendBuffer = undefined;
  }

  /** Gives back the text that nobody will read. */
  discardReceived(tcb: Tcb): void {
    this.receiveOctets -= tcb.unread + (tcb.reassembly?.octets ?? 0);
    tcb.rcvRead = (tcb.rcvNxt - (tcb.finReceived ? 1 : 0)) | 0;
    for (let packet = tcb.fresh?.shift(); packet !== undefined; packet = tcb.fresh?.shift()) {
      this.context.drop(packet, R.SOCKET_CLOSED);
    }
    tcb.freshOctets = 0;
    tcb.receiveBuffer?.clear();
    tcb.receiveBuffer = undefined;
    tcb.reassembly = undefined;
  }

  /** The connection has something to send, or something to say. */
  markDirty(tcb: Tcb): void {
    if (tcb.dirty || tcb.waiting || tcb.id === NONE) return;
    tcb.dirty = true;
    (tcb.bulk ? this.dirtyBulk : this.dirty).push(tcb);
    this.context.work |= WORK_TCP;
  }

  /** There is text in the packets of this batch: it is looked after when the pump settles. */
  touch(tcb: Tcb): void {
    if (tcb.touched) return;
    tcb.touched = true;
    this.touched.push(tcb);
  }

  notify(tcb: Tcb, events: number): void {
    if (tcb.owner !== undefined) this.context.events.mark(tcb.owner, events);
  }

  /** Starts a timer, or moves it. */
  arm(tcb: Tcb, timer: number, atMs: number): void {
    setDeadline(tcb, timer, atMs);
    if (tcb.id !== NONE) this.deadlines.setIfEarlier(tcb.id, atMs);
  }

  disarm(tcb: Tcb, timer: number): void {
    clearDeadline(tcb, timer);
  }

  /** The heap entry of a connection whose turn is over: its earliest timer, or none. */
  rearm(tcb: Tcb): void {
    if (tcb.id === NONE) return;
    const timer = earliest(tcb);
    if (timer < 0) this.deadlines.cancel(tcb.id);
    else this.deadlines.set(tcb.id, deadlineOf(tcb, timer));
  }

  /** True for a connection that needs no Tcb while nothing happens to it. */
  maySleep(tcb: Tcb): boolean {
    if (tcb.id === NONE) return false;
    if (tcb.state === TIME_WAIT) return true;
    return tcb.state === SYN_RECEIVED && tcb.listenerId !== NONE && tcb.owner === undefined;
  }

  /** Writes a connection down as a row. In TIME-WAIT an application may still read from the Tcb, which is then its alone. */
  sleep(tcb: Tcb): void {
    const { context, rows } = this;
    const { counters } = context.stats;
    if (tcb.state === SYN_RECEIVED && rows.embryonic >= context.options.tcpSynBacklogMax) this.evictOldest();
    const full = tcb.state === TIME_WAIT && rows.timeWaiting >= context.options.tcpTimeWaitMax;
    const row = full ? NONE : rows.sleep(tcb, tcb.listenerId);
    if (row === NONE) {
      counters[C.TcpExtTCPTimeWaitOverflow]++;
      this.release(tcb);
      return;
    }
    const timer = earliest(tcb);
    assert(timer >= 0, 'what sleeps has a deadline to wake at');
    this.byTuple.set(tcb.path.id, (tcb.localPort << 16) | tcb.remotePort, (row << 1) | 1);
    this.rowDeadlines.set(row, deadlineOf(tcb, timer));
    this.forgetSent(tcb);
    this.forgetText(tcb);
    if (tcb.receiveClosed || tcb.unread === 0) this.discardReceived(tcb);
    this.forget(tcb);
  }

  /** Ends everything at once: the stack closes. */
  clear(): void {
    for (const tcb of this.awake()) this.finish(tcb, 0);
    for (let row = this.rowDeadlines.first(); row !== NONE; row = this.rowDeadlines.first())
      this.dropRow(row);
    while (this.dirty.size > 0) this.dirty.shift();
    while (this.dirtyBulk.size > 0) this.dirtyBulk.shift();
    while (this.touched.size > 0) this.touched.shift();
  }

  /** The connections of a listener that were not established yet: it closes. */
  dropEmbryonic(listener: Listener): void {
    const mine: number[] = [];
    for (let row = this.rows.oldestEmbryonic(); row !== NONE; row = this.rows.newerThan(row)) {
      if (this.rows.listenerOf(row) === listener.id) mine.push(row);
    }
    for (const row of mine) this.dropRow(row);
    for (const tcb of this.awake())
      if (tcb.listenerId === listener.id && !isSynchronized(tcb.state)) this.finish(tcb, 0);
  }

  /** More half-open connections than may be: the one that waited longest makes room, as in BSD's SYN cache. */
  private evictOldest(): void {
    this.context.stats.counters[C.TcpExtListenDrops]++;
    this.dropRow(this.rows.oldestEmbryonic());
  }

  private dropRow(row: number): void {
    const path = this.rows.pathOf(row);
    const ports = this.rows.portsOf(row);
    this.byTuple.delete(path, ports);
    this.portUsers[ports >>> 16]--;
    this.rowDeadlines.cancel(row);
    this.paths.release(this.paths.at(path));
    this.rows.release(row);
  }

  /** A row as a Tcb; undefined: no room. */
  wake(row: number): Tcb | undefined {
    const { context, rows } = this;
    const ports = rows.portsOf(row);
    const listenerId = rows.listenerOf(row);
    const { rowDeadlines } = this;
    const deadline = rowDeadlines.has(row) ? rowDeadlines.deadline(row) : context.nowMs;
    const tcb = this.place(this.paths.at(rows.pathOf(row)), ports >>> 16, ports & 0xffff);
    if (tcb === undefined) return undefined;
    rowDeadlines.cancel(row);
    const list = rows.hasSent(row) ? this.sentStore.take() : NOTHING_SENT;
    rows.wake(row, tcb, list, deadline, context);
    if (tcb.timestamps && this.offsets !== undefined) {
      tcb.tsOffset = this.offsets.timestampOffset(tcb.path.local, tcb.path.remote);
    }
    if (tcb.state === SYN_RECEIVED) this.beginOpening(tcb, listenerId);
    else tcb.listenerId = listenerId;
    this.rearm(tcb);
    // What woke it may leave it as it was: the drain lets it sleep again.
    this.markDirty(tcb);
    return tcb;
  }

  private place(path: Path, localPort: number, remotePort: number): Tcb | undefined {
    const id = this.ids.allocate();
    if (id === NONE) return undefined;
    const { options } = this.context;
    const tcb = new Tcb(this, path);
    tcb.id = id;
    tcb.localPort = localPort;
    tcb.remotePort = remotePort;
    tcb.ttl = options.ttl;
    tcb.congestion = options.tcpCongestion;
    tcb.sendLimit = options.tcpSendBytes;
    tcb.sendLimitMax = options.tcpSendBytesMax;
    tcb.rcvLimit = options.tcpReceiveBytes;
    tcb.rcvLimitMax = options.tcpReceiveBytesMax;
    tcb.keepAliveIdleMs = 0;
    tcb.keepAliveIntervalMs = options.tcpKeepAliveIntervalMs;
    tcb.keepAliveProbesMax = options.tcpKeepAliveProbes;
    initialRto(tcb, options);
    this.tcbs[id] = tcb;
    this.byTuple.set(path.id, (localPort << 16) | remotePort, id << 1);
    return tcb;
  }

  /** The Tcb has no place in the tables any more; the tuple may. */
  private forget(tcb: Tcb): void {
    this.endOpening(tcb);
    this.deadlines.cancel(tcb.id);
    this.tcbs[tcb.id] = undefined;
    this.ids.release(tcb.id);
    tcb.id = NONE;
    tcb.timers = 0;
  }
}
