// What is true of a connection, or is not: bits of one integer. A field each would be 240 octets of every connection.

const KNOWN = 1 << 0;
const OPENING = 1 << 1;
const SYN_ACKED = 1 << 2;
const SND_URGENT = 1 << 3;
const FIN_QUEUED = 1 << 4;
const WANTS_ROOM = 1 << 5;
const STARVING = 1 << 6;
const NO_DELAY = 1 << 7;
const CORKED = 1 << 8;
const RCV_URGENT = 1 << 9;
const FIN_PENDING = 1 << 10;
const FIN_RECEIVED = 1 << 11;
const RECEIVE_CLOSED = 1 << 12;
const WINDOW_SCALING = 1 << 13;
const TIMESTAMPS = 1 << 14;
const SACK_PERMITTED = 1 << 15;
const ECN = 1 << 16;
const ECN_ECHO = 1 << 17;
const ECN_SEEN = 1 << 18;
const ECN_REDUCED = 1 << 19;
const ACK_NOW = 1 << 20;
const DSACK_OWED = 1 << 21;
const TEXT_ARRIVED = 1 << 22;
const CHALLENGED = 1 << 23;
const PUSH_SMALL = 1 << 24;
const DIRTY = 1 << 25;
const WAITING = 1 << 26;
const TOUCHED = 1 << 27;
const RESET_PENDING = 1 << 28;
const RESEND_SYN = 1 << 29;
const HELD = 1 << 30;
const BULK = 1 << 31;

/** The part of a Tcb that is yes or no. */
export class Marks {
  /** All of them; as they are named below, and no other way. */
  marks = 0;

  /** An application has it, or had it: it is never used again for another connection. */
  get known(): boolean {
    return (this.marks & KNOWN) !== 0;
  }

  set known(on: boolean) {
    this.marks = on ? this.marks | KNOWN : this.marks & ~KNOWN;
  }

  /** A passive open that is awake and not yet established: counted in `Connections.halfOpen`. */
  get opening(): boolean {
    return (this.marks & OPENING) !== 0;
  }

  set opening(on: boolean) {
    this.marks = on ? this.marks | OPENING : this.marks & ~OPENING;
  }

  /** Our SYN was acknowledged: ISS is a number like any other, and will come round again. */
  get synAcked(): boolean {
    return (this.marks & SYN_ACKED) !== 0;
  }

  set synAcked(on: boolean) {
    this.marks = on ? this.marks | SYN_ACKED : this.marks & ~SYN_ACKED;
  }

  get sndUrgent(): boolean {
    return (this.marks & SND_URGENT) !== 0;
  }

  set sndUrgent(on: boolean) {
    this.marks = on ? this.marks | SND_URGENT : this.marks & ~SND_URGENT;
  }

  /** The application closed: a FIN follows the last octet of the send buffer. */
  get finQueued(): boolean {
    return (this.marks & FIN_QUEUED) !== 0;
  }

  set finQueued(on: boolean) {
    this.marks = on ? this.marks | FIN_QUEUED : this.marks & ~FIN_QUEUED;
  }

  get wantsRoom(): boolean {
    return (this.marks & WANTS_ROOM) !== 0;
  }

  set wantsRoom(on: boolean) {
    this.marks = on ? this.marks | WANTS_ROOM : this.marks & ~WANTS_ROOM;
  }

  /** A send found no chunk in the pool. */
  get starving(): boolean {
    return (this.marks & STARVING) !== 0;
  }

  set starving(on: boolean) {
    this.marks = on ? this.marks | STARVING : this.marks & ~STARVING;
  }

  get noDelay(): boolean {
    return (this.marks & NO_DELAY) !== 0;
  }

  set noDelay(on: boolean) {
    this.marks = on ? this.marks | NO_DELAY : this.marks & ~NO_DELAY;
  }

  /** Nothing smaller than a segment leaves, for a while: Linux TCP_CORK. */
  get corked(): boolean {
    return (this.marks & CORKED) !== 0;
  }

  set corked(on: boolean) {
    this.marks = on ? this.marks | CORKED : this.marks & ~CORKED;
  }

  get rcvUrgent(): boolean {
    return (this.marks & RCV_URGENT) !== 0;
  }

  set rcvUrgent(on: boolean) {
    this.marks = on ? this.marks | RCV_URGENT : this.marks & ~RCV_URGENT;
  }

  /** A FIN that arrived before what precedes it. */
  get finPending(): boolean {
    return (this.marks & FIN_PENDING) !== 0;
  }

  set finPending(on: boolean) {
    this.marks = on ? this.marks | FIN_PENDING : this.marks & ~FIN_PENDING;
  }

  /** The peer's FIN was reached: the stream ends at rcvNxt - 1. */
  get finReceived(): boolean {
    return (this.marks & FIN_RECEIVED) !== 0;
  }

  set finReceived(on: boolean) {
    this.marks = on ? this.marks | FIN_RECEIVED : this.marks & ~FIN_RECEIVED;
  }

  /** The application takes no more: text that arrives now is answered with RST (SHLD-3). */
  get receiveClosed(): boolean {
    return (this.marks & RECEIVE_CLOSED) !== 0;
  }

  set receiveClosed(on: boolean) {
    this.marks = on ? this.marks | RECEIVE_CLOSED : this.marks & ~RECEIVE_CLOSED;
  }

  get windowScaling(): boolean {
    return (this.marks & WINDOW_SCALING) !== 0;
  }

  set windowScaling(on: boolean) {
    this.marks = on ? this.marks | WINDOW_SCALING : this.marks & ~WINDOW_SCALING;
  }

  get timestamps(): boolean {
    return (this.marks & TIMESTAMPS) !== 0;
  }

  set timestamps(on: boolean) {
    this.marks = on ? this.marks | TIMESTAMPS : this.marks & ~TIMESTAMPS;
  }

  get sackPermitted(): boolean {
    return (this.marks & SACK_PERMITTED) !== 0;
  }

  set sackPermitted(on: boolean) {
    this.marks = on ? this.marks | SACK_PERMITTED : this.marks & ~SACK_PERMITTED;
  }

  /** Agreed, RFC 3168. */
  get ecn(): boolean {
    return (this.marks & ECN) !== 0;
  }

  set ecn(on: boolean) {
    this.marks = on ? this.marks | ECN : this.marks & ~ECN;
  }

  /** A mark arrived: ECE until the peer says CWR. */
  get ecnEcho(): boolean {
    return (this.marks & ECN_ECHO) !== 0;
  }

  set ecnEcho(on: boolean) {
    this.marks = on ? this.marks | ECN_ECHO : this.marks & ~ECN_ECHO;
  }

  /** A mark arrived at some time. */
  get ecnSeen(): boolean {
    return (this.marks & ECN_SEEN) !== 0;
  }

  set ecnSeen(on: boolean) {
    this.marks = on ? this.marks | ECN_SEEN : this.marks & ~ECN_SEEN;
  }

  /** We heard an echo, and went down: CWR with the next new text. */
  get ecnReduced(): boolean {
    return (this.marks & ECN_REDUCED) !== 0;
  }

  set ecnReduced(on: boolean) {
    this.marks = on ? this.marks | ECN_REDUCED : this.marks & ~ECN_REDUCED;
  }

  /** One ACK is to leave in this drain. */
  get ackNow(): boolean {
    return (this.marks & ACK_NOW) !== 0;
  }

  set ackNow(on: boolean) {
    this.marks = on ? this.marks | ACK_NOW : this.marks & ~ACK_NOW;
  }

  /** The next ACK tells of octets that came twice: a DSACK block (RFC 2883). */
  get dsackOwed(): boolean {
    return (this.marks & DSACK_OWED) !== 0;
  }

  set dsackOwed(on: boolean) {
    this.marks = on ? this.marks | DSACK_OWED : this.marks & ~DSACK_OWED;
  }

  /** Text has arrived. */
  get textArrived(): boolean {
    return (this.marks & TEXT_ARRIVED) !== 0;
  }

  set textArrived(on: boolean) {
    this.marks = on ? this.marks | TEXT_ARRIVED : this.marks & ~TEXT_ARRIVED;
  }

  get challenged(): boolean {
    return (this.marks & CHALLENGED) !== 0;
  }

  set challenged(on: boolean) {
    this.marks = on ? this.marks | CHALLENGED : this.marks & ~CHALLENGED;
  }

  /** The sender's silly window avoidance is overridden: send what fits (3.8.6.2.1, rule 4). */
  get pushSmall(): boolean {
    return (this.marks & PUSH_SMALL) !== 0;
  }

  set pushSmall(on: boolean) {
    this.marks = on ? this.marks | PUSH_SMALL : this.marks & ~PUSH_SMALL;
  }

  get dirty(): boolean {
    return (this.marks & DIRTY) !== 0;
  }

  set dirty(on: boolean) {
    this.marks = on ? this.marks | DIRTY : this.marks & ~DIRTY;
  }

  get waiting(): boolean {
    return (this.marks & WAITING) !== 0;
  }

  set waiting(on: boolean) {
    this.marks = on ? this.marks | WAITING : this.marks & ~WAITING;
  }

  get touched(): boolean {
    return (this.marks & TOUCHED) !== 0;
  }

  set touched(on: boolean) {
    this.marks = on ? this.marks | TOUCHED : this.marks & ~TOUCHED;
  }

  /** A RST is to leave, and then all is over. */
  get resetPending(): boolean {
    return (this.marks & RESET_PENDING) !== 0;
  }

  set resetPending(on: boolean) {
    this.marks = on ? this.marks | RESET_PENDING : this.marks & ~RESET_PENDING;
  }

  /** Our SYN (or SYN,ACK) goes once more, although no timer ran out. */
  get resendSyn(): boolean {
    return (this.marks & RESEND_SYN) !== 0;
  }

  set resendSyn(on: boolean) {
    this.marks = on ? this.marks | RESEND_SYN : this.marks & ~RESEND_SYN;
  }

  /** A SYN waits for its application to accept it: nothing is answered yet. */
  get held(): boolean {
    return (this.marks & HELD) !== 0;
  }

  set held(on: boolean) {
    this.marks = on ? this.marks | HELD : this.marks & ~HELD;
  }

  /** The peer sends super-segments: what leaves says so to the device (PRIORITY_BULK), and others need not wait behind them. */
  get bulk(): boolean {
    return (this.marks & BULK) !== 0;
  }

  set bulk(on: boolean) {
    this.marks = on ? this.marks | BULK : this.marks & ~BULK;
  }
}
