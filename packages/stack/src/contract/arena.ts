// Arenas: the memory that a device may touch. Receive slabs, packet slots, send buffers. Each is registered once, so
// that a batch of packets can be described to a device by integers alone.

import { assert } from '../base/assert.ts';

/** One block of memory, seen as octets and as 32-bit words (for checksums). */
export interface Arena {
  /** Place in its registry; what a device knows it by. */
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/** The arenas that a pool's packets may lie in. Shared by all stacks and links of a pool. */
export class Arenas {
  private readonly arenas: Arena[] = [];

  get count(): number {
    return this.arenas.length;
  }

  at(id: number): Arena {
    return this.arenas[id];
  }

  /** Makes `bytes` known. They must start where their memory starts, and their length must be a multiple of 4. */
  register(bytes: Uint8Array): Arena {
    assert(
      bytes.byteOffset === 0 && bytes.length % 4 === 0,
      'an arena starts at its buffer and is made of words',
    );
    const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
    const arena: Arena = { id: this.arenas.length, bytes, words };
    this.arenas.push(arena);
    return arena;
  }
}
