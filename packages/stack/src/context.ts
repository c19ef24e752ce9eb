// What every layer of one stack shares: the batch's clock reading, counters, options, packets, chance, tap, answers.

import { assert, CHECKS } from './base/assert.ts';
import { Fifo } from './base/fifo.ts';
import type { Entropy } from './contract/entropy.ts';
import type { Packet } from './contract/packet.ts';
import type { PacketPool } from './contract/packet-pool.ts';
import { R } from './contract/reasons.ts';
import type { Tap } from './contract/tap.ts';
import { EventRing } from './event-ring.ts';
import type { Options } from './options.ts';
import { Stats } from './stats.ts';

/** Bits of `Context.work`: who has something to settle or to drain. */
export const WORK_FORWARD = 1;
export const WORK_IGMP = 2;
export const WORK_TCP = 4;
export const WORK_UDP = 8;
export const WORK_ECHO = 16;
export const WORK_ARP = 32;

/** Sockets of all kinds that can be at one time. */
export function socketsMax(options: Options): number {
  return options.udpSocketsMax + options.echoSocketsMax + options.tcpConnectionsMax + options.tcpListenersMax;
}

/** One per stack, made by it. */
export class Context {
  readonly options: Options;
  readonly pool: PacketPool;
  readonly entropy: Entropy;
  readonly stats: Stats = new Stats();
  readonly events: EventRing;
  /** Stateless answers of this batch: arrived packets turned round, complete datagrams, head at the IP header. */
  readonly answers: Fifo<Packet>;
  /** The pump's clock reading for this batch, int32, modular. */
  nowMs = 0;
  nowUs = 0;
  /** Seconds since the stack was made: for ages that an int32 of milliseconds cannot hold. */
  uptimeS = 0;
  /** WORK_*: set by who puts something on a queue of his, cleared by his drain when it has emptied them. */
  work = 0;
  tap: Tap | undefined = undefined;
  /** True while the core works on packets: plug-ins called then may call no verb. */
  inCore = false;
  /** True in the drain, the one phase of a pump in which anything is sent. */
  sends = false;

  constructor(options: Options, pool: PacketPool, entropy: Entropy) {
    this.options = options;
    this.pool = pool;
    this.entropy = entropy;
    // Twice: what a drain marks waits for the next pump, and until then each socket may be closed and have a successor.
    this.events = new EventRing(2 * socketsMax(options));
    this.answers = new Fifo(options.answersMax);
  }

  /** Counts why, tells the tap, releases the packet. The one way a packet ends without having been used. */
  drop(packet: Packet, reason: number): void {
    this.stats.count(reason);
    if (this.tap !== undefined) this.tap.drop(packet, reason, this.nowUs);
    packet.release();
  }

  /** Queues a turned-round packet; it leaves in this pump's drain. */
  answer(packet: Packet): void {
    if (!this.answers.push(packet)) this.drop(packet, R.ANSWERS_FULL);
  }

  /** Called first by every verb of the API. */
  enterVerb(): void {
    if (CHECKS) assert(!this.inCore, 'plug-ins inside the core call no verb');
  }
}
