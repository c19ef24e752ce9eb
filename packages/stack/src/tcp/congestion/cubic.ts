// CUBIC (RFC 9438): the window is a cubic function of the time since the last reduction, and never below what Reno would have.

import { diff } from '../../base/int.ts';
import type { AckSample } from './controller.ts';
import { LossBased } from './loss-based.ts';
import { WINDOW_MAX } from './window-limits.ts';

/** RFC 9438 4.6: what a reduction leaves. Also on a congestion mark: 0.85 (RFC 8511) is an experiment. */
const BETA = 0.7;
/** RFC 9438 5.1: segments per second cubed. */
const C = 0.4;
/** RFC 9438 4.3: segments a round trip that give a Reno with BETA the share of one with 0.5. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** What a curve is made of (RFC 9438 4.1.2). Windows are octets, times seconds; both float64. */
class Epoch {
  /** False: the next acknowledgment in congestion avoidance begins one. */
  begun = false;
  /** The window before the last reduction, less if it had not come up to the one before (fast convergence, 4.7); 0: unknown. R9438.4. */
  wMax = 0;
  /** The window at the last reduction: up to here Reno's share is made up for with ALPHA, beyond it is one segment (4.3). */
  cwndPrior = 0;
  /** W(t) = C (t - k)^3 + origin. */
  elapsed = 0;
  k = 0;
  origin = 0;
  /** What Reno would have by now (4.3). R9438.3. */
  wEst = 0;

  copy(from: Epoch): void {
    this.begun = from.begun;
    this.wMax = from.wMax;
    this.cwndPrior = from.cwndPrior;
    this.elapsed = from.elapsed;
    this.k = from.k;
    this.origin = from.origin;
    this.wEst = from.wEst;
  }

  /** W_cubic(t), figure 1. R9438.1. */
  at(seconds: number, mss: number): number {
    const t = seconds - this.k;
    return this.origin + C * mss * t * t * t;
  }
}

/**
 * See Controller. The default.
 *
 *      cwnd |        origin . . . . ._________. . . . . . . .  /
 *           |                 __-----         -----__       __/
 *           |  origin * BETA /     concave  k  convex  -----
 *           +----------------+--------------+----------------> t
 *
 * Time is what passed while the window was in use: it stands still while the application limits and in pauses (5.8), and so
 * outlasts the 2^30 us that two readings of the clock may differ by.
 *
 * @example const controller = new Cubic(1460); // cwnd 14600
 */
export class Cubic extends LossBased {
  readonly name: string = 'cubic';
  /** Made when slow start is over; many a connection never gets there. */
  private epoch: Epoch | undefined = undefined;
  /** The same before the last reduction (4.9). R9438.5. */
  private priorEpoch: Epoch | undefined = undefined;
  /** The clock when `elapsed` was right. */
  private lastUs = 0;
  /** The part of an octet that `cwnd` has not yet. */
  private fraction = 0;

  protected override avoid(octets: number, sample: AckSample): void {
    const { mss, cwnd } = this;
    this.epoch ??= new Epoch();
    const { epoch } = this;
    if (epoch.begun) epoch.elapsed += Math.max(0, diff(sample.nowUs, this.lastUs)) * 1e-6;
    else this.begin(epoch);
    this.lastUs = sample.nowUs;
    const alpha = epoch.wEst >= epoch.cwndPrior ? 1 : ALPHA;
    epoch.wEst = Math.min(WINDOW_MAX, epoch.wEst + (alpha * mss * octets) / cwnd);
    const exact = cwnd + this.fraction;
    let next = epoch.wEst;
    if (epoch.at(epoch.elapsed, mss) >= epoch.wEst) {
      // 4.4, 4.5: to where the curve will be a round trip from now, by at most half a window a round trip. One ACK that fills
      // an old hole may be for several windows: it goes there, too, and not beyond.
      const target = epoch.at(epoch.elapsed + sample.srttUs * 1e-6, mss);
      const rise = Math.min(Math.max(target, cwnd), 1.5 * cwnd) - cwnd;
      next = exact + (rise * Math.min(octets, cwnd)) / cwnd;
    }
    next = Math.min(WINDOW_MAX, Math.max(exact, next));
    this.cwnd = Math.floor(next);
    this.fraction = next - this.cwnd;
  }

  /** RFC 9438 4.6. Of the flight, where Linux takes the window: what an idle application left of that is a guess. R9438.2. */
  protected override threshold(inFlight: number): number {
    return Math.max(Math.floor(inFlight * BETA), 2 * this.mss);
  }

  protected override reduced(timeout: boolean, again: boolean): void {
    const { cwnd } = this;
    this.epoch ??= new Epoch();
    const { epoch } = this;
    // 4.7: a flow that has less than last time leaves room for those that came since. 4.8: a timeout forgets.
    if (timeout) epoch.wMax = 0;
    else epoch.wMax = cwnd < epoch.wMax ? (cwnd * (1 + BETA)) / 2 : cwnd;
    if (!again) epoch.cwndPrior = cwnd;
    epoch.begun = false;
    this.fraction = 0;
  }

  protected override save(): void {
    super.save();
    this.priorEpoch ??= new Epoch();
    this.priorEpoch.copy(this.epoch ?? new Epoch());
  }

  /** The time since does not count: the window could not grow then. */
  protected override restored(nowUs: number): void {
    if (this.epoch !== undefined && this.priorEpoch !== undefined) this.epoch.copy(this.priorEpoch);
    this.lastUs = nowUs;
    this.fraction = 0;
  }

  protected override unused(nowUs: number): void {
    this.lastUs = nowUs;
  }

  override restarted(idleUs: number, expired: boolean, nowUs: number): void {
    const { cwnd } = this;
    super.restarted(idleUs, expired, nowUs);
    this.lastUs = nowUs;
    // The window was taken back: slow start, and then another stage of avoidance (4.2).
    if (this.cwnd < cwnd && this.epoch !== undefined) this.epoch.begun = false;
  }

  /** 4.2, 4.8, 4.10: without a greater window to come back to, the curve begins at its level part. */
  private begin(epoch: Epoch): void {
    const { cwnd } = this;
    epoch.begun = true;
    epoch.elapsed = 0;
    epoch.wEst = cwnd;
    epoch.origin = Math.max(epoch.wMax, cwnd);
    epoch.k = Math.cbrt((epoch.origin - cwnd) / (C * this.mss));
  }
}
