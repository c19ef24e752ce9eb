// What NewReno and CUBIC have in common: slow start (RFC 5681 3.1, RFC 9406), reduction beside PRR (RFC 9937), undo (RFC 4015).

import { RECOVERY_LOSS, RECOVERY_NONE } from '../tcb.ts';
import type { AckSample, Controller } from './controller.ts';
import { HyStart } from './hystart.ts';
import { initialWindow, WINDOW_MAX } from './window-limits.ts';

/** A controller that takes loss for congestion. What differs is how far it goes down, and how it comes up again. */
export abstract class LossBased implements Controller {
  abstract readonly name: string;
  /** An integer always. */
  cwnd: number;
  /** RFC 5681 3.1: arbitrarily high at first. R5681.1. */
  ssthresh: number = WINDOW_MAX;
  /** The core paces by window and round trip. */
  readonly pacingRate: number = 0;
  readonly proportional: boolean = true;
  protected mss: number;
  /** Window and threshold before the last reduction, for `undone`; 0: there was none, or it is undone. */
  protected priorCwnd = 0;
  private priorSsthresh = 0;
  private readonly hystart = new HyStart();
  /** Between `lost` and `recovered`. */
  private reducing = false;

  constructor(mss: number) {
    this.mss = mss;
    this.cwnd = initialWindow(mss);
  }

  acknowledged(sample: AckSample): void {
    // Elsewhere the window is on its way down, and PRR has it.
    if (sample.recovery !== RECOVERY_NONE && sample.recovery !== RECOVERY_LOSS) return;
    if (!sample.advanced) return;
    // RFC 9406 4.3: only in the first slow start. Each later one has a threshold.
    const first = this.ssthresh === WINDOW_MAX;
    if (first && this.hystart.ended(sample)) this.ssthresh = Math.max(this.cwnd, 2 * this.mss);
    // A window that was not used says nothing about one that is larger (RFC 7661; Linux is_cwnd_limited).
    if (sample.appLimited) {
      this.unused(sample.nowUs);
      return;
    }
    let octets = sample.ackedBytes;
    const room = this.ssthresh - this.cwnd;
    if (room > 0) {
      // As Linux: by all that was acknowledged, so that one ACK for a super-segment opens as many would. It ends at ssthresh
      // (RFC 5681 3.1): the one ACK that fills the hole after a timeout may be for a whole window. Its rest is for avoidance.
      const opened = first ? this.hystart.growth(octets) : octets;
      this.cwnd += Math.min(opened, room);
      if (opened <= room) return;
      octets -= room;
    }
    if (octets > 0) this.avoid(octets, sample);
  }

  lost(inFlight: number, _nowUs: number): void {
    this.save();
    this.reduced(false, false);
    this.ssthresh = this.threshold(inFlight);
    // While it is recovered PRR says how much goes; the window is where that will end.
    this.cwnd = this.ssthresh;
    this.reducing = true;
  }

  recovered(_inFlight: number, _nowUs: number): void {
    // Where PRR leads (RFC 9937 section 6, Linux tcp_end_cwnd_reduction). The caps of RFC 6582 3.2 step 3 answer the burst of
    // one who had no PRR and does not pace. After a timeout there is nothing to end: slow start goes on.
    if (this.reducing) this.cwnd = this.ssthresh;
    this.reducing = false;
  }

  timedOut(inFlight: number, again: boolean, _nowUs: number): void {
    if (!again || this.priorCwnd === 0) this.save();
    this.reduced(true, again);
    if (!again) this.ssthresh = this.threshold(inFlight);
    this.cwnd = this.mss;
    this.reducing = false;
  }

  undone(nowUs: number): void {
    if (this.priorCwnd === 0) return;
    // What has grown beyond that since is no less right (RFC 9438 4.9).
    if (this.cwnd < this.priorCwnd) {
      this.cwnd = this.priorCwnd;
      this.restored(nowUs);
    }
    this.ssthresh = Math.max(this.ssthresh, this.priorSsthresh);
    this.priorCwnd = 0;
    this.reducing = false;
    this.hystart.restart();
  }

  restarted(_idleUs: number, expired: boolean, _nowUs: number): void {
    if (!expired) return;
    this.hystart.restart();
    // RFC 5681 4.1. Linux halves once for each RTO; the window that was used is remembered as RFC 2861 says, as Linux does. R5681.5.
    const window = Math.min(this.cwnd, initialWindow(this.mss));
    if (window === this.cwnd) return;
    this.ssthresh = Math.max(this.ssthresh, Math.floor(0.75 * this.cwnd));
    this.cwnd = window;
  }

  resized(mss: number): void {
    const initial = this.cwnd === initialWindow(this.mss) && this.ssthresh === WINDOW_MAX;
    this.mss = mss;
    if (initial) this.cwnd = initialWindow(mss);
    else this.cwnd = Math.max(this.cwnd, mss);
    this.ssthresh = Math.max(this.ssthresh, 2 * mss);
  }

  /** Nothing was ever lost: all that a pause leaves is the initial window. */
  get forgettable(): boolean {
    return this.ssthresh === WINDOW_MAX && this.priorCwnd === 0 && this.cwnd >= initialWindow(this.mss);
  }

  /** Congestion avoidance: so many octets were delivered while the window was at least ssthresh. */
  protected abstract avoid(octets: number, sample: AckSample): void;
  /** ssthresh after a loss, at least two segments. */
  protected abstract threshold(inFlight: number): number;
  /** The window is about to be reduced, and is saved already. */
  protected abstract reduced(timeout: boolean, again: boolean): void;
  /** The window is what `save` last saw. */
  protected abstract restored(nowUs: number): void;
  /** This acknowledgment found the window not used up. */
  protected abstract unused(nowUs: number): void;

  /** Remembers what `undone` is to bring back. */
  protected save(): void {
    this.priorCwnd = this.cwnd;
    this.priorSsthresh = this.ssthresh;
  }
}
