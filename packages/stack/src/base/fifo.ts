// A queue with a limit: a ring of references whose storage doubles up to that limit.
//
//        head            head+size
//   | . | a | b | c | . | . | . | . |      (indices taken modulo the power-of-two storage)

import { assert } from './assert.ts';

/** Bounded first-in first-out queue. `push` answers false when full; nothing is ever dropped silently. */
export class Fifo<T> {
  readonly limit: number;
  size = 0;
  private items: (T | undefined)[];
  private head = 0;

  constructor(limit: number) {
    assert(limit >= 1, 'a queue has room for one');
    this.limit = limit;
    this.items = new Array<T | undefined>(8).fill(undefined);
  }

  /** How many more fit. */
  get room(): number {
    return this.limit - this.size;
  }

  push(item: T): boolean {
    if (this.size >= this.limit) return false;
    if (this.size === this.items.length) this.grow();
    this.items[(this.head + this.size) & (this.items.length - 1)] = item;
    this.size++;
    return true;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head = (this.head + 1) & (this.items.length - 1);
    this.size--;
    return item;
  }

  /** Takes out the item that was pushed last. */
  pop(): T | undefined {
    if (this.size === 0) return undefined;
    const place = (this.head + --this.size) & (this.items.length - 1);
    const item = this.items[place];
    this.items[place] = undefined;
    return item;
  }

  /** The item at `index` from the front, which must exist. */
  at(index: number): T {
    assert(index >= 0 && index < this.size, 'a queue is read within its size');
    return this.items[(this.head + index) & (this.items.length - 1)] as T;
  }

  private grow(): void {
    const old = this.items;
    const items = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (let i = 0; i < this.size; i++) items[i] = old[(this.head + i) & (old.length - 1)];
    this.items = items;
    this.head = 0;
  }
}
