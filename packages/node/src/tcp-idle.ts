// The idle timer of a socket, as net.Socket's setTimeout has it.

/** Tells once when nothing was received or sent for so long, and again after something was. */
export class IdleTimer {
  private readonly queued: () => number;
  private readonly tell: () => void;
  private timer: NodeJS.Timeout | undefined = undefined;
  private queuedBefore = 0;

  /** `queued`: octets that wait to be acknowledged. A long write that makes progress is activity. */
  constructor(queued: () => number, tell: () => void) {
    this.queued = queued;
    this.tell = tell;
  }

  /** Milliseconds, 0: never. Throws ERR_OUT_OF_RANGE. */
  set(ms: number): void {
    if (!(ms >= 0 && ms < 2 ** 31)) {
      const error = new RangeError(`The value of "msecs" is out of range. Received ${String(ms)}`);
      throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' });
    }
    clearTimeout(this.timer);
    this.timer = ms === 0 ? undefined : setTimeout(() => this.fired(), ms).unref();
  }

  /** Something was received or sent. */
  touch(): void {
    if (this.timer === undefined) return;
    this.queuedBefore = this.queued();
    this.timer.refresh();
  }

  private fired(): void {
    if (this.queued() === this.queuedBefore) this.tell();
    else this.touch();
  }
}
