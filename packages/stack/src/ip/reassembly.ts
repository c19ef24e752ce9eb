// Reassembly: fragments wait here until their datagram is whole. RFC 791 3.2, RFC 815, RFC 1122 3.3.2, RFC 5722.
//
//   key (addresses, protocol, identification) -> | 0 ..  8 |   hole   | 16 .. 32 | hole ... total: known with the last one
//
// RFC 815 keeps a list of holes (R815.1). Here no two fragments of a datagram overlap (where two do, it is dropped), so it
// is whole when as many octets came as its last fragment says it has: holes need not be listed to see that none is left.
// Fragments stay in their own slots, in order of their place; a flood pays for what it sends and not for what it claims.
//
// What is whole is copied to one slot, and not handed up as a chain of slots: hooks, checksums and sockets above read flat
// octets, and pieces of a packet own no slot. So what an application leaves unread takes more than its octets: 65 datagrams of
// 3000, a full receive queue of 208 KiB, lie in 585 KiB, and one that just misses a jumbo slot in seven times its size. What
// waits here is bounded as slots, exactly.

import { Deadlines } from '../base/deadlines.ts';
import { diff } from '../base/int.ts';
import { SipHash } from '../base/siphash.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { copyOctets, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';

/** int32 words of a key: our address and theirs (four each, of which IPv4 uses one), protocol, identification. */
export const FRAGMENT_KEY_WORDS = 10;

/** What a length field of 16 bits can say of header and data together. R791.7, R1122.30. */
const DATAGRAM_MAX = 65_535;
/** A power of two. Collisions cannot be aimed at: the hash is keyed. */
const BUCKETS = 1024;
/** The one row of the deadlines: all datagrams wait equally long, so the oldest is due first. */
const OLDEST = 0;

/** ECN codepoints (RFC 3168 5) as bits of a set. */
const NOT_ECT = 1 << 0;
const CE = 1 << 3;

/** What reassembly asks of its family of IP. */
export interface ReassemblyOwner {
  /** Time is up for a datagram whose first fragment came: it is handed over, its head at the data, so that its sender is told. */
  timedOut(first: Packet): void;
}

/** A datagram that is not whole yet. R815.2. */
class Partial {
  readonly key: Int32Array = new Int32Array(FRAGMENT_KEY_WORDS);
  bucket = 0;
  /** The next of the same bucket. */
  next: Partial | undefined = undefined;
  older: Partial | undefined = undefined;
  newer: Partial | undefined = undefined;
  deadlineMs = 0;
  /** Fragments in order of their offsets, heads at their data. */
  readonly packets: Packet[] = [];
  readonly offsets: number[] = [];
  /** Octets of data that came, and that there are in all: -1 until the last fragment came. */
  came = 0;
  total = -1;
  /** Octets of the slots that the fragments lie in. */
  bytes = 0;
  /** The set of ECN codepoints seen. */
  ecn = 0;

  /** The place at which a fragment of this offset belongs. */
  placeOf(offset: number): number {
    const { offsets } = this;
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle] < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Where the octets end that came. */
  get end(): number {
    const last = this.packets.length - 1;
    return last < 0 ? 0 : this.offsets[last] + this.packets[last].length;
  }
}

/** What waits in one stack, for all links and families. */
export class Reassembly {
  /** Of the datagram that was joined last: a fragment of it met congestion (RFC 3168 5.3). */
  congested = false;
  /** Datagrams that wait, and octets of the slots they hold. */
  size = 0;
  bytes = 0;
  readonly deadlines: Deadlines = new Deadlines();
  private readonly context: Context;
  private readonly owner: ReassemblyOwner;
  private readonly hash: SipHash;
  private readonly buckets: (Partial | undefined)[] = new Array<Partial | undefined>(BUCKETS).fill(undefined);
  private readonly spare: Partial[] = [];
  private oldest: Partial | undefined = undefined;
  private newest: Partial | undefined = undefined;

  constructor(context: Context, owner: ReassemblyOwner) {
    const { entropy } = context;
    this.context = context;
    this.owner = owner;
    this.hash = new SipHash(entropy.int32(), entropy.int32(), entropy.int32(), entropy.int32());
  }

  /**
   * Takes a fragment, head at its data, `network` at its header, of which `offset` and `more` say what part it is. Answers
   * the whole datagram when this was what it lacked: flat, head at a copy of the first fragment's header. The caller has
   * seen to it that the fragment is not empty.
   */
  fragmentArrives(
    packet: Packet,
    key: Int32Array,
    offset: number,
    more: boolean,
    ecn: number,
  ): Packet | undefined {
    const bucket = this.bucketOf(key);
    const partial = this.find(bucket, key) ?? this.begin(bucket, key);
    const place = partial.placeOf(offset);
    if (isDuplicate(partial, place, packet, offset, more)) {
      this.context.drop(packet, R.IP_FRAGMENT_DUPLICATE);
      return undefined;
    }
    if (!fits(partial, place, packet.length, offset, more)) {
      this.context.stats.counters[C.IpExtReasmOverlaps]++;
      this.context.drop(packet, R.IP_FRAGMENT_OVERLAP);
      this.fail(partial, R.IP_FRAGMENT_OVERLAP);
      return undefined;
    }
    if (!this.keep(partial, place, packet, offset)) return undefined;
    if (!more) partial.total = offset + packet.length;
    partial.ecn |= 1 << ecn;
    return partial.came === partial.total ? this.join(partial, packet) : undefined;
  }

  /** A fragment came that is part of no datagram that could be: what else came of it is dropped, too. */
  discard(key: Int32Array, reason: number): void {
    const partial = this.find(this.bucketOf(key), key);
    if (partial !== undefined) this.fail(partial, reason);
  }

  /** RFC 1122 3.3.2: the sender hears of it when the first fragment was among those that came. */
  timersFire(nowMs: number): void {
    let partial = this.oldest;
    while (partial !== undefined && diff(partial.deadlineMs, nowMs) <= 0) {
      this.context.stats.counters[C.IpReasmTimeout]++;
      if (partial.offsets[0] === 0) {
        this.owner.timedOut(partial.packets[0]);
        partial.packets.shift();
      }
      this.fail(partial, R.IP_REASSEMBLY_TIMEOUT);
      partial = this.oldest;
    }
  }

  /** The stack closes. */
  closeAll(): void {
    while (this.oldest !== undefined) this.fail(this.oldest, R.STACK_CLOSED);
  }

  /** Puts the fragment in its place, in a slot of its own, and pays for it with what is older. False: it is gone. */
  private keep(partial: Partial, place: number, packet: Packet, offset: number): boolean {
    const { context } = this;
    const { reassemblyBytes, reassemblyFragmentsMax } = context.options;
    if (!packet.own()) {
      context.drop(packet, R.IP_REASSEMBLY_NO_BUFFER);
      if (partial.packets.length === 0) this.fail(partial, R.IP_REASSEMBLY_NO_BUFFER);
      return false;
    }
    const cost = packet.limit - packet.base;
    // RFC 1858 3, CVE-2018-5391: oldest first, and the datagram itself when it alone is too much.
    const tooMany = partial.packets.length >= reassemblyFragmentsMax;
    while (!tooMany && this.bytes + cost > reassemblyBytes && this.oldest !== partial) this.evictOldest();
    if (tooMany || this.bytes + cost > reassemblyBytes) {
      context.drop(packet, R.IP_REASSEMBLY_FULL);
      this.fail(partial, R.IP_REASSEMBLY_FULL);
      return false;
    }
    partial.packets.splice(place, 0, packet);
    partial.offsets.splice(place, 0, offset);
    partial.came += packet.length;
    partial.bytes += cost;
    this.bytes += cost;
    return true;
  }

  /** The whole datagram, as it came with `last`; undefined when it may not be, or there is no slot for it. */
  private join(partial: Partial, last: Packet): Packet | undefined {
    const { context } = this;
    const { packets, offsets, total, ecn } = partial;
    // RFC 3168 5.3: some say they know ECN, some say they do not: no codepoint is right for the whole (as Linux does).
    if (ecn !== NOT_ECT && (ecn & NOT_ECT) !== 0) return this.fail(partial, R.IP_FRAGMENT_ECN);
    const [first] = packets;
    const header = first.head - first.network;
    if (header + total > DATAGRAM_MAX) return this.fail(partial, R.IP_FRAGMENT_BEYOND);
    const whole = context.pool.allocate(header + total);
    if (whole === undefined) return this.fail(partial, R.IP_REASSEMBLY_NO_BUFFER);
    const o = whole.put(header + total);
    copyOctets(first.bytes, first.network, whole.bytes, o, header);
    for (let i = 0; i < packets.length; i++) packets[i].copyTo(whole.bytes, o + header + offsets[i]);
    whole.network = o;
    whole.cast = last.cast;
    whole.ingress = last.ingress;
    whole.path = last.path;
    whole.addressSum = last.addressSum;
    this.congested = (ecn & CE) !== 0;
    context.stats.counters[C.IpReasmOKs]++;
    for (const packet of packets) packet.release();
    this.forget(partial);
    return whole;
  }

  /** The datagram will never be whole: all that came of it is dropped. */
  private fail(partial: Partial, reason: number): undefined {
    this.context.stats.counters[C.IpReasmFails]++;
    for (const packet of partial.packets) this.context.drop(packet, reason);
    this.forget(partial);
  }

  private evictOldest(): void {
    if (this.oldest !== undefined) this.fail(this.oldest, R.IP_REASSEMBLY_FULL);
  }

  private bucketOf(key: Int32Array): number {
    const { hash } = this;
    hash.begin();
    for (let i = 0; i < FRAGMENT_KEY_WORDS; i += 2) hash.compress(key[i], key[i + 1]);
    return hash.finish(0, FRAGMENT_KEY_WORDS << 26) & (BUCKETS - 1);
  }

  private find(bucket: number, key: Int32Array): Partial | undefined {
    let partial = this.buckets[bucket];
    while (partial !== undefined && !isSameKey(partial.key, key)) partial = partial.next;
    return partial;
  }

  private begin(bucket: number, key: Int32Array): Partial {
    const { reassemblyDatagramsMax, reassemblyTimeoutMs } = this.context.options;
    if (this.size >= reassemblyDatagramsMax) this.evictOldest();
    const partial = this.spare.pop() ?? new Partial();
    partial.key.set(key);
    partial.bucket = bucket;
    partial.next = this.buckets[bucket];
    this.buckets[bucket] = partial;
    partial.deadlineMs = (this.context.nowMs + reassemblyTimeoutMs) | 0;
    partial.older = this.newest;
    if (this.newest !== undefined) this.newest.newer = partial;
    else this.begins(partial);
    this.newest = partial;
    this.size++;
    return partial;
  }

  /** Leaves all tables. Its packets are gone already. */
  private forget(partial: Partial): void {
    const { bucket, older, newer } = partial;
    let other = this.buckets[bucket];
    if (other === partial) this.buckets[bucket] = partial.next;
    else {
      while (other !== undefined && other.next !== partial) other = other.next;
      if (other !== undefined) other.next = partial.next;
    }
    if (newer !== undefined) newer.older = older;
    else this.newest = older;
    if (older !== undefined) older.newer = newer;
    else this.begins(newer);
    this.size--;
    this.bytes -= partial.bytes;
    partial.next = undefined;
    partial.older = undefined;
    partial.newer = undefined;
    partial.packets.length = 0;
    partial.offsets.length = 0;
    partial.came = 0;
    partial.total = -1;
    partial.bytes = 0;
    partial.ecn = 0;
    this.spare.push(partial);
  }

  /** From now on this one is the oldest. */
  private begins(partial: Partial | undefined): void {
    this.oldest = partial;
    if (partial === undefined) this.deadlines.cancel(OLDEST);
    else this.deadlines.set(OLDEST, partial.deadlineMs);
  }
}

function isSameKey(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < FRAGMENT_KEY_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The network may deliver twice what was sent once: the same part, and the same octets in it. */
function isDuplicate(
  { packets, offsets, total }: Partial,
  place: number,
  packet: Packet,
  offset: number,
  more: boolean,
): boolean {
  if (place === packets.length || offsets[place] !== offset) return false;
  const other = packets[place];
  const { length } = packet;
  if (other.length !== length || more === (offset + length === total)) return false;
  for (let i = 0; i < length; i++)
    if (packet.bytes[packet.head + i] !== other.bytes[other.head + i]) return false;
  return true;
}

/** Neither across a neighbour nor beyond the end, and there is but one end. */
function fits(partial: Partial, place: number, length: number, offset: number, more: boolean): boolean {
  const { packets, offsets, total } = partial;
  const end = offset + length;
  if (place > 0 && offsets[place - 1] + packets[place - 1].length > offset) return false;
  if (place < packets.length && offsets[place] < end) return false;
  if (more) return total < 0 || end <= total;
  return total < 0 && partial.end <= end;
}
