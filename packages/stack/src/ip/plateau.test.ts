// The plateau table of RFC 1191 section 7.

import { expect, test } from 'vitest';
import { plateauBelow } from './plateau.ts';

test('the next plateau is always below the length that was too large, down to 68', () => {
  const descent: number[] = [];
  for (let length = 65_536; length > 68; length = plateauBelow(length)) descent.push(plateauBelow(length));
  expect(descent).toEqual([65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68]);
  expect(plateauBelow(1500)).toBe(1492);
  expect(plateauBelow(1492)).toBe(1006);
  expect(plateauBelow(20)).toBe(68);
});
