// BBR version 1, as Linux has it (tcp_bbr.c; Cardwell et al., "BBR: congestion-based congestion control", 2016): no RFC.
// It models the path by its bandwidth and its round trip, paces by the one and bounds what is in flight by both. Loss only bounds it further.

import { diff } from '../../base/int.ts';
import type { Prng } from '../../base/prng.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE } from '../tcb.ts';
import { AckAggregation } from './bbr-aggregation.ts';
import { Policer } from './bbr-policer.ts';
import type { AckSample, Controller } from './controller.ts';
import { initialWindow, WINDOW_MAX } from './window-limits.ts';
import { WindowedMax } from './windowed-filter.ts';

/** Doubles what is sent each round until the bandwidth no longer grows. */
export const BBR_STARTUP = 0;
/** Empties the queue that STARTUP left. */
export const BBR_DRAIN = 1;
/** Steady: sends at the bandwidth, a round trip more and one less in turn. */
export const BBR_PROBE_BW = 2;
/** Sends next to nothing, so that the queues drain and the round trip shows itself. */
export const BBR_PROBE_RTT = 3;

/** 2 / ln 2: the least gain that doubles the rate each round. */
const HIGH_GAIN = 2.885;
const CWND_GAIN = 2;
/** Phases of PROBE_BW, each a round trip at least. */
const CYCLE: readonly number[] = [1.25, 0.75, 1, 1, 1, 1, 1, 1];
const PHASE_UP = 0;
/** Sends by so much less than the estimate, that queues do not grow by its error. */
const PACING_MARGIN = 0.99;
const BW_ROUNDS = 10;
/** The pipe is full when the bandwidth grew by less than a quarter in three rounds. */
const FULL_BW_GROWTH = 1.25;
const FULL_BW_ROUNDS = 3;
const MIN_RTT_WINDOW_US = 10_000_000;
const PROBE_RTT_US = 200_000;
/** Segments in flight that keep ACKs coming from a peer that delays them. */
const CWND_MIN_SEGMENTS = 4;
/** Until a round trip was measured. */
const DEFAULT_RTT_US = 1000;
/** A burst is what is sent in 2^-10 s, and fits into one super-segment; below 1.2 Mbit/s it is one segment. */
const BURST_OCTETS_MAX = 65_215;
const SLOW_OCTETS_A_SECOND = 150_000;

/**
 * See Controller. Loss recovery does not go down by PRR: BBR conserves packets for a round of its own, and then is as before.
 * Rates are octets a second, float64. `prng` decides where a cycle of PROBE_BW begins, so that flows do not probe together.
 *
 * @example const controller = new Bbr(1460, new Prng(seed)); // cwnd 14600, pacingRate 2.885 windows a millisecond
 */
export class Bbr implements Controller {
  readonly name: string = 'bbr';
  cwnd: number;
  /** Means nothing to BBR; tells observers where STARTUP ended. */
  ssthresh: number = WINDOW_MAX;
  pacingRate = 0;
  readonly proportional: boolean = false;
  mode: number = BBR_STARTUP;
  /** Shortest round trip of the last 10 s, and when it was measured. */
  minRttUs: number = Infinity;
  private minRttAtUs = 0;
  private mss: number;
  private readonly prng: Prng;
  private readonly maxBw: WindowedMax = new WindowedMax(BW_ROUNDS);
  private readonly policer: Policer = new Policer();
  private readonly aggregation: AckAggregation = new AckAggregation();
  private pacingGain = HIGH_GAIN;
  private cwndGain = HIGH_GAIN;
  private begun = false;
  private sawRtt = false;
  /** `delivered` when this round began; it ends with what was sent after that. */
  private roundMark = 0;
  private rounds = 0;
  private roundStart = false;
  private fullBw = 0;
  private fullBwRounds = 0;
  private fullBwReached = false;
  private phase = 0;
  private phaseAtUs = 0;
  /** What was sent between these two counts of `delivered` was held back by PROBE_RTT: its rate says nothing. */
  private heldBack = false;
  private heldFrom = 0;
  private heldTo = 0;
  private probeRttUntilUs = 0;
  private probeRttTimed = false;
  private probeRttRoundDone = false;
  private idleRestart = false;
  /** The window before a recovery, or before PROBE_RTT. */
  private priorCwnd = 0;
  private undoable = false;
  private recovery: number = RECOVERY_NONE;
  /** In the first round of a recovery what leaves is what was delivered. */
  private conserving = false;
  private deliveredOctets = 0;

  constructor(mss: number, prng: Prng) {
    this.mss = mss;
    this.prng = prng;
    this.cwnd = initialWindow(mss);
    this.pacingRate = this.initialRate(DEFAULT_RTT_US);
  }

  acknowledged(sample: AckSample): void {
    if (!this.begun) this.begin(sample);
    const limited = sample.rateAppLimited || this.wasHeldBack(sample);
    this.updateBandwidth(sample, limited);
    this.updateCycle(sample);
    this.updateFullPipe(sample, limited);
    this.updateMinRtt(sample);
    this.updateGains();
    this.pace(sample.srttUs, this.pacingGain);
    this.size(sample);
  }

  lost(): void {
    this.save();
    this.undoable = true;
  }

  recovered(): void {
    this.endRecovery();
  }

  timedOut(inFlight: number, again: boolean, nowUs: number): void {
    if (!again) {
      this.save();
      this.undoable = true;
    }
    // As Linux: what is known of a full pipe is in doubt, and a round ends here. The policer is asked with all as lost.
    this.recovery = RECOVERY_LOSS;
    this.conserving = false;
    this.fullBw = 0;
    this.policer.sample(0, Math.max(1, inFlight), false, true, this.mode === BBR_PROBE_BW, nowUs);
    this.cwnd = this.mss;
  }

  undone(nowUs: number): void {
    if (!this.undoable) return;
    this.undoable = false;
    this.fullBw = 0;
    this.fullBwRounds = 0;
    this.policer.reset(nowUs);
    this.conserving = false;
    this.recovery = RECOVERY_NONE;
    this.restore();
  }

  restarted(idleUs: number, _expired: boolean, nowUs: number): void {
    // RFC 5681 4.1 does not apply: the pacing rate is what keeps a burst away.
    this.idleRestart = true;
    this.aggregation.restart(nowUs);
    // Stamps are never older than two readings of the clock may differ by: what is long past is just past.
    if (idleUs >= MIN_RTT_WINDOW_US) {
      this.minRttAtUs = this.phaseAtUs = (nowUs - MIN_RTT_WINDOW_US - 1) | 0;
      this.probeRttUntilUs = (nowUs - 1) | 0;
    }
    if (this.mode === BBR_PROBE_BW) this.pace(0, 1);
    else if (this.mode === BBR_PROBE_RTT) this.endProbeRtt(nowUs);
  }

  /** Its model outlives pauses. */
  readonly forgettable: boolean = false;

  resized(mss: number): void {
    const initial = !this.begun && this.cwnd === initialWindow(this.mss);
    this.mss = mss;
    if (initial) {
      this.cwnd = initialWindow(mss);
      this.pacingRate = this.initialRate(DEFAULT_RTT_US);
    } else {
      this.cwnd = Math.max(this.cwnd, mss);
    }
  }

  /** Bandwidth by the model, octets a second. */
  get bw(): number {
    return this.policer.found ? this.policer.bw : this.maxBw.value;
  }

  private begin(sample: AckSample): void {
    this.begun = true;
    this.minRttAtUs = sample.nowUs;
    this.phaseAtUs = sample.nowUs;
    this.roundMark = sample.priorDelivered;
    this.aggregation.restart(sample.nowUs);
  }

  private updateBandwidth(sample: AckSample, limited: boolean): void {
    this.roundStart = false;
    const { nowUs, ackedBytes, intervalUs } = sample;
    if (intervalUs <= 0) return;
    if (diff(sample.priorDelivered, this.roundMark) >= 0) {
      this.roundMark = sample.delivered;
      this.rounds++;
      this.roundStart = true;
      this.conserving = false;
    }
    const probing = this.mode === BBR_PROBE_BW;
    const expired = this.policer.sample(
      ackedBytes,
      sample.lostBytes,
      limited,
      this.roundStart,
      probing,
      nowUs,
    );
    if (expired) this.beginProbeBw(nowUs);
    // A rate that the application limited is a lower bound: it counts only if it is more than was known.
    const bw = (sample.deliveredBytes * 1e6) / intervalUs;
    if (!limited || bw >= this.maxBw.value) this.maxBw.update(this.rounds, bw);
    if (ackedBytes > 0) this.aggregation.sample(ackedBytes, this.bw, this.cwnd, this.roundStart, nowUs);
  }

  private updateCycle(sample: AckSample): void {
    if (this.mode !== BBR_PROBE_BW) return;
    const passed = diff(sample.nowUs, this.phaseAtUs) > this.minRttUs;
    const gain = CYCLE[this.phase];
    let next = passed;
    // Up until there is as much in flight as the gain asks for, or something was lost for it; down until the queue is gone.
    if (gain > 1) next &&= sample.lostBytes > 0 || sample.priorInFlight >= this.inFlightAt(gain);
    else if (gain < 1) next ||= sample.priorInFlight <= this.inFlightAt(1);
    if (next) this.nextPhase(sample.nowUs);
  }

  private updateFullPipe(sample: AckSample, limited: boolean): void {
    if (!this.fullBwReached && this.roundStart && !limited) {
      if (this.maxBw.value >= this.fullBw * FULL_BW_GROWTH) {
        this.fullBw = this.maxBw.value;
        this.fullBwRounds = 0;
      } else {
        this.fullBwRounds++;
        this.fullBwReached = this.fullBwRounds >= FULL_BW_ROUNDS;
      }
    }
    if (this.mode === BBR_STARTUP && this.fullBwReached) {
      this.mode = BBR_DRAIN;
      this.ssthresh = Math.min(WINDOW_MAX, Math.max(2 * this.mss, this.inFlightAt(1)));
    }
    if (this.mode === BBR_DRAIN && sample.inFlight <= this.inFlightAt(1)) this.beginProbeBw(sample.nowUs);
  }

  private updateMinRtt(sample: AckSample): void {
    const { nowUs, rttUs } = sample;
    const expired = diff(nowUs, this.minRttAtUs) > MIN_RTT_WINDOW_US;
    if (rttUs > 0 && (rttUs < this.minRttUs || expired)) {
      this.minRttUs = rttUs;
      this.minRttAtUs = nowUs;
    }
    if (expired && !this.idleRestart && this.mode !== BBR_PROBE_RTT) {
      this.save();
      this.mode = BBR_PROBE_RTT;
      this.probeRttTimed = false;
      this.heldBack = true;
      this.heldFrom = sample.delivered;
    }
    if (this.mode === BBR_PROBE_RTT) {
      this.heldTo = (sample.delivered + sample.inFlight) | 0;
      if (!this.probeRttTimed) {
        if (sample.inFlight <= CWND_MIN_SEGMENTS * this.mss) {
          this.probeRttTimed = true;
          this.probeRttUntilUs = (nowUs + PROBE_RTT_US) | 0;
          this.probeRttRoundDone = false;
          this.roundMark = sample.delivered;
        }
      } else {
        if (this.roundStart) this.probeRttRoundDone = true;
        if (this.probeRttRoundDone) this.endProbeRtt(nowUs);
      }
    }
    if (sample.ackedBytes > 0) this.idleRestart = false;
  }

  private endProbeRtt(nowUs: number): void {
    if (!this.probeRttTimed || diff(nowUs, this.probeRttUntilUs) <= 0) return;
    this.minRttAtUs = nowUs;
    this.cwnd = Math.max(this.cwnd, this.priorCwnd);
    if (this.fullBwReached) this.beginProbeBw(nowUs);
    else this.mode = BBR_STARTUP;
  }

  /** Of what PROBE_RTT held back nothing is left once that arrives which was sent after it. */
  private wasHeldBack(sample: AckSample): boolean {
    if (!this.heldBack) return false;
    if (this.mode !== BBR_PROBE_RTT && diff(sample.priorDelivered, this.heldTo) > 0) this.heldBack = false;
    return this.heldBack && diff(sample.priorDelivered, this.heldFrom) >= 0;
  }

  /** Any phase but the one that sends less: there is no queue yet that it would empty. */
  private beginProbeBw(nowUs: number): void {
    this.mode = BBR_PROBE_BW;
    this.phase = CYCLE.length - 1 - this.prng.below(CYCLE.length - 1);
    this.nextPhase(nowUs);
  }

  private nextPhase(nowUs: number): void {
    this.phase = (this.phase + 1) % CYCLE.length;
    this.phaseAtUs = nowUs;
  }

  private updateGains(): void {
    const { mode } = this;
    if (mode === BBR_PROBE_BW) {
      this.pacingGain = this.policer.found ? 1 : CYCLE[this.phase];
      this.cwndGain = CWND_GAIN;
    } else if (mode === BBR_PROBE_RTT) {
      this.pacingGain = this.cwndGain = 1;
    } else {
      this.pacingGain = mode === BBR_STARTUP ? HIGH_GAIN : 1 / HIGH_GAIN;
      this.cwndGain = HIGH_GAIN;
    }
  }

  private initialRate(rttUs: number): number {
    return (this.cwnd * 1e6 * HIGH_GAIN * PACING_MARGIN) / rttUs;
  }

  private pace(srttUs: number, gain: number): void {
    if (!this.sawRtt && srttUs > 0) {
      this.sawRtt = true;
      this.pacingRate = this.initialRate(srttUs);
    }
    const rate = this.bw * gain * PACING_MARGIN;
    // In STARTUP a few ACKs that came together must not slow it down.
    if (rate > this.pacingRate || (this.fullBwReached && rate > 0)) this.pacingRate = rate;
  }

  private size(sample: AckSample): void {
    const { mss } = this;
    const { ackedBytes } = sample;
    let { cwnd } = this;
    if (ackedBytes > 0) {
      cwnd = this.recover(sample);
      if (!this.conserving) {
        const extra = this.fullBwReached ? this.aggregation.allowance(this.bw) : 0;
        const target = this.quantized(this.bdp(this.bw, this.cwndGain) + extra);
        if (this.deliveredOctets < WINDOW_MAX) this.deliveredOctets += ackedBytes;
        if (this.fullBwReached) cwnd = Math.min(cwnd + ackedBytes, target);
        else if (cwnd < target || this.deliveredOctets < initialWindow(mss)) cwnd += ackedBytes;
        cwnd = Math.max(cwnd, CWND_MIN_SEGMENTS * mss);
      }
    }
    if (this.mode === BBR_PROBE_RTT) cwnd = Math.min(cwnd, CWND_MIN_SEGMENTS * mss);
    this.cwnd = Math.min(WINDOW_MAX, Math.floor(cwnd));
  }

  /** The window as recovery has it: less what was lost, and in the first round no more than what was delivered makes room for. */
  private recover(sample: AckSample): number {
    const { recovery, lostBytes } = sample;
    const room = Math.max(sample.inFlight + sample.ackedBytes, this.mss);
    if (lostBytes > 0) this.cwnd = Math.max(this.cwnd - lostBytes, this.mss);
    if (recovery === RECOVERY_FAST && this.recovery !== RECOVERY_FAST) {
      this.conserving = true;
      this.roundMark = sample.delivered;
      this.cwnd = room;
    } else if (recovery !== RECOVERY_FAST && recovery !== RECOVERY_LOSS) {
      this.endRecovery();
    }
    this.recovery = recovery;
    if (this.conserving) this.cwnd = Math.max(this.cwnd, room);
    return this.cwnd;
  }

  private endRecovery(): void {
    const { recovery } = this;
    this.recovery = RECOVERY_NONE;
    this.conserving = false;
    if (recovery === RECOVERY_FAST || recovery === RECOVERY_LOSS) this.restore();
  }

  private save(): void {
    const steady = this.recovery !== RECOVERY_FAST && this.recovery !== RECOVERY_LOSS;
    if (steady && this.mode !== BBR_PROBE_RTT) this.priorCwnd = this.cwnd;
    else this.priorCwnd = Math.max(this.priorCwnd, this.cwnd);
  }

  private restore(): void {
    if (this.mode !== BBR_PROBE_RTT) this.cwnd = Math.max(this.cwnd, this.priorCwnd);
  }

  /** Bandwidth times round trip: what the path itself holds. */
  private bdp(bw: number, gain: number): number {
    if (this.minRttUs === Infinity) return initialWindow(this.mss);
    return bw * this.minRttUs * 1e-6 * gain;
  }

  /** What should be in flight for this gain. */
  private inFlightAt(gain: number): number {
    return this.quantized(this.bdp(this.maxBw.value, gain));
  }

  /** And what sender and receiver hold up: three bursts, an even count of segments for who acknowledges every second one. */
  private quantized(octets: number): number {
    const { mss } = this;
    const least = this.pacingRate < SLOW_OCTETS_A_SECOND ? 1 : 2;
    const burst = Math.max(least, Math.floor(Math.min(this.pacingRate / 1024, BURST_OCTETS_MAX) / mss));
    let pairs = Math.ceil((octets + 3 * burst * mss) / (2 * mss));
    if (this.mode === BBR_PROBE_BW && this.phase === PHASE_UP) pairs++;
    return pairs * 2 * mss;
  }
}
