// An alarm of a few microseconds' accuracy on the event loop, whose own timers know whole milliseconds: it sleeps by
// setTimeout until just before, then turns with the loop (setImmediate), so that packets are taken in meanwhile, and
// between two turns it naps, so that waiting does not take a core from what is measured.
//
//   set ........ setTimeout ........ | turn nap turn nap ... turn turn | ring
//                                    TURN_US before                  GUARD_US before

/** From here on it turns: setTimeout(1) ends after up to 1.2 ms. */
const TURN_US = 1500;
/** The longest nap: so long a packet that comes meanwhile waits to be taken in. Half as long costs half as much again. */
export const NAP_US = 60;
/** From here on it does not nap: what waking up takes with a timer slack of 1 us (wire-priority.ts). */
const GUARD_US = 20;

/** What a nap waits on: nobody wakes it. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

/** The only sleep under a millisecond that there is: futex(2) with a timeout. The loop stands still. */
function sleep(us: number): void {
  Atomics.wait(NOBODY, 0, 0, us / 1000);
}

/** Rings once for each `set`. It keeps the process alive while it is set. */
export class Alarm {
  private readonly nowUs: () => number;
  private readonly ring: () => void;
  private readonly nap: (us: number) => void;
  private atUs: number = Number.POSITIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined = undefined;
  /** The moment the timer wakes us for. */
  private timerForUs: number = Number.POSITIVE_INFINITY;
  private turn: NodeJS.Immediate | undefined = undefined;

  /** `nowUs`: a clock that never moves back, microseconds with fractions. `nap` blocks for so many of them. */
  constructor(nowUs: () => number, ring: () => void, nap: (us: number) => void = sleep) {
    this.nowUs = nowUs;
    this.ring = ring;
    this.nap = nap;
  }

  /** Rings at this moment, or as soon after as can be; instead of any moment that was set before. Infinity: not at all. */
  set(atUs: number): void {
    this.atUs = atUs;
    // What wakes too early looks again; only what would wake too late is made anew.
    if (this.turn === undefined && atUs < this.timerForUs) this.arm(atUs - this.nowUs());
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

  private arm(leftUs: number): void {
    this.disarm();
    if (leftUs === Number.POSITIVE_INFINITY) return;
    if (leftUs <= TURN_US) {
      this.turn = setImmediate(this.look);
      return;
    }
    this.timerForUs = this.atUs;
    this.timer = setTimeout(this.look, Math.floor((leftUs - TURN_US) / 1000));
  }

  private readonly look = (): void => {
    // After a turn the loop has just taken in what there was; after a timer it has not, and must not be kept from it.
    const turned = this.turn !== undefined;
    this.turn = undefined;
    this.disarm();
    const leftUs = this.atUs - this.nowUs();
    if (leftUs > 0) {
      if (turned && leftUs > GUARD_US && leftUs <= TURN_US) this.nap(Math.min(NAP_US, leftUs - GUARD_US));
      this.arm(leftUs);
      return;
    }
    this.atUs = Number.POSITIVE_INFINITY;
    this.ring();
  };
}
