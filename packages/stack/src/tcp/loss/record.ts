// What a connection knows of its losses, beside the scoreboard: RACK-TLP (RFC 8985), PRR (RFC 9937), F-RTO (RFC 5682), undo,
// delivery rate, pacing. Made with the first text that is sent, and given up after a pause (timeouts/quiet.ts) when nothing was ever
// lost. Sequence numbers and times are int32, octets too.

/** What the loss probe wants of the output. */
export const TLP_NONE = 0;
/** Something new if there is any, else what was sent last. */
export const TLP_WANTED = 1;

/** See the head of this file. */
export class LossRecord {
  // RACK, RFC 8985 section 5.3: of the range that left last among those known to have arrived
  rackUs = 0;
  rackEnd = 0;
  rackRttUs = 0;
  /** Something arrived since detection last ran. */
  rackAdvanced = false;
  reorderingSeen = false;
  /** RACK.reo_wnd_mult, and for how many recoveries it stays. */
  reoWndSteps = 1;
  reoWndPersist = 0;
  /** `Tcb.delivered` when a DSACK last widened the window: once a round trip. */
  dsackRound = 0;
  dsackSeen = false;
  /** Where SACK blocks reach. */
  fack = 0;

  // Tail loss probe, RFC 8985 section 7
  tlp: number = TLP_NONE;
  /** TLP.end_seq while `tlpOut`; and whether the probe sent something again. */
  tlpOut = false;
  tlpEnd = 0;
  tlpResent = false;
  /** What TIMER_LOSS stands for: false: the loss probe, true: RACK's wait for what may be reordered. */
  reorderWait = false;

  // PRR, RFC 9937 section 6
  prrDelivered = 0;
  prrOut = 0;
  recoverFs = 0;

  // Undo: RFC 3522, 4015 (timestamps), RFC 3708 (DSACK)
  undo = false;
  undoSeq = 0;
  /** Up to where a DSACK may still tell of the recovery that has ended. */
  undoUntil = 0;
  /** Octets sent again since then that no DSACK has told of, or -1: nothing was. */
  undoOctets = -1;
  /** TSval of the first retransmission, when there was one. */
  resentStamped = false;
  resentStamp = 0;

  // F-RTO, RFC 5682 section 3
  frto = false;
  /** Step 2b: something new goes before what was lost. */
  newFirst = false;

  /** The first range that is lost goes whatever the window says: recovery has just begun. */
  force = false;

  // Delivery rate
  firstSentUs = 0;
  /** `Tcb.delivered` up to which the application limits the rate; only while `appLimited`. */
  appLimited = false;
  appLimitedUntil = 0;

  // Use of the window (congestion/usage.ts)
  limited = false;
  flightMax = 0;
  usageSeq = 0;

  // For TCP_INFO
  rateOctets = 0;
  rateUs = 0;
  rateAppLimited = false;
  dsacks = 0;
  reorderings = 0;
  resentSegments = 0;
  resentBytes = 0;
  /** Acknowledgments that echoed a mark. */
  markedAcks = 0;

  // Pacing
  /** When the next burst may leave. */
  nextSendUs = 0;
  /** Octets sent in all, up to where pacing begins. */
  sentOctets = 0;

  /** True while it tells nothing that a new one would not: nothing was lost, sent again, reordered or marked. */
  get calm(): boolean {
    const { reorderings, dsacks, resentSegments, markedAcks, reoWndSteps } = this;
    const events = reorderings + dsacks + resentSegments + markedAcks;
    return events === 0 && reoWndSteps === 1 && !this.reorderingSeen && !this.tlpOut && !this.undo;
  }
}
