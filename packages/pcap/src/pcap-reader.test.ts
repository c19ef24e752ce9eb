import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { readPcap } from './index.ts';

type Order = 'little' | 'big';

function words(order: Order, ...values: readonly number[]): number[] {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, order === 'little');
  return [...new Uint8Array(view.buffer)];
}

/** Version 2.4 is one word here, which no reader looks at. */
const header = (order: Order, magic: number) => words(order, magic, 0, 0, 0, 65_535, 101);

describe.each<Order>(['little', 'big'])('%s-endian', (order) => {
  test.each([
    ['microseconds', 0xa1b2c3d4, 123_456],
    ['nanoseconds', 0xa1b23c4d, 123_456_789],
  ])('%s', (_name, magic, fraction) => {
    const record = [...words(order, 1_700_000_000, fraction, 3, 90), 1, 2, 3];
    const later = [...words(order, 0xffffffff, 0, 0, 0)];
    const capture = readPcap(Uint8Array.from([...header(order, magic), ...record, ...later]));
    expect(capture).toEqual({
      interfaces: [{ name: '', linkType: 101, snaplen: 65_535 }],
      packets: [
        {
          interfaceId: 0,
          timestampUs: 1_700_000_000_123_456,
          data: Uint8Array.of(1, 2, 3),
          originalLength: 90,
          direction: 'unknown',
          comments: [],
        },
        expect.objectContaining({ timestampUs: 4_294_967_295_000_000, data: new Uint8Array(0) }),
      ],
    });
  });

  test.each<[string, number[], string]>([
    ['half a packet header', [1, 2, 3], 'pcap: 3 octets are no packet header at byte 24'],
    ['a packet beyond the file', words(order, 0, 0, 1, 1), 'pcap: packet of 1 octets at byte 32'],
    ['a huge packet', words(order, 0, 0, 0xffffffff, 1), 'pcap: packet of 4294967295 octets at byte 32'],
  ])('%s', (_name, rest, message) => {
    expect(() => readPcap(Uint8Array.from([...header(order, 0xa1b2c3d4), ...rest]))).toThrow(message);
  });
});

test('what is no pcap at all', () => {
  expect(() => readPcap(new Uint8Array(0))).toThrow('pcap: 0 octets are no file header at byte 0');
  expect(() => readPcap(new Uint8Array(24))).toThrow('pcap: no magic number at byte 0');
});

property.prop([fc.uint8Array({ maxLength: 80 })])(
  'any records are read, or refused in one line',
  (octets) => {
    try {
      readPcap(Uint8Array.from([...header('little', 0xa1b2c3d4), ...octets]));
    } catch (error) {
      expect(String(error)).toMatch(/^Error: pcap: .+ at byte \d+$/);
    }
  },
);
