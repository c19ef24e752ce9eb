// The neighbours of a stack: ARP's cache with the states and timers of RFC 4861 7.3, RFC 1122 2.3.2. Packets for a
// station that is not known yet wait here, a few of them (RFC 1122 2.3.2.2).

import { Deadlines } from '../base/deadlines.ts';
import { FlowTable } from '../base/flow-table.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import { add, diff } from '../base/int.ts';
import { type Context, WORK_ARP } from '../context.ts';
import { FULL, TAKEN } from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { ETHER_HEADER, ETHERTYPE_IP4, writeEther } from '../wire/ether.ts';
import { DELAY, INCOMPLETE, Neighbor, PERMANENT, PROBE, REACHABLE, STALE, type Station } from './neighbor.ts';

/** Told of packets whose neighbour did not answer: they are the callee's. */
export interface Unreachable {
  unresolved(packet: Packet): void;
}

/** See the head of this file. */
export class Neighbors {
  readonly deadlines: Deadlines = new Deadlines();
  /** Neighbours that are to be asked, or that packets may go to now. */
  readonly dirty: Set<Neighbor> = new Set();
  /** Neighbours whose packets wait for room on a full link. */
  private readonly stalled: Set<Neighbor> = new Set();
  private readonly context: Context;
  private readonly unreachable: Unreachable;
  private readonly ids: IndexPool;
  /** The row of the deadlines that is no neighbour's: when STALE ones are looked for. */
  private readonly sweepId: number;
  private readonly rows: (Neighbor | undefined)[] = [];
  private readonly byAddress: FlowTable;
  private oldest: Neighbor | undefined = undefined;
  private newest: Neighbor | undefined = undefined;

  constructor(context: Context, unreachable: Unreachable) {
    const { neighborsMax } = context.options;
    this.context = context;
    this.unreachable = unreachable;
    this.ids = new IndexPool(neighborsMax);
    this.sweepId = neighborsMax;
    this.byAddress = new FlowTable(context.entropy.int32());
  }

  get size(): number {
    return this.ids.inUse;
  }

  /** All of them, for listings. */
  all(): Neighbor[] {
    return this.rows.filter((row) => row !== undefined);
  }

  find(station: Station, address: number): Neighbor | undefined {
    const id = this.byAddress.get(address, station.id);
    return id === NONE ? undefined : this.rows[id];
  }

  /**
   * Sends a packet, head at its IP header, to a neighbour: at once, or when it has answered. TAKEN, or FULL: the packet is
   * as it was.
   */
  output(station: Station, address: number, packet: Packet): number {
    let neighbor = this.find(station, address);
    if (neighbor === undefined) {
      neighbor = this.create(station, address);
      if (neighbor === undefined) {
        this.context.drop(packet, R.NEIGHBOR_TABLE_FULL);
        return TAKEN;
      }
      this.ask(neighbor);
    }
    this.use(neighbor);
    if (!neighbor.known) {
      this.wait(neighbor, packet);
      return TAKEN;
    }
    // What waited goes first.
    if (neighbor.pending.size > 0 && !this.flushPending(neighbor)) return FULL;
    // RFC 4861 7.3.3: what was not confirmed lately is used, and asked about if nobody confirms it soon.
    if (neighbor.state === STALE) this.enter(neighbor, DELAY, this.context.options.neighborDelayMs);
    return this.send(neighbor, packet);
  }

  /**
   * Somebody says what the station address of `address` is. `answers`: to us alone, as who was asked does. Who is not known
   * yet is made room for if `make`.
   */
  learn(station: Station, address: number, high: number, low: number, answers: boolean, make: boolean): void {
    let neighbor = this.find(station, address);
    if (neighbor === undefined && make) neighbor = this.create(station, address);
    if (neighbor === undefined || neighbor.state === PERMANENT) return;
    const { options, uptimeS } = this.context;
    const same = neighbor.known && neighbor.high === high && neighbor.low === low;
    // Two stations that claim one address must not make us change sides with every frame (Linux locktime).
    const recent = neighbor.known && uptimeS - neighbor.confirmedS < options.neighborLockMs / 1000;
    if (!same && recent) return;
    neighbor.high = high;
    neighbor.low = low;
    neighbor.confirmedS = uptimeS;
    // RFC 4861 7.2.5: what nobody asked for may say where somebody is, but not that he hears us.
    const asked = neighbor.state === INCOMPLETE || neighbor.state === PROBE;
    if (answers && asked) this.reached(neighbor);
    else if (!same) this.found(neighbor, STALE, 0);
  }

  /**
   * A peer acknowledged what went through this neighbour: it hears us (RFC 4861 7.3.1), and need not be asked. Says nothing
   * of its station address. Cheap while REACHABLE: the timer finds the time of the last confirmation when it fires.
   */
  confirm(station: Station, address: number): void {
    const neighbor = this.find(station, address);
    if (neighbor === undefined) return;
    if (neighbor.state === REACHABLE) neighbor.reachedMs = this.context.nowMs;
    else if (neighbor.known && neighbor.state !== PERMANENT) this.reached(neighbor);
  }

  /** A neighbour by order: `ip neigh add ADDRESS lladdr ... nud permanent`. False: the table is full. */
  setPermanent(station: Station, address: number, high: number, low: number): boolean {
    const neighbor = this.find(station, address) ?? this.create(station, address);
    if (neighbor === undefined) return false;
    neighbor.high = high;
    neighbor.low = low;
    this.found(neighbor, PERMANENT, 0);
    return true;
  }

  /** `ip neigh del`: forgotten; the senders of what waits for it hear that it cannot be reached. */
  remove(neighbor: Neighbor): void {
    this.forget(neighbor);
    for (let packet = neighbor.pending.shift(); packet !== undefined; packet = neighbor.pending.shift()) {
      this.unreachable.unresolved(packet);
    }
  }

  /** The stack closes: nobody is told. */
  clear(): void {
    for (const neighbor of this.all()) this.discard(neighbor, R.SEND_CLOSED);
  }

  /** A link goes: so do all behind it. */
  removeStation(station: Station): void {
    for (const neighbor of this.all()) if (neighbor.station === station) this.remove(neighbor);
  }

  timersFire(nowMs: number): void {
    for (let id = this.deadlines.takeDue(nowMs); id !== NONE; id = this.deadlines.takeDue(nowMs)) {
      if (id === this.sweepId) this.sweep();
      const neighbor = this.rows[id];
      if (neighbor !== undefined) this.timeOut(neighbor);
    }
  }

  /** Sends what waits for neighbours that are known by now: first in the drain, so that order is kept. */
  drainWaiting(): void {
    // A Set's iterator is an object, in each pump.
    if (this.dirty.size > 0) for (const neighbor of this.dirty) this.flushPending(neighbor);
    if (this.stalled.size > 0) for (const neighbor of this.stalled) this.flushPending(neighbor);
  }

  /** False: the link is full, and something goes on waiting. */
  private flushPending(neighbor: Neighbor): boolean {
    while (neighbor.known && neighbor.pending.size > 0) {
      if (neighbor.state === STALE) this.enter(neighbor, DELAY, this.context.options.neighborDelayMs);
      if (this.send(neighbor, neighbor.pending.at(0)) === FULL) {
        this.stalled.add(neighbor);
        return false;
      }
      neighbor.pending.shift();
    }
    this.stalled.delete(neighbor);
    return true;
  }

  private send(neighbor: Neighbor, packet: Packet): number {
    const { station } = neighbor;
    const o = packet.push(ETHER_HEADER);
    writeEther(
      packet.bytes,
      o,
      neighbor.high,
      neighbor.low,
      station.etherHigh,
      station.etherLow,
      ETHERTYPE_IP4,
    );
    if (station.transmitFrame(packet) === TAKEN) return TAKEN;
    packet.pull(ETHER_HEADER);
    return FULL;
  }

  /** RFC 1122 2.3.2.2: the latest packets are kept, the oldest goes first. R1122.36, R1122.38. */
  private wait(neighbor: Neighbor, packet: Packet): void {
    if (!packet.own()) {
      this.context.drop(packet, R.NO_BUFFER);
      return;
    }
    if (neighbor.pending.room === 0) {
      const first = neighbor.pending.shift();
      if (first !== undefined) this.context.drop(first, R.NEIGHBOR_PENDING_FULL);
    }
    neighbor.pending.push(packet);
  }

  /** Not used yet, so the first to go: a flood of strangers that ask us does not drive out whom we talk to. */
  private create(station: Station, address: number): Neighbor | undefined {
    let id = this.ids.allocate();
    if (id === NONE) {
      if (!this.evict()) return undefined;
      id = this.ids.allocate();
    }
    const neighbor = new Neighbor(id, station, address, this.context.options.neighborPendingMax);
    this.rows[id] = neighbor;
    this.byAddress.set(address, station.id, id);
    neighbor.newer = this.oldest;
    if (this.oldest !== undefined) this.oldest.older = neighbor;
    else this.newest = neighbor;
    this.oldest = neighbor;
    if (this.size > this.context.options.neighborsKept && !this.deadlines.has(this.sweepId))
      this.sweepLater();
    return neighbor;
  }

  /** The one that was used longest ago and whose absence costs nothing but a question. */
  private evict(): boolean {
    let neighbor = this.oldest;
    while (neighbor !== undefined && neighbor.state === PERMANENT) neighbor = neighbor.newer;
    if (neighbor === undefined) return false;
    this.discard(neighbor, R.NEIGHBOR_TABLE_FULL);
    return true;
  }

  private discard(neighbor: Neighbor, reason: number): void {
    this.forget(neighbor);
    for (let packet = neighbor.pending.shift(); packet !== undefined; packet = neighbor.pending.shift()) {
      this.context.drop(packet, reason);
    }
  }

  private forget(neighbor: Neighbor): void {
    this.leaveUse(neighbor);
    this.dirty.delete(neighbor);
    this.stalled.delete(neighbor);
    this.deadlines.cancel(neighbor.id);
    this.byAddress.delete(neighbor.address, neighbor.station.id);
    this.rows[neighbor.id] = undefined;
    this.ids.release(neighbor.id);
  }

  /**
   * Garbage collection: who is STALE for long leaves, as long as there are more than a few (Linux gc_stale_time,
   * gc_thresh1); least recently used first, and no more than down to that number (Linux takes all once it begins).
   */
  private sweep(): void {
    const { neighborsKept, neighborStaleMs } = this.context.options;
    const { uptimeS } = this.context;
    let neighbor = this.oldest;
    while (neighbor !== undefined && this.size > neighborsKept) {
      const { newer } = neighbor;
      const old = uptimeS - neighbor.staleS >= neighborStaleMs / 1000;
      if (neighbor.state === STALE && old) this.forget(neighbor);
      neighbor = newer;
    }
    if (this.size > neighborsKept) this.sweepLater();
  }

  /** Linux gc_worker: every half of the base time. */
  private sweepLater(): void {
    const { nowMs, options } = this.context;
    this.deadlines.set(this.sweepId, add(nowMs, options.neighborReachableMs >> 1));
  }

  /** One request more; RFC 1122 2.3.2.1: no more than one a second for one address. R1122.35. */
  private ask(neighbor: Neighbor): void {
    neighbor.probes++;
    neighbor.asks = true;
    this.deadlines.set(neighbor.id, add(this.context.nowMs, this.context.options.neighborRetransMs));
    this.markDirty(neighbor);
  }

  /** Its station address is known: nothing is left to ask, and what waited may go. */
  private found(neighbor: Neighbor, state: number, timeoutMs: number): void {
    neighbor.probes = 0;
    neighbor.asks = false;
    this.enter(neighbor, state, timeoutMs);
    if (neighbor.pending.size > 0) this.markDirty(neighbor);
  }

  private markDirty(neighbor: Neighbor): void {
    this.dirty.add(neighbor);
    this.context.work |= WORK_ARP;
  }

  /** It is known to hear us, now: RFC 4861 7.2.5, 7.3.1. */
  private reached(neighbor: Neighbor): void {
    neighbor.reachedMs = this.context.nowMs;
    neighbor.believedMs = this.reachableMs();
    this.found(neighbor, REACHABLE, neighbor.believedMs);
  }

  private enter(neighbor: Neighbor, state: number, timeoutMs: number): void {
    neighbor.state = state;
    if (state === STALE) neighbor.staleS = this.context.uptimeS;
    if (timeoutMs > 0) this.deadlines.set(neighbor.id, add(this.context.nowMs, timeoutMs));
    else this.deadlines.cancel(neighbor.id);
  }

  /** RFC 4861 7.3.3. */
  private timeOut(neighbor: Neighbor): void {
    switch (neighbor.state) {
      case REACHABLE: {
        // Confirmations since then moved no timer.
        const left = neighbor.believedMs - diff(this.context.nowMs, neighbor.reachedMs);
        if (left > 0) this.enter(neighbor, REACHABLE, left);
        else this.enter(neighbor, STALE, 0);
        return;
      }
      case DELAY:
        neighbor.probes = 0;
        neighbor.state = PROBE;
        this.ask(neighbor);
        return;
      case INCOMPLETE:
      case PROBE:
        if (neighbor.probes < this.context.options.neighborProbes) this.ask(neighbor);
        else this.remove(neighbor);
    }
  }

  /** RFC 4861 6.3.2: between half and one and a half times the base, so that hosts do not ask in step. */
  private reachableMs(): number {
    const base = this.context.options.neighborReachableMs;
    return (base >> 1) + ((this.context.entropy.int32() >>> 0) % base);
  }

  private use(neighbor: Neighbor): void {
    if (this.newest === neighbor) return;
    this.leaveUse(neighbor);
    this.enterUse(neighbor);
  }

  private enterUse(neighbor: Neighbor): void {
    neighbor.older = this.newest;
    neighbor.newer = undefined;
    if (this.newest !== undefined) this.newest.newer = neighbor;
    else this.oldest = neighbor;
    this.newest = neighbor;
  }

  private leaveUse(neighbor: Neighbor): void {
    if (neighbor.newer !== undefined) neighbor.newer.older = neighbor.older;
    else this.newest = neighbor.older;
    if (neighbor.older !== undefined) neighbor.older.newer = neighbor.newer;
    else this.oldest = neighbor.newer;
  }
}
