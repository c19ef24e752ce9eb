// The anchor of the deadlines bench: a hashed timing wheel (Varghese & Lauck 1987, scheme 6) in Int32Array columns.
//
//   slot = deadline mod SLOTS -> doubly linked list of rows; a tick walks one slot and takes what is due

const SLOTS = 4096;
const NONE = -1;

/** As Deadlines, but due rows come in no order, and `first` would have to look for the earliest. */
export class Wheel {
  private readonly heads: Int32Array = new Int32Array(SLOTS).fill(NONE);
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly at: Int32Array;
  private readonly armed: Uint8Array;
  private nowMs: number;

  constructor(rows: number, nowMs: number) {
    this.next = new Int32Array(rows).fill(NONE);
    this.previous = new Int32Array(rows).fill(NONE);
    this.at = new Int32Array(rows);
    this.armed = new Uint8Array(rows);
    this.nowMs = nowMs;
  }

  set(row: number, deadlineMs: number): void {
    this.cancel(row);
    const slot = deadlineMs & (SLOTS - 1);
    const head = this.heads[slot];
    this.at[row] = deadlineMs;
    this.armed[row] = 1;
    this.next[row] = head;
    this.previous[row] = NONE;
    if (head !== NONE) this.previous[head] = row;
    this.heads[slot] = row;
  }

  cancel(row: number): void {
    if (this.armed[row] === 0) return;
    this.armed[row] = 0;
    const next = this.next[row];
    const previous = this.previous[row];
    if (next !== NONE) this.previous[next] = previous;
    if (previous !== NONE) this.next[previous] = next;
    else this.heads[this.at[row] & (SLOTS - 1)] = next;
  }

  /** One row that is due at `nowMs`, or NONE. */
  takeDue(nowMs: number): number {
    for (;;) {
      for (let row = this.heads[this.nowMs & (SLOTS - 1)]; row !== NONE; row = this.next[row]) {
        if (((this.at[row] - nowMs) | 0) > 0) continue;
        this.cancel(row);
        return row;
      }
      if (this.nowMs === nowMs) return NONE;
      this.nowMs = (this.nowMs + 1) | 0;
    }
  }
}
