// The ideal ACK clock: each round trip everything that the window let go is acknowledged, segment by segment, evenly.

import { RECOVERY_NONE } from '../../tcb.ts';
import { AckSample, type Controller } from '../controller.ts';

/** Virtual time begins a second before the clock wraps, and so does the count of octets a megabyte before it does. */
const START_US = 0x7fff_ffff - 1_000_000;
const START_DELIVERED = -1_000_000;

/** Feeds one controller. Times are microseconds of virtual time. */
export class AckClock {
  readonly controller: Controller;
  readonly mss: number;
  /** May be changed between rounds. */
  rttUs: number;
  /** Since the first round. */
  passedUs = 0;
  rounds = 0;
  private readonly sample = new AckSample();
  private delivered = START_DELIVERED;
  private roundBegan = START_DELIVERED;
  private prior = START_DELIVERED;

  constructor(controller: Controller, mss: number, rttUs: number) {
    this.controller = controller;
    this.mss = mss;
    this.rttUs = rttUs;
  }

  get nowUs(): number {
    return (START_US + Math.round(this.passedUs)) | 0;
  }

  get seconds(): number {
    return this.passedUs / 1e6;
  }

  /** The window in segments. */
  get segments(): number {
    return this.controller.cwnd / this.mss;
  }

  /** One acknowledgment, now. */
  ack(octets: number, change: Partial<AckSample> = {}): void {
    const { sample, rttUs } = this;
    const { cwnd } = this.controller;
    this.delivered += octets;
    sample.ackedBytes = octets;
    sample.lostBytes = 0;
    sample.delivered = this.delivered | 0;
    sample.priorDelivered = this.prior | 0;
    sample.deliveredBytes = cwnd;
    sample.intervalUs = sample.rttUs = sample.srttUs = rttUs;
    sample.rateAppLimited = sample.appLimited = sample.ce = false;
    sample.priorInFlight = cwnd;
    sample.inFlight = Math.max(0, cwnd - octets);
    sample.recovery = RECOVERY_NONE;
    sample.nowUs = this.nowUs;
    this.controller.acknowledged(Object.assign(sample, change));
  }

  /** One round trip; `each` octets an acknowledgment, `window` octets in all. */
  round(
    change: Partial<AckSample> = {},
    each: number = this.mss,
    window: number = this.controller.cwnd,
  ): void {
    const { roundBegan } = this;
    const began = this.delivered;
    const count = Math.ceil(window / each);
    for (let i = 1; i <= count; i++) {
      this.passedUs += this.rttUs / count;
      this.prior = Math.min(began, roundBegan + i * each);
      this.ack(Math.min(each, window - (i - 1) * each), change);
    }
    this.roundBegan = began;
    this.rounds++;
  }
}
