// The units of tun-wire's flags: what they mean, and what is refused.

import { expect, test } from 'vitest';
import { parseBdp, parseChance, parsePackets, parseRate, parseSize, parseTime } from './wire-units.ts';

test.each([
  [parseChance, '1%', 0.01],
  [parseChance, '0.1%', 0.001],
  [parseChance, '0.25', 0.25],
  [parseChance, '0', 0],
  [parseChance, '100%', 1],
  [parseChance, '101%', undefined],
  [parseChance, '2', undefined],
  [parseChance, '-1%', undefined],
  [parseChance, '', undefined],
  [parseTime, '20ms', 20_000],
  [parseTime, '500us', 500],
  [parseTime, '1.5s', 1_500_000],
  [parseTime, '0', 0],
  [parseTime, '20', undefined],
  [parseTime, '61s', undefined],
  [parseTime, '20 ms', undefined],
  [parseRate, '50mbit', 50e6],
  [parseRate, '100kbit', 1e5],
  [parseRate, '1.5gbit', 1.5e9],
  [parseRate, '0', 0],
  [parseRate, '1bit', undefined],
  [parseRate, '50mb', undefined],
  [parseRate, '50', undefined],
  [parseSize, '100kb', 102_400],
  [parseSize, '1500b', 1500],
  [parseSize, '2mb', 2 << 20],
  [parseSize, '0', undefined],
  [parseSize, '2000mb', undefined],
  [parsePackets, '100p', 100],
  [parsePackets, '0p', undefined],
  [parsePackets, '1.5p', undefined],
  [parsePackets, '2000000p', undefined],
  [parsePackets, '100', undefined],
  [parseBdp, '2bdp', 2],
  [parseBdp, '0.5bdp', 0.5],
  [parseBdp, '0bdp', undefined],
  [parseBdp, 'bdp', undefined],
])('%o reads %s as %s', (parse, text, value) => {
  expect(parse(text)).toBe(value);
});
