// An alarm of a few microseconds' accuracy on the event loop, whose own timers know whole milliseconds: it sleeps by
// setTimeout until just before, then turns with the loop (setImmediate), so that packets are taken in meanwhile.

/** From here on it turns: setTimeout(1) ends after up to 1.2 ms. */
const TURN_US = 1500;

/** Rings once for each `set`. It keeps the process alive while it is set. */
export class Alarm {
  private readonly nowUs: () => number;
  private readonly ring: () => void;
  private atUs: number = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined = undefined;
  /** The moment the timer wakes us for. */
  private timerForUs: number = Number.POSITIVE_INFINITY;
  private turn: NodeJS.Immediate | undefined = undefined;

  /** `nowUs`: a clock that never moves back, microseconds with fractions. */
  constructor(nowUs: () => number, ring: () => void) {
    this.nowUs = nowUs;
    this.ring = ring;
  }

  /** Rings at this moment, or as soon after as can be; instead of any moment that was set before. Infinity: not at all. */
  set(atUs: number): void {
    this.atUs = atUs;
    // What wakes too early looks again; only what would wake too late is made anew.
    if (this.turn === undefined && atUs < this.timerForUs) this.arm();
  }

  close(): void {
    this.atUs = Number.POSITIVE_INFINITY;
    if (this.turn !== undefined) clearImmediate(this.turn);
    this.turn = undefined;
    this.disarm();
  }

  private disarm(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.timerForUs = Number.POSITIVE_INFINITY;
  }

  private arm(): void {
    this.disarm();
    const leftUs = this.atUs - this.nowUs();
    if (leftUs === Number.POSITIVE_INFINITY) return;
    if (leftUs <= TURN_US) {
      this.turn = setImmediate(this.look);
      return;
    }
    this.timerForUs = this.atUs;
    this.timer = setTimeout(this.look, Math.floor((leftUs - TURN_US) / 1000));
  }

  private readonly look = (): void => {
    this.turn = undefined;
    this.disarm();
    if (this.atUs > this.nowUs()) {
      this.arm();
      return;
    }
    this.atUs = Number.POSITIVE_INFINITY;
    this.ring();
  };
}
