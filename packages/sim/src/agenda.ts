// What will happen when, in virtual time: a binary heap of events, ties in the order they were made.

/** Something that happens at a moment. */
interface Entry {
  readonly atUs: number;
  readonly order: number;
  readonly happen: () => void;
  /** Instead of it, when the world ends before. */
  readonly cancel: (() => void) | undefined;
}

/** The events to come. */
export class Agenda {
  private readonly heap: Entry[] = [];
  private made = 0;

  get size(): number {
    return this.heap.length;
  }

  /** When the next one happens, microseconds since the beginning; Infinity: never. */
  get nextUs(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : this.heap[0].atUs;
  }

  /** `cancel` is called instead when the agenda is cleared first. */
  add(atUs: number, happen: () => void, cancel?: () => void): void {
    const { heap } = this;
    let at = heap.length;
    const entry = { atUs, order: this.made++, happen, cancel };
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (before(heap[parent], entry)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  /** Lets everything happen that is due by `nowUs`. */
  run(nowUs: number): void {
    while (this.size > 0 && this.nextUs <= nowUs) this.take().happen();
  }

  /** Nothing more happens. */
  clear(): void {
    for (const { cancel } of this.heap.splice(0)) cancel?.();
  }

  private take(): Entry {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop() as Entry;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (before(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
