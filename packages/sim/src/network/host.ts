// A host of a world: a stack with a name and an address, so that tests speak of them and not of indices.

import type { Stack } from '@tunstack/stack';

export class Host {
  readonly name: string;
  readonly stack: Stack;
  /** Its first address but 127.0.0.1; empty before it has one. */
  address = '';

  constructor(name: string, stack: Stack) {
    this.name = name;
    this.stack = stack;
  }
}
