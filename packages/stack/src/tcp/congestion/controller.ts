// The congestion controller contract (MAY-18: any of them): how much may be on its way, and how fast. What is resent is decided elsewhere (loss/).
// A controller sees numbers, never octets; it is called inside the core, keeps nothing of a sample and calls no verb.

/** What one acknowledgment taught. One record per engine, reused. Octets and microseconds. */
export class AckSample {
  /** Octets newly delivered: acknowledged, or told of by SACK, or inferred from a duplicate. */
  ackedBytes = 0;
  /** SND.UNA moved. A window grows with what arrives in order (RFC 5681 3.1). */
  advanced = true;
  /** Octets newly taken for lost. */
  lostBytes = 0;
  /** Octets of the connection delivered in all, modulo 2^32, this acknowledgment included. */
  delivered = 0;
  /** The same when the newest range that this acknowledgment delivers was sent: a round begins when it passes a mark. */
  priorDelivered = 0;
  /** Delivery rate: octets delivered between the sending of that range and now, and how long that took, or 0: no sample. */
  deliveredBytes = 0;
  intervalUs = 0;
  /** That rate was limited by the application, and is a lower bound only. */
  rateAppLimited = false;
  /** Round trip of this acknowledgment, or 0: nothing to measure. */
  rttUs = 0;
  /** Smoothed round trip, or 0: none was measured yet. */
  srttUs = 0;
  /** Octets on their way before this acknowledgment, and after it. */
  priorInFlight = 0;
  inFlight = 0;
  /** The window was not used up: no sign that the network carries more (RFC 7661). */
  appLimited = false;
  /** What goes on: RECOVERY_* of tcb.ts, after this acknowledgment. */
  recovery = 0;
  /** The peer echoes a congestion mark (RFC 3168). */
  ce = false;
  nowUs = 0;
}

/** One per connection. Window in octets; `mss` is SMSS. */
export interface Controller {
  readonly name: string;
  /** Octets that may be on their way. */
  readonly cwnd: number;
  /** Slow start below, congestion avoidance above (RFC 5681 3.1). */
  readonly ssthresh: number;
  /** Octets a second, or 0: the core paces by cwnd and SRTT. */
  readonly pacingRate: number;
  /** True: while a loss is recovered, the window goes down to ssthresh by proportional rate reduction (RFC 9937). False: `cwnd` holds then, too. */
  readonly proportional: boolean;
  /**
   * Something was delivered, or something was lost. In every state: `sample.recovery` says which. A proportional controller
   * leaves its window alone in RECOVERY_FAST and RECOVERY_REDUCE.
   */
  acknowledged(sample: AckSample): void;
  /** Loss was found, or a congestion mark echoed, for the first time in this window: `ssthresh` goes down. */
  lost(inFlight: number, nowUs: number): void;
  /** Recovery ended: everything that was outstanding at its beginning is acknowledged. */
  recovered(inFlight: number, nowUs: number): void;
  /** The retransmission timer ran out; `again`: for the same octets as before (RFC 5681 3.1, equation 4). */
  timedOut(inFlight: number, again: boolean, nowUs: number): void;
  /** The last reduction (`lost` or `timedOut`) answered a loss that was none: things are as they were before it. */
  undone(nowUs: number): void;
  /** Sending goes on after `idleUs` in which nothing was outstanding; `expired`: longer than RTO (RFC 5681 4.1). */
  restarted(idleUs: number, expired: boolean, nowUs: number): void;
  /** SMSS changed. */
  resized(mss: number): void;
  /** True: after `restarted` with `expired` it would do as a new one does; so it need not be kept through a long pause. */
  readonly forgettable: boolean;
}

/** Makes the controller of a connection once it sends. */
export type ControllerFactory = (mss: number) => Controller;
