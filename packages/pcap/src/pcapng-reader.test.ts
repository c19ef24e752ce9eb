import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { readPcapng } from './index.ts';

type Order = 'little' | 'big';

/** Numbers of 32 bits, octets that are padded to them, and {hi, lo} halves. */
type Field = number | readonly [number, number] | Uint8Array;

/** Blocks written independently of the writer: straight from the draft. */
function body(order: Order, fields: readonly Field[]): number[] {
  const little = order === 'little';
  return fields.flatMap((field) => {
    if (field instanceof Uint8Array) return [...field, ...new Uint8Array(-field.length & 3)];
    const view = new DataView(new ArrayBuffer(4));
    if (typeof field === 'number') view.setUint32(0, field, little);
    else {
      view.setUint16(0, field[0], little);
      view.setUint16(2, field[1], little);
    }
    return [...new Uint8Array(view.buffer)];
  });
}

function block(order: Order, type: number, ...fields: readonly Field[]): number[] {
  const octets = body(order, fields);
  const length = octets.length + 12;
  return [...body(order, [type, length]), ...octets, ...body(order, [length])];
}

const section = (order: Order) => block(order, 0x0a0d0d0a, 0x1a2b3c4d, [1, 0], 0xffffffff, 0xffffffff);
const text = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
const read = (...blocks: readonly number[][]) => readPcapng(Uint8Array.from(blocks.flat()));

describe.each<Order>(['little', 'big'])('%s-endian', (order) => {
  const face = (...options: readonly Field[]) => block(order, 1, [101, 0], 96, ...options);
  const packet = (high: number, low: number, ...options: readonly Field[]) =>
    block(order, 6, 0, high, low, 3, 9, Uint8Array.of(1, 2, 3), ...options);

  test('an interface and a packet with all that we know of', () => {
    const capture = read(
      section(order),
      face([2, 4], text('tun0'), [9, 1], Uint8Array.of(6), [0, 0]),
      packet(0x60a24, 0x181e4000, [2, 4], 2, [1, 5], text('hello'), [1, 1], text('!'), [0, 0]),
    );
    expect(capture).toEqual({
      interfaces: [{ name: 'tun0', linkType: 101, snaplen: 96 }],
      packets: [
        {
          interfaceId: 0,
          timestampUs: 1_700_000_000_000_000,
          data: Uint8Array.of(1, 2, 3),
          originalLength: 9,
          direction: 'out',
          comments: ['hello', '!'],
        },
      ],
    });
  });

  test('options may be missing, unknown, or lack their end', () => {
    const capture = read(
      section(order),
      face(),
      packet(0, 1),
      packet(0, 2, [2, 4], 1),
      packet(0, 3, [77, 2], text('xx')),
    );
    expect(capture.interfaces[0].name).toBe('');
    expect(capture.packets.map((p) => [p.timestampUs, p.direction])).toEqual([
      [1, 'unknown'],
      [2, 'in'],
      [3, 'unknown'],
    ]);
  });

  test.each([
    ['milliseconds', 3, 5_000_000],
    ['microseconds', 6, 5000],
    ['nanoseconds', 9, 5],
    ['2^-10 seconds', 0x8a, 4_882_812],
  ])('timestamps in %s', (_name, resolution, expected) => {
    const capture = read(section(order), face([9, 1], Uint8Array.of(resolution)), packet(0, 5000));
    expect(capture.packets[0].timestampUs).toBe(expected);
  });

  test('today in nanoseconds, and a time offset', () => {
    const [high, low] = [0x17979cfe, 0x362a0001];
    const nanoseconds = read(section(order), face([9, 1], Uint8Array.of(9)), packet(high, low));
    expect(nanoseconds.packets[0].timestampUs).toBe(1_700_000_000_000_000);
    const ten = order === 'little' ? [10, 0] : [0, 10];
    const offset = read(section(order), face([14, 8], ...ten), packet(0, 7));
    expect(offset.packets[0].timestampUs).toBe(10_000_007);
  });

  test('unknown blocks are skipped, simple packets are read', () => {
    const capture = read(section(order), block(order, 0xbad, 1, 2), face(), block(order, 3, 2, text('hi')));
    expect(capture.packets).toMatchObject([
      { interfaceId: 0, data: text('hi'), originalLength: 2, timestampUs: 0 },
    ]);
  });

  test.each<[string, number[], string]>([
    ['no block', [1, 2, 3], '3 octets are no block at byte 28'],
    ['a length of 0', body(order, [5, 0, 0, 0]), 'block length 0 at byte 28'],
    ['a length of 8', body(order, [5, 8, 8]), 'block length 8 at byte 28'],
    ['a crooked length', body(order, [5, 13, 0, 13]), 'block length 13 at byte 28'],
    ['a length beyond the file', body(order, [5, 0xfffffffc, 0]), 'but only 12 left, at byte 28'],
    ['two lengths', body(order, [5, 12, 16]), 'block lengths 12 and 16 at byte 28'],
    ['a short interface', block(order, 1, 7), 'block body of 4 octets, not 8 or more, at byte 36'],
    ['a short packet', block(order, 6, 7), 'block body of 4 octets, not 20 or more, at byte 36'],
    ['an interface nobody described', packet(0, 0), 'interface 0 is not described at byte 36'],
    ['a simple packet of none', block(order, 3, 0), 'interface 0 is not described at byte 36'],
    [
      'an overlong packet',
      [...face(), ...block(order, 6, 0, 0, 0, 5, 5, 0)],
      'packet of 5 octets at byte 68',
    ],
    [
      'a huge packet',
      [...face(), ...block(order, 6, 0, 0, 0, 0xffffffff, 5)],
      'packet of 4294967295 octets at byte 68',
    ],
    ['an overlong simple packet', [...face(), ...block(order, 3, 9, 0)], 'packet of 9 octets at byte 56'],
    ['an overlong option', [...face(), ...packet(0, 0, [1, 9], 0)], 'option of 9 octets at byte 80'],
    ['an impossible clock', face([9, 1], Uint8Array.of(99)), 'timestamp resolution 99 at byte 48'],
  ])('%s', (_name, rest, message) => {
    expect(() => read(section(order), rest)).toThrow(message);
  });
});

test('a second section counts its interfaces anew, in its own byte order', () => {
  const packet = (order: Order) => block(order, 6, 0, 0, 1, 0, 0);
  const face = (order: Order, linkType: number) => block(order, 1, [linkType, 0], 0);
  const capture = read(
    section('little'),
    face('little', 101),
    packet('little'),
    section('big'),
    face('big', 1),
    packet('big'),
  );
  expect(capture.interfaces.map((i) => i.linkType)).toEqual([101, 1]);
  expect(capture.packets.map((p) => p.interfaceId)).toEqual([0, 1]);
});

test('what is no pcapng at all', () => {
  expect(() => read([])).toThrow('pcapng: no section header at byte 0');
  expect(() => read([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0])).toThrow('pcapng: no section header at byte 0');
  expect(() => read(block('big', 0x0a0d0d0a, 7))).toThrow('pcapng: no byte-order magic at byte 8');
  expect(() => read(block('big', 0x0a0d0d0a, 0x1a2b3c4d))).toThrow('not 16 or more, at byte 8');
  expect(() => read(block('big', 0x0a0d0d0a, 0x1a2b3c4d, [2, 0], 0, 0))).toThrow('version 2 at byte 12');
});

const good = Uint8Array.from(
  [
    section('little'),
    block('little', 1, [101, 0], 0, [2, 4], text('tun0'), [0, 0]),
    block('little', 6, 0, 0, 1, 3, 3, text('abc'), [1, 2], text('hi'), [0, 0]),
  ].flat(),
);

property.prop([
  fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 3 }),
  fc.nat(),
])('a mutated or cut file is read, or refused in one line that names the place', (mutations, cut) => {
  let bytes = good.slice(0, cut % 2 === 0 ? good.length : cut % (good.length + 1));
  for (const [at, value] of mutations) if (at < bytes.length) bytes = bytes.with(at, value);
  try {
    readPcapng(bytes);
  } catch (error) {
    expect(String(error)).toMatch(/^Error: pcapng: .+ at byte \d+$/);
  }
});

property.prop([fc.uint8Array({ maxLength: 64 })])('so are any octets', (bytes) => {
  expect(() => readPcapng(bytes)).toThrow('at byte');
});
