// The neighbours of a stack: ARP's cache with the states and timers of RFC 4861 7.3, RFC 1122 2.3.2. Packets for a
// station that is not known yet wait here, a few of them (RFC 1122 2.3.2.2).

import { Deadlines } from '../base/deadlines.ts';
import { Fifo } from '../base/fifo.ts';
import { FlowTable } from '../base/flow-table.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import { add, diff } from '../base/int.ts';
import type { Context } from '../context.ts';
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
  /** Neighbours that something is to be sent to, or asked of. */
  readonly dirty: Fifo<Neighbor>;
  private readonly context: Context;
  private readonly unreachable: Unreachable;
  private readonly ids: IndexPool;
  private readonly rows: (Neighbor | undefined)[] = [];
  private readonly byAddress: FlowTable;
  private oldest: Neighbor | undefined = undefined;
  private newest: Neighbor | undefined = undefined;

  constructor(context: Context, unreachable: Unreachable) {
    const { neighborsMax } = context.options;
    this.context = context;
    this.unreachable = unreachable;
    this.ids = new IndexPool(neighborsMax);
    this.byAddress = new FlowTable(context.entropy.int32());
    this.dirty = new Fifo(neighborsMax);
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
    const neighbor = this.find(station, address) ?? this.create(station, address);
    if (neighbor === undefined) {
      this.context.drop(packet, R.NEIGHBOR_TABLE_FULL);
      return TAKEN;
    }
    this.use(neighbor);
    if (!neighbor.known) {
      this.wait(neighbor, packet);
      return TAKEN;
    }
    // RFC 4861 7.3.3: what was not confirmed lately is used, and asked about if nobody confirms it soon.
    if (neighbor.state === STALE) this.enter(neighbor, DELAY, this.context.options.neighborDelayMs);
    return this.send(neighbor, packet);
  }

  /** The neighbour of an address we were asked by, or that answered: made if `make`, else only if it is here. */
  learn(station: Station, address: number, high: number, low: number, answers: boolean, make: boolean): void {
    let neighbor = this.find(station, address);
    if (neighbor === undefined && make) neighbor = this.create(station, address);
    if (neighbor === undefined || neighbor.state === PERMANENT) return;
    const { options, nowMs } = this.context;
    const same = neighbor.known && neighbor.high === high && neighbor.low === low;
    // Two stations that claim one address must not make us change sides with every frame (Linux locktime).
    const recent = neighbor.known && diff(nowMs, neighbor.confirmedMs) < options.neighborLockMs;
    if (!same && recent) return;
    neighbor.high = high;
    neighbor.low = low;
    neighbor.confirmedMs = nowMs;
    neighbor.probes = 0;
    neighbor.asks = false;
    if (answers) this.enter(neighbor, REACHABLE, this.reachableMs());
    else if (!same) this.enter(neighbor, STALE, 0);
    if (neighbor.pending.size > 0) this.markDirty(neighbor);
  }

  /** A neighbour by order: `ip neigh add ADDRESS lladdr ... nud permanent`. False: the table is full. */
  setPermanent(station: Station, address: number, high: number, low: number): boolean {
    const neighbor = this.find(station, address) ?? this.create(station, address);
    if (neighbor === undefined) return false;
    neighbor.high = high;
    neighbor.low = low;
    neighbor.asks = false;
    this.enter(neighbor, PERMANENT, 0);
    if (neighbor.pending.size > 0) this.markDirty(neighbor);
    return true;
  }

  /** `ip neigh del`: forgotten, with what waits for it. */
  remove(neighbor: Neighbor): void {
    this.leaveUse(neighbor);
    this.deadlines.cancel(neighbor.id);
    this.byAddress.delete(neighbor.address, neighbor.station.id);
    this.rows[neighbor.id] = undefined;
    this.ids.release(neighbor.id);
    for (let packet = neighbor.pending.shift(); packet !== undefined; packet = neighbor.pending.shift()) {
      this.unreachable.unresolved(packet);
    }
  }

  /** A link goes: so do all behind it. */
  removeStation(station: Station): void {
    for (const neighbor of this.all()) if (neighbor.station === station) this.remove(neighbor);
  }

  timersFire(nowMs: number): void {
    for (let id = this.deadlines.takeDue(nowMs); id !== NONE; id = this.deadlines.takeDue(nowMs)) {
      const neighbor = this.rows[id];
      if (neighbor !== undefined) this.timeOut(neighbor);
    }
  }

  /** Sends what waited, now that its neighbour is known. What the link will not take goes on waiting. */
  flushPending(neighbor: Neighbor): void {
    while (neighbor.known && neighbor.pending.size > 0) {
      if (this.send(neighbor, neighbor.pending.at(0)) === FULL) return;
      neighbor.pending.shift();
    }
  }

  markDirty(neighbor: Neighbor): void {
    if (neighbor.dirty) return;
    neighbor.dirty = true;
    this.dirty.push(neighbor);
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

  /** RFC 1122 2.3.2.2: the latest packets are kept, the oldest goes first. */
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

  private create(station: Station, address: number): Neighbor | undefined {
    let id = this.ids.allocate();
    if (id === NONE) {
      if (!this.evict()) return undefined;
      id = this.ids.allocate();
    }
    const neighbor = new Neighbor(id, station, address, this.context.options.neighborPendingMax);
    this.rows[id] = neighbor;
    this.byAddress.set(address, station.id, id);
    this.enterUse(neighbor);
    this.ask(neighbor);
    return neighbor;
  }

  /** The one that was used longest ago and whose absence costs nothing but a question. */
  private evict(): boolean {
    let neighbor = this.oldest;
    while (neighbor !== undefined && neighbor.state === PERMANENT) neighbor = neighbor.newer;
    if (neighbor === undefined) return false;
    this.remove(neighbor);
    return true;
  }

  /** One request more; RFC 1122 2.3.2.1: no more than one a second for one address. */
  private ask(neighbor: Neighbor): void {
    neighbor.probes++;
    neighbor.asks = true;
    this.deadlines.set(neighbor.id, add(this.context.nowMs, this.context.options.neighborRetransMs));
    this.markDirty(neighbor);
  }

  private enter(neighbor: Neighbor, state: number, timeoutMs: number): void {
    neighbor.state = state;
    if (timeoutMs > 0) this.deadlines.set(neighbor.id, add(this.context.nowMs, timeoutMs));
    else this.deadlines.cancel(neighbor.id);
  }

  /** RFC 4861 7.3.3. */
  private timeOut(neighbor: Neighbor): void {
    switch (neighbor.state) {
      case REACHABLE:
        this.enter(neighbor, STALE, 0);
        return;
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
