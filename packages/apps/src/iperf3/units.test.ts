// Numbers as iperf3 3.12 printed them, and as it takes them.

import { expect, test } from 'vitest';
import { formatBytes, formatRate, parseUnits } from './units.ts';

test.each([
  [0, '0.00 Bytes'],
  [1000, '1000 Bytes'],
  [2000, '1.95 KBytes'],
  [125_000, ' 122 KBytes'],
  [262_144, ' 256 KBytes'],
  [1_114_112, '1.06 MBytes'],
  [1023 * 1024, '1023 KBytes'],
  [2 ** 40, '1.00 TBytes'],
])('%i octets: %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, undefined, '0.00 bits/sec'],
  [999_995, undefined, '1000 Kbits/sec'],
  [1_011_111, undefined, '1.01 Mbits/sec'],
  [4.496e9, undefined, '4.50 Gbits/sec'],
  [713e6, undefined, ' 713 Mbits/sec'],
  [713e6, 'k', '713000 Kbits/sec'],
  [713e6, 'g', '0.71 Gbits/sec'],
  [8 * 85 * 1024 * 1024, 'M', '85.0 MBytes/sec'],
])('%d bit/s, format %s: %s', (rate, format, text) => {
  expect(formatRate(rate, format)).toBe(text);
});

test.each([
  ['64K', 1024, 65_536],
  ['64k', 1000, 64_000],
  ['1.5M', 1000, 1_500_000],
  ['.5G', 1024, 2 ** 29],
  ['0', 1000, 0],
  ['', 1000, undefined],
  ['K', 1024, undefined],
  ['-1', 1024, undefined],
  ['1e3', 1000, undefined],
  ['12x', 1000, undefined],
] as const)('%s by %i is %s', (text, step, value) => {
  expect(parseUnits(text, step)).toBe(value);
});
