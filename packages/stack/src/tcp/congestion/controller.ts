// The congestion controller contract (MAY-18: others than NewReno may follow): how much may be on its way. What is resent is decided elsewhere (loss/).
// A controller sees numbers, never octets; it is called inside the core, keeps nothing of a sample and calls no verb.

/** What one acknowledgment taught. One record per engine, reused. Octets and microseconds. */
export class AckSample {
  /** Octets newly acknowledged. */
  ackedBytes = 0;
  /** Octets delivered between the sending of the last range acknowledged and now, and how long that took. */
  deliveredBytes = 0;
  intervalUs = 0;
  /** Round trip of this acknowledgment, or 0: nothing to measure. */
  rttUs = 0;
  /** Octets on their way before this acknowledgment. */
  inFlight = 0;
  /** The sender had less to send than it might have: no sign that the network carries more (RFC 7661). */
  appLimited = false;
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
  /** Octets a second, or 0: as fast as the window lets. */
  readonly pacingRate: number;
  /** New octets were acknowledged outside of recovery. */
  acknowledged(sample: AckSample): void;
  /** Loss was found by duplicate acknowledgments: recovery begins. */
  lost(inFlight: number): void;
  /** Recovery ended: everything that was outstanding at its beginning is acknowledged. */
  recovered(inFlight: number): void;
  /** The retransmission timer ran out; `again`: for the same octets as before (RFC 5681 3.1, equation 4). */
  timedOut(inFlight: number, again: boolean): void;
  /** Nothing was sent for longer than RTO (RFC 5681 4.1). */
  restarted(): void;
  /** SMSS changed. */
  resized(mss: number): void;
}

/** Makes the controller of a connection once it sends. */
export type ControllerFactory = (mss: number) => Controller;
