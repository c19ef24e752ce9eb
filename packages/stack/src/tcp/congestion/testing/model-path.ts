// A path as a controller sees it: one bottleneck with a queue that drops at its end, a round trip, a sender with all it wants to send.

import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE } from '../../tcb.ts';
import { AckSample, type Controller } from '../controller.ts';

export interface PathShape {
  readonly mss: number;
  /** Octets a second through the bottleneck. */
  readonly rate: number;
  /** Round trip with empty queues. */
  readonly rttUs: number;
  /** Octets that the queue holds. */
  readonly queueBytes: number;
  /** ACKs come together, at multiples of so many microseconds. */
  readonly clumpUs?: number;
  /** Packets dropped besides: numbers of packets, from 0. */
  readonly drops?: (packet: number) => boolean;
  /** A policer behind the sender: octets a second, and octets that may come at once. */
  readonly policer?: { readonly rate: number; readonly burst: number };
}

interface Sent {
  readonly number: number;
  readonly sentUs: number;
  readonly firstSentUs: number;
  readonly delivered: number;
  readonly deliveredUs: number;
  readonly arrivesUs: number;
  readonly dropped: boolean;
}

/** Virtual time begins a second before the clock wraps. */
const START_US = 0x7fff_ffff - 1_000_000;
const REORDERING = 3;

/** Runs one controller over one path, in virtual time. Loss is found as by SACK; what is lost is sent again as new. */
export class ModelPath {
  readonly controller: Controller;
  /** Called after each acknowledgment. */
  onAck: () => void = () => {};
  atUs = 0;
  delivered = 0;
  lost = 0;
  inFlight = 0;
  srttUs = 0;
  rttUs = 0;
  timeouts = 0;
  recoveries = 0;
  recovery: number = RECOVERY_NONE;
  private readonly shape: PathShape;
  private readonly sample = new AckSample();
  /** In the order in which they were sent: those behind `head` have arrived or are among the gaps. */
  private flight: Sent[] = [];
  private head = 0;
  /** Dropped, and not yet found missing. */
  private gaps: Sent[] = [];
  private next = 0;
  private high = 0;
  private sendAtUs = 0;
  private busyUntilUs = 0;
  private deliveredUs = 0;
  private firstSentUs = 0;
  private progressUs = 0;
  private maxInFlight = 0;
  private tokens = 0;
  private tokensAtUs = 0;

  constructor(controller: Controller, shape: PathShape) {
    this.controller = controller;
    this.shape = shape;
    this.tokens = shape.policer?.burst ?? 0;
  }

  /** The clock as the controller reads it. */
  get nowUs(): number {
    return (START_US + Math.round(this.atUs)) | 0;
  }

  /** Octets in the path and its queue without which the bottleneck would stand still. */
  get bdp(): number {
    return (this.shape.rate * this.shape.rttUs) / 1e6;
  }

  /** Lets so much time pass. */
  run(us: number): void {
    const end = this.atUs + us;
    for (;;) {
      const ackUs = this.arrival()?.arrivesUs ?? Infinity;
      const sendUs = this.mayGo() ? Math.max(this.atUs, this.sendAtUs) : Infinity;
      const timeoutUs =
        ackUs === Infinity && sendUs === Infinity ? this.progressUs + this.srttUs + 200_000 : Infinity;
      const at = Math.min(ackUs, sendUs, timeoutUs);
      if (at > end) break;
      this.atUs = at;
      if (at === sendUs) this.send();
      else if (at === ackUs) this.acknowledge();
      else this.timeOut();
    }
    this.atUs = end;
  }

  /** Nothing is sent or arrives for so long: the flight is forgotten. */
  pause(us: number): void {
    this.forget();
    this.recovery = RECOVERY_NONE;
    this.atUs += us;
    this.controller.restarted(us, us > this.srttUs + 200_000, this.nowUs);
  }

  /** The next that arrives. */
  private arrival(): Sent | undefined {
    const { flight } = this;
    while (this.head < flight.length && flight[this.head].dropped) this.gaps.push(flight[this.head++]);
    if (this.head > 1000) {
      flight.splice(0, this.head);
      this.head = 0;
    }
    return flight[this.head];
  }

  private forget(): void {
    this.flight = [];
    this.gaps = [];
    this.head = 0;
    this.inFlight = 0;
  }

  private mayGo(): boolean {
    const { controller } = this;
    const reducing = controller.proportional && this.recovery === RECOVERY_FAST;
    const window = reducing ? Math.min(controller.cwnd, controller.ssthresh) : controller.cwnd;
    return this.inFlight + this.shape.mss <= window;
  }

  private send(): void {
    const { mss, rate, rttUs, queueBytes, clumpUs, drops } = this.shape;
    const { controller, atUs } = this;
    if (this.inFlight === 0) this.deliveredUs = this.firstSentUs = this.progressUs = atUs;
    const queued = (Math.max(0, this.busyUntilUs - atUs) * rate) / 1e6;
    const dropped = queued + mss > queueBytes + mss || drops?.(this.next) === true || !this.police();
    if (!dropped) this.busyUntilUs = Math.max(atUs, this.busyUntilUs) + (mss * 1e6) / rate;
    const backUs = this.busyUntilUs + rttUs;
    this.flight.push({
      number: this.next++,
      sentUs: atUs,
      firstSentUs: this.firstSentUs,
      delivered: this.delivered,
      deliveredUs: this.deliveredUs,
      arrivesUs: clumpUs === undefined ? backUs : Math.ceil(backUs / clumpUs) * clumpUs,
      dropped,
    });
    this.inFlight += mss;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    // As Linux paces one that gives no rate.
    const gain = controller.cwnd < controller.ssthresh / 2 ? 2 : 1.2;
    const own = this.srttUs > 0 ? (gain * controller.cwnd * 1e6) / this.srttUs : Infinity;
    const pace = controller.pacingRate > 0 ? controller.pacingRate : own;
    this.sendAtUs = Math.max(this.sendAtUs, atUs) + (mss * 1e6) / pace;
  }

  private police(): boolean {
    const { policer, mss } = this.shape;
    if (policer === undefined) return true;
    const filled = this.tokens + ((this.atUs - this.tokensAtUs) * policer.rate) / 1e6;
    this.tokens = Math.min(policer.burst, filled);
    this.tokensAtUs = this.atUs;
    if (this.tokens < mss) return false;
    this.tokens -= mss;
    return true;
  }

  private acknowledge(): void {
    const { sample, shape, atUs, controller } = this;
    const before = this.inFlight;
    let newest = this.arrival()!;
    let count = 0;
    for (let sent = this.arrival(); sent !== undefined && sent.arrivesUs <= atUs; sent = this.arrival()) {
      newest = sent;
      count++;
      this.head++;
    }
    const gaps = this.gaps.length;
    const late = this.gaps.findLast(({ number }) => number + REORDERING <= newest.number);
    this.gaps = this.gaps.filter(({ number }) => number + REORDERING > newest.number);
    const ackedBytes = count * shape.mss;
    const lostBytes = (gaps - this.gaps.length) * shape.mss;
    this.delivered += ackedBytes;
    this.deliveredUs = this.progressUs = atUs;
    this.firstSentUs = newest.sentUs;
    this.lost += lostBytes;
    this.inFlight -= ackedBytes + lostBytes;
    this.rttUs = atUs - newest.sentUs;
    this.srttUs = this.srttUs === 0 ? this.rttUs : this.srttUs + (this.rttUs - this.srttUs) / 8;
    this.recover(late?.number ?? -1, before);
    const slowStart = controller.cwnd < controller.ssthresh;
    const intervalUs = Math.max(newest.sentUs - newest.firstSentUs, atUs - newest.deliveredUs);
    Object.assign(sample, {
      ackedBytes,
      lostBytes,
      delivered: this.delivered | 0,
      priorDelivered: newest.delivered | 0,
      deliveredBytes: this.delivered - newest.delivered,
      intervalUs: intervalUs < shape.rttUs ? 0 : Math.round(intervalUs),
      rttUs: Math.round(this.rttUs),
      srttUs: Math.round(this.srttUs),
      priorInFlight: before,
      inFlight: this.inFlight,
      appLimited: slowStart
        ? controller.cwnd >= 2 * this.maxInFlight
        : before + REORDERING * shape.mss < controller.cwnd,
      recovery: this.recovery,
      nowUs: this.nowUs,
    });
    controller.acknowledged(sample);
    this.maxInFlight = this.inFlight;
    this.onAck();
  }

  /** `lost`: the last packet found missing, or -1. One loss is answered once for each window. */
  private recover(lost: number, flight: number): void {
    const oldest = (this.gaps[0] ?? this.arrival())?.number ?? this.next;
    if (this.recovery !== RECOVERY_NONE && oldest >= this.high) {
      if (this.recovery === RECOVERY_FAST) this.controller.recovered(this.inFlight, this.nowUs);
      this.recovery = RECOVERY_NONE;
    }
    if (lost < this.high || this.recovery !== RECOVERY_NONE) return;
    this.recovery = RECOVERY_FAST;
    this.high = this.next;
    this.recoveries++;
    this.controller.lost(flight, this.nowUs);
  }

  private timeOut(): void {
    this.timeouts++;
    this.controller.timedOut(this.inFlight, false, this.nowUs);
    this.lost += this.inFlight;
    this.forget();
    this.recovery = RECOVERY_LOSS;
    this.high = this.next;
    this.progressUs = this.sendAtUs = this.atUs;
  }
}
