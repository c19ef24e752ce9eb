// The laws of tcp/buffers/receive-buffer.ts, for any receive buffer: `receiveBufferSuite('ring', () => ...)`.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { ReceiveBuffer } from '../../packages/stack/src/tcp/buffers/receive-buffer.ts';

/** A stack's store of buffers. */
export interface ReceiveStoreUnderTest {
  /** Octets of memory that its buffers hold. */
  readonly allocated: number;
  newBuffer(): ReceiveBuffer;
}

const KIB = 1024;
/** Farther than this nothing is written ahead: more than three chunks of any size. */
const AHEAD = 200 * KIB;

const share = fc.double({ min: 0, max: 1, noNaN: true });
/** How far ahead, as a part of AHEAD: often within one chunk. */
const distance = fc.oneof(
  share,
  share.map((part) => part / 40),
);
const length = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.constantFrom(1460, 4096, 16 * KIB, 64 * KIB),
  fc.integer({ min: 1, max: 70 * KIB }),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ verb: fc.constant('write' as const), length }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('ahead' as const), distance, length }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('read' as const), share, part: share }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('give' as const), share }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('elsewhere' as const), length }) },
  { weight: 1, arbitrary: fc.constant({ verb: 'clear' as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The octet at an offset of the stream. */
function octetAt(place: number): number {
  return Math.imul(place + 1, 0x9e37_79b1) >>> 24;
}

/** The buffer and the plainest model: which offsets of the stream were written, from the one that is read next. */
class Reader {
  readonly buffer: ReceiveBuffer;
  /** Offset in the stream of position 0. */
  front = 0;
  /** By position: written. */
  written: Uint8Array = new Uint8Array(0);
  /** What was given away, and from where in the stream. */
  readonly given: { readonly bytes: Uint8Array; readonly from: number }[] = [];

  constructor(buffer: ReceiveBuffer) {
    this.buffer = buffer;
  }

  /** Octets in order. */
  get available(): number {
    const hole = this.written.indexOf(0);
    return hole < 0 ? this.written.length : hole;
  }

  /** Writes those positions of a stretch that were not, each part of it at once. */
  write(at: number, length: number): void {
    const source = Uint8Array.from({ length: length + 5 }, (_, i) => octetAt(this.front + at + i - 3));
    if (this.written.length < at + length) {
      const written = new Uint8Array(at + length);
      written.set(this.written);
      this.written = written;
    }
    for (let from = at; from < at + length; ) {
      const isNew = this.written[from] === 0;
      let to = from + 1;
      while (to < at + length && (this.written[to] === 0) === isNew) to++;
      if (isNew) this.buffer.write(from, source, 3 + from - at, to - from);
      from = to;
    }
    this.written.fill(1, at, at + length);
    source.fill(0xee);
  }

  moved(n: number): void {
    this.front += n;
    this.written = this.written.slice(n);
  }

  read(most: number, part: number): void {
    const { buffer } = this;
    const n = buffer.peek(most);
    expect([n, n > 0]).toEqual([buffer.length, most > 0]);
    expect(n).toBeLessThanOrEqual(most);
    expect(this.differs(buffer.bytes, buffer.offset, n)).toBe(-1);
    const read = Math.ceil(n * part);
    buffer.consume(read);
    this.moved(read);
  }

  give(most: number): void {
    const bytes = this.buffer.give(most);
    expect(bytes === undefined).toBe(most === 0);
    if (bytes === undefined) return;
    expect(bytes.length).toBeGreaterThan(0);
    expect(bytes.length).toBeLessThanOrEqual(most);
    expect(this.differs(bytes, 0, bytes.length)).toBe(-1);
    this.given.push({ bytes, from: this.front });
    this.moved(bytes.length);
  }

  /** The first position at which these octets are not those of the stream, or -1. */
  differs(bytes: Uint8Array, offset: number, length: number, from: number = this.front): number {
    for (let i = 0; i < length; i++) if (bytes[offset + i] !== octetAt(from + i)) return i;
    return -1;
  }

  do(step: Step): void {
    const { available } = this;
    if (step.verb === 'write') this.write(available, step.length);
    else if (step.verb === 'ahead') this.write(Math.floor(step.distance * AHEAD), step.length);
    else if (step.verb === 'read') this.read(Math.ceil(available * step.share), step.part);
    else if (step.verb === 'give') this.give(Math.ceil(available * step.share));
    else if (step.verb === 'elsewhere') {
      // What arrives in order while nothing is unread in front may be read where it lies.
      if (available > 0) return;
      const hole = this.written.indexOf(1);
      const n = hole < 0 ? step.length : Math.min(step.length, hole);
      this.buffer.consume(n);
      this.moved(n);
    } else {
      this.buffer.clear();
      this.written = new Uint8Array(0);
    }
  }
}

/** Runs the suite. */
export function receiveBufferSuite(name: string, setup: () => ReceiveStoreUnderTest): void {
  describe(`receive buffer laws: ${name}`, () => {
    streamLaws(setup);
    memoryLaws(setup);
  });
}

function streamLaws(setup: () => ReceiveStoreUnderTest): void {
  property.prop([fc.array(step, { maxLength: 40 }), fc.boolean()], { numRuns: 150 })(
    'writes in any order, reads and gifts deliver exactly the stream',
    (steps, another) => {
      const store = setup();
      // Another connection of the same stack takes and returns memory meanwhile.
      const readers = [new Reader(store.newBuffer()), new Reader(store.newBuffer())];
      for (const step of steps) {
        for (const reader of another ? readers : [readers[0]]) {
          reader.do(step);
          if (reader.written.length === 0) expect(reader.buffer.allocated).toBe(0);
        }
        const held = readers[0].buffer.allocated + readers[1].buffer.allocated;
        expect(store.allocated).toBe(held);
      }
      for (const reader of readers) {
        while (reader.available > 0) reader.read(reader.available, 1);
        // What was given away is the application's: nothing that came later is in it.
        for (const { bytes, from } of reader.given)
          expect(reader.differs(bytes, 0, bytes.length, from)).toBe(-1);
        reader.buffer.clear();
      }
      expect(store.allocated).toBe(0);
    },
  );

  test('nothing is shown or given when nothing is available', () => {
    const buffer = setup().newBuffer();
    expect([buffer.peek(0), buffer.give(0), buffer.length]).toEqual([0, undefined, 0]);
    buffer.write(5, Uint8Array.of(1), 0, 1);
    expect([buffer.peek(0), buffer.give(0), buffer.length]).toEqual([0, undefined, 0]);
  });

  test('a stream that is longer than the circle of int32 goes on', () => {
    const buffer = setup().newBuffer();
    for (let i = 0; i < 5; i++) {
      buffer.consume(0x3fff_fff0 + i);
      buffer.write(0, Uint8Array.of(1, 2, 3), 0, 2);
      buffer.write(2, Uint8Array.of(1, 2, 3), 2, 1);
      expect(buffer.peek(3)).toBe(3);
      expect([...buffer.bytes.subarray(buffer.offset, buffer.offset + 3)]).toEqual([1, 2, 3]);
      buffer.consume(3);
    }
  });
}

function memoryLaws(setup: () => ReceiveStoreUnderTest): void {
  test('a buffer that holds nothing holds no memory, at first and after it was read', () => {
    const store = setup();
    const buffer = store.newBuffer();
    expect(buffer.allocated).toBe(0);
    buffer.write(0, new Uint8Array(100_000), 0, 100_000);
    expect(buffer.allocated).toBeGreaterThanOrEqual(100_000);
    for (let left = 100_000; left > 0; left -= buffer.length) {
      buffer.consume(buffer.length);
      buffer.peek(left);
    }
    buffer.consume(buffer.length);
    expect([buffer.allocated, store.allocated]).toEqual([0, 0]);
  });

  test('what is unread holds no more memory than four times its octets and one least chunk', () => {
    const store = setup();
    for (const octets of [1, 4096, 5000, 20_000, 70_000, 300_000]) {
      const buffer = store.newBuffer();
      for (let at = 0; at < octets; at += 1000) {
        buffer.write(at, new Uint8Array(1000), 0, Math.min(1000, octets - at));
      }
      expect(buffer.allocated).toBeGreaterThanOrEqual(octets);
      expect(buffer.allocated).toBeLessThanOrEqual(4 * octets + 4096);
    }
  });

  test('clear gives all memory back, and the buffer goes on', () => {
    const store = setup();
    const buffer = store.newBuffer();
    buffer.write(70_000, new Uint8Array(10), 0, 10);
    buffer.write(0, new Uint8Array(10), 0, 10);
    buffer.clear();
    expect([buffer.allocated, store.allocated, buffer.peek(0)]).toEqual([0, 0, 0]);
    buffer.write(0, Uint8Array.of(4, 5), 0, 2);
    expect([...(buffer.give(2) ?? [])]).toEqual([4, 5]);
  });
}
