// The Internet checksum: octet pairs against 32-bit words summed in float64, at four lengths.

import { sumBytes, sumWords } from '@tunstack/stack/wire';
import { alternate, type Bench, type Effort, nsPerStep, type Row } from '../rows.ts';

const LENGTHS = [20, 64, 1500, 65_535];

/** Where the sums go, so that nothing is optimised away. */
let sink = 0;

function wordsPerNs(times: number, words: Uint32Array, bytes: Uint8Array, length: number): number {
  const ns = nsPerStep(times, () => {
    for (let i = 0; i < times; i++) sink += sumWords(words, bytes, 0, length);
  });
  return length / ns;
}

function octetsPerNs(times: number, bytes: Uint8Array, length: number): number {
  const ns = nsPerStep(times, () => {
    for (let i = 0; i < times; i++) sink += sumBytes(bytes, 0, length);
  });
  return length / ns;
}

export const checksum: Bench = {
  name: 'checksum',
  run({ quick, runs }: Effort): Promise<Row[]> {
    const octets = quick ? 4_000_000 : 200_000_000;
    const bytes = new Uint8Array(65_536);
    for (let i = 0; i < bytes.length; i++) bytes[i] = i * 31;
    const words = new Uint32Array(bytes.buffer);
    const rows = LENGTHS.map((length) => {
      const times = Math.ceil(octets / (length + 64));
      const ours = (): number => wordsPerNs(times, words, bytes, length);
      return alternate(`checksum words / octets, ${length}`, 'GB/s', runs, ours, () =>
        octetsPerNs(times, bytes, length),
      );
    });
    if (sink < 0) console.error('unlikely');
    return Promise.resolve(rows);
  },
};
