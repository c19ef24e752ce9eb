// Awaiting what callbacks tell, instead of sleeping. Source: this project (Promise.withResolvers needs Node 22).

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** A promise and the function that fulfils it. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

/**
 * What happened, in order, and a way to wait until something has.
 *
 * @example
 * const events = new Journal<LinkEvent>();
 * new Monitor({ ..., onEvent: events.add });
 * await events.until((all) => all.length === 2);
 */
export class Journal<T> {
  readonly all: T[] = [];
  private waiting: { test: (all: readonly T[]) => boolean; resolve: () => void }[] = [];

  readonly add = (entry: T): void => {
    this.all.push(entry);
    const due = this.waiting.filter((one) => one.test(this.all));
    this.waiting = this.waiting.filter((one) => !due.includes(one));
    for (const one of due) one.resolve();
  };

  async until(test: (all: readonly T[]) => boolean): Promise<void> {
    if (test(this.all)) return;
    const { promise, resolve } = deferred();
    this.waiting.push({ test, resolve });
    await promise;
  }
}
