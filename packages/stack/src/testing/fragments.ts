// Fragments for tests, cut by another hand than the stack's: RFC 791 3.2, with the rule for options.

import { setIpv4Checksum } from '../wire/ipv4.ts';

const DF = 0x40;
const MF = 0x20;

/** The options of a header that go into every fragment: those whose type has the highest bit, padded with zeros. */
export function copiedOptions(options: Uint8Array): number[] {
  const kept: number[] = [];
  for (let at = 0; at < options.length && options[at] !== 0; ) {
    const size = options[at] === 1 ? 1 : options[at + 1];
    if (!(size > 0)) break;
    if (options[at] >= 128) kept.push(...options.subarray(at, at + size));
    at += size;
  }
  while (kept.length % 4 !== 0) kept.push(0);
  return kept;
}

/** Cuts a datagram at these octets of its data, multiples of 8 in rising order. */
export function cutAt(frame: Uint8Array, places: readonly number[]): Uint8Array[] {
  const header = (frame[0] & 15) * 4;
  const data = frame.subarray(header);
  const later = copiedOptions(frame.subarray(20, header));
  const starts = [0, ...places];
  return starts.map((start, i) => {
    const last = i === starts.length - 1;
    const part = data.subarray(start, last ? data.length : starts[i + 1]);
    const options = i === 0 ? [...frame.subarray(20, header)] : later;
    const fragment = Uint8Array.of(...frame.subarray(0, 20), ...options, ...part);
    fragment[0] = 0x40 | (5 + options.length / 4);
    fragment[2] = fragment.length >> 8;
    fragment[3] = fragment.length & 255;
    fragment[6] = (frame[6] & ~DF & 0xc0) | (last ? 0 : MF) | (start >> 11);
    fragment[7] = (start >> 3) & 255;
    setIpv4Checksum(fragment, 0);
    return fragment;
  });
}

/** Cuts a datagram into as few fragments as the MTU allows. */
export function cutTo(frame: Uint8Array, mtu: number): Uint8Array[] {
  const header = (frame[0] & 15) * 4;
  if (frame.length <= mtu) return [frame];
  const places: number[] = [];
  const length = frame.length - header;
  // The first header is the longest: what fits behind it fits behind all.
  const step = Math.floor((mtu - header) / 8) * 8;
  for (let place = step; place < length; place += step) places.push(place);
  return cutAt(frame, places);
}
