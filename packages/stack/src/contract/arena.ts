// Arenas: the memory that a device may touch. Receive slabs, packet slots, send buffers. Each is registered once, so
// that a batch of packets can be described to a device by integers alone.
//
//   arena  | slab | slots | slots | chunks | chunks | (not touched yet) |
//
// What a pool allocates lies together in few arenas: within one, octets are copied without a view of either place.
//
// Memory of the application comes and goes: it is adopted for as long as something that was sent lies in it, and what is sent
// again and again stays known meanwhile. Its id is used again afterwards, so whoever keeps addresses by id compares `version`,
// and lets go of what `disowned` names.

import { assert, CHECKS } from '../base/assert.ts';

/** One block of memory, seen as octets and as 32-bit words (for checksums). */
export interface Arena {
  /** Place in its registry; what a device knows it by. */
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The whole words of `bytes`: up to three last octets are in none. */
  readonly words: Uint32Array;
}

/** Octets of an arena, from `offset` on. */
export interface Room {
  readonly arena: Arena;
  readonly offset: number;
}

/** Memory of the application, and how many hold it. */
interface Adopted {
  readonly arena: Arena;
  readonly buffer: unknown;
  holders: number;
}

/** Ids in all: what the addon can number. */
export const ARENAS_MAX = 65_536;
/** Ids that memory of the application may have: beyond, it is copied. The rest is for slabs, slots and chunks. */
export const ADOPTED_MAX = 32_768;
/**
 * Memory adopted lately is found again. No Map: it makes its table anew as entries come and go, and V8 puts the new one where the
 * old one was, among what lives long: 150 octets each time that only a collection of everything gives back.
 */
const RECENT = 16;
/** As large it stays known while nobody holds it: with RECENT, how much memory the application may wait for. */
const KEPT_BYTES_MAX: number = 256 << 10;
/** An arena is addressed by int32. */
const BYTES_MAX = 0x7fff_ffff;
/** Rooms begin on a cache line. */
const ROOM_ALIGN = 64;
/** The first arena that rooms are cut from holds the first small and medium slots. Each further one is as large as all before it. */
const GROUND_MIN: number = 384 << 10;
const GROUND_MAX: number = 32 << 20;
/** Ids that were disowned, as far back as they are told. A power of two. */
const DISOWNED_LOG = 1024;

/** The arenas that a pool's packets may lie in. Shared by all stacks and links of a pool. */
export class Arenas {
  /** How many times an arena was disowned, int32, modular: a position for `disowned`. */
  disownedCount = 0;
  private readonly arenas: (Arena | undefined)[] = [];
  private readonly versions: number[] = [];
  private readonly freeIds: number[] = [];
  /** By id. */
  private readonly adopted: (Adopted | undefined)[] = [];
  private adoptedCount = 0;
  /** Cyclic: the next takes the place of the oldest. Nobody holds some of them. */
  private readonly recent: (Adopted | undefined)[] = new Array(RECENT).fill(undefined);
  private recentNext = 0;
  private log: Int32Array = new Int32Array(0);
  /** Where the next room is cut from, and how much of it is taken. */
  private ground: Arena | undefined = undefined;
  private groundUsed = 0;
  private groundBytes = 0;

  /** Ids that were given out: all are below. */
  get count(): number {
    return this.arenas.length;
  }

  at(id: number): Arena {
    const arena = this.arenas[id];
    if (CHECKS) assert(arena !== undefined, 'memory is addressed as long as it is known');
    return arena as Arena;
  }

  /** Changes when the memory under the id goes, and with it before the id gets other memory; never 0. */
  version(id: number): number {
    return this.versions[id];
  }

  /**
   * Memory for good, zeros. It lies in one arena with what was allocated before, if that has room; else in a new one of `least`
   * octets or more, of which the system gives only what is touched.
   *
   * @example
   * const { arena, offset } = arenas.allocate(slabBytes);
   * const packet = pool.lend(arena, offset, offset + headroom, length, offset + slabBytes);
   */
  allocate(length: number, least: number = GROUND_MIN): Room {
    const size = (length + ROOM_ALIGN - 1) & -ROOM_ALIGN;
    let { ground } = this;
    if (ground === undefined || ground.bytes.length - this.groundUsed < size) {
      const bytes = Math.max(size, least, Math.min(this.groundBytes, GROUND_MAX));
      ground = this.register(new Uint8Array(bytes));
      this.ground = ground;
      this.groundUsed = 0;
      this.groundBytes += bytes;
    }
    const offset = this.groundUsed;
    this.groundUsed += size;
    return { arena: ground, offset };
  }

  /** Makes `bytes` known for good. They must start where their memory starts, and their length must be a multiple of 4. */
  register(bytes: Uint8Array): Arena {
    assert(
      bytes.byteOffset === 0 && bytes.length % 4 === 0,
      'an arena starts at its buffer and is made of words',
    );
    return this.add(bytes);
  }

  /**
   * Makes memory of the application known until `disown`. The arena spans the whole buffer under `bytes`: octet i of
   * `bytes` is octet `bytes.byteOffset + i` of it. A buffer adopted again is the same arena, if it is among the last RECENT.
   *
   * Undefined: it has to be copied. It is empty or was transferred, it could shrink or be written by another thread
   * meanwhile, or too much is adopted already.
   *
   * @example
   * const arena = arenas.adopt(bytes);
   * if (arena !== undefined) packet.append(arena.id, bytes.byteOffset, bytes.length);
   */
  adopt(bytes: Uint8Array): Arena | undefined {
    const { buffer } = bytes;
    for (let i = 0; i < RECENT; i++) {
      const known = this.recent[i];
      if (known?.buffer !== buffer) continue;
      if (bytes.length === 0) return undefined;
      known.holders++;
      return known.arena;
    }
    if (!isLasting(bytes) || this.adoptedCount >= ADOPTED_MAX) return undefined;
    const arena = this.add(new Uint8Array(buffer));
    const known: Adopted = { arena, buffer, holders: 1 };
    this.adopted[arena.id] = known;
    this.adoptedCount++;
    this.forgetRecent(this.recentNext);
    this.recent[this.recentNext] = known;
    this.recentNext = (this.recentNext + 1) % RECENT;
    return arena;
  }

  /** Undoes one `adopt`: no packet of that holder may point there any more. After the last the memory may stay known until `forget`. */
  disown(arena: Arena): void {
    const known = this.adopted[arena.id];
    assert(known?.arena === arena && known.holders > 0, 'what is disowned was adopted, once for each time');
    if (--known.holders > 0) return;
    const place = this.recent.indexOf(known);
    if (place >= 0 && arena.bytes.length <= KEPT_BYTES_MAX) return;
    if (place >= 0) this.recent[place] = undefined;
    this.free(arena.id);
  }

  /** In a pause: lets go of memory that nobody holds. It is told of as disowned. */
  forget(): void {
    for (let place = 0; place < RECENT; place++)
      if (this.recent[place]?.holders === 0) this.forgetRecent(place);
  }

  /**
   * The id that was disowned as number `position` (below `disownedCount`, modular), or -1 when that is too long ago: then
   * every id may have been. The id may be in use again.
   */
  disowned(position: number): number {
    const age = (this.disownedCount - position) | 0;
    return age > DISOWNED_LOG ? -1 : this.log[position & (DISOWNED_LOG - 1)];
  }

  private forgetRecent(place: number): void {
    const known = this.recent[place];
    this.recent[place] = undefined;
    if (known?.holders === 0) this.free(known.arena.id);
  }

  /** The id serves other memory: no packet may point there any more. */
  private free(id: number): void {
    this.adopted[id] = undefined;
    this.adoptedCount--;
    this.arenas[id] = undefined;
    this.versions[id]++;
    this.freeIds.push(id);
    if (this.log.length === 0) this.log = new Int32Array(DISOWNED_LOG);
    this.log[this.disownedCount & (DISOWNED_LOG - 1)] = id;
    this.disownedCount = (this.disownedCount + 1) | 0;
  }

  private add(bytes: Uint8Array): Arena {
    const id = this.freeIds.pop() ?? this.arenas.length;
    assert(id < ARENAS_MAX, 'there are no more arenas than ids');
    const words = new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
    const arena: Arena = { id, bytes, words };
    this.arenas[id] = arena;
    this.versions[id] ??= 1;
    return arena;
  }
}

/** True when the memory stays where it is, as long as it is, and nobody else writes to it at the same time. */
function isLasting(bytes: Uint8Array): boolean {
  const buffer = bytes.buffer as ArrayBuffer & { readonly resizable?: boolean };
  if (!(buffer instanceof ArrayBuffer) || buffer.resizable === true) return false;
  return bytes.length > 0 && buffer.byteLength <= BYTES_MAX;
}
