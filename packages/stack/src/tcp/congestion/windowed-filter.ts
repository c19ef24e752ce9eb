// The largest of what was seen lately: an exact maximum over a sliding window of rounds, in fixed memory.

/**
 * A queue of candidates, newest last: each later and smaller than the one before it, at most one a round. What is neither the
 * largest now nor can ever be is not kept. Linux keeps three and is nearly right; this is exact, and costs as little.
 * A minimum is the maximum of the negatives.
 *
 * @example const filter = new WindowedMax(10); filter.update(round, octetsPerSecond); filter.value
 */
export class WindowedMax {
  private readonly rounds: number;
  private readonly values: Float64Array;
  private readonly times: Float64Array;
  /** Ring of rounds + 1 places: the oldest candidate, and how many there are. */
  private head = 0;
  private count = 0;

  /** What was seen `rounds` rounds ago counts still, what is older does not. */
  constructor(rounds: number) {
    this.rounds = rounds;
    this.values = new Float64Array(rounds + 1);
    this.times = new Float64Array(rounds + 1);
  }

  /** The largest as of the last update; 0 before the first. A window passes by updates only: without news nothing is forgotten. */
  get value(): number {
    return this.count === 0 ? 0 : this.values[this.head];
  }

  /** `round` never goes back. */
  update(round: number, value: number): void {
    const { values, times } = this;
    const places = values.length;
    while (this.count > 0 && round - times[this.head] > this.rounds) {
      this.head = (this.head + 1) % places;
      this.count--;
    }
    while (this.count > 0 && values[(this.head + this.count - 1) % places] <= value) this.count--;
    // As large a one of this same round is there already: so one place a round is enough.
    if (this.count > 0 && times[(this.head + this.count - 1) % places] === round) return;
    const place = (this.head + this.count) % places;
    values[place] = value;
    times[place] = round;
    this.count++;
  }
}
