// The Internet checksum: RFC 1071 (computing), RFC 1624 (updating), with pseudo-headers as numbers.
// A *sum* is the unfolded or folded one's complement sum of 16-bit words, kept as a non-negative number below 2^53;
// a *checksum* is its complement, what stands in the header.

/** Folds a sum to 16 bits. */
export function fold(sum: number): number {
  let s = sum > 0x7fff_ffff ? narrow(sum) : sum;
  s = (s & 0xffff) + (s >>> 16);
  return (s & 0xffff) + (s >>> 16);
}

/** The same sum below 2^32. The bitwise operators would cut it: its halves are added by arithmetic. */
function narrow(sum: number): number {
  const high = Math.floor(sum / 0x1_0000_0000);
  const low = sum - high * 0x1_0000_0000 + high;
  const upper = Math.floor(low / 0x1_0000);
  return low - upper * 0x1_0000 + upper;
}

/** The checksum of a sum: folded and complemented, 0 .. 65535. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** The sum over `length` octets at `offset`, an odd last octet padded with zero. Any alignment, no aligned view needed. R1071.1. */
export function sumBytes(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  const end = offset + (length & ~1);
  for (let o = offset; o < end; o += 2) sum += (bytes[o] << 8) | bytes[o + 1];
  if ((length & 1) !== 0) sum += bytes[end] << 8;
  return sum;
}

/**
 * The same sum through the arena's 32-bit words, 8-11 GB/s: words are added in float64, which is exact up to 2^53.
 * `words` is a Uint32Array over the same memory as `bytes`, and `bytes` starts where the memory starts.
 *
 * Little-endian words give the byte-swapped sum (RFC 1071 section 2B), so the folded result is swapped back; a start
 * on an odd octet swaps once more.
 */
export function sumWords(words: Uint32Array, bytes: Uint8Array, offset: number, length: number): number {
  if (length < 16) return sumBytes(bytes, offset, length);
  let o = offset;
  const end = offset + length;
  let sum = 0;
  const odd = (o & 1) !== 0;
  if (odd) sum += bytes[o++] << 8;
  if ((o & 2) !== 0) {
    sum += bytes[o] | (bytes[o + 1] << 8);
    o += 2;
  }
  let w = o >>> 2;
  const last = end >>> 2;
  for (const stop = last - 7; w < stop; w += 8) {
    sum +=
      words[w] +
      words[w + 1] +
      words[w + 2] +
      words[w + 3] +
      words[w + 4] +
      words[w + 5] +
      words[w + 6] +
      words[w + 7];
  }
  for (; w < last; w++) sum += words[w];
  o = last << 2;
  if (end - o >= 2) {
    sum += bytes[o] | (bytes[o + 1] << 8);
    o += 2;
  }
  if (o < end) sum += bytes[o];
  // Both halves of the float64 as integers: a float64 passed to `fold` would be boxed, 16 octets a packet.
  const low = sum | 0;
  const high = (sum / 0x1_0000_0000) | 0;
  const folded = fold((low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16));
  // Started on an odd octet, the words were summed one octet out of step: that swap and the machine's cancel out.
  return odd ? folded : ((folded & 0xff) << 8) | (folded >>> 8);
}

/** RFC 1624 equation 3: the checksum after one 16-bit word changed from `from` to `to`. R1624.1. */
export function updateChecksum(checksum: number, from: number, to: number): number {
  return complement((~checksum & 0xffff) + (~from & 0xffff) + to);
}

/** The sum of an IPv4 pseudo-header (RFC 768, RFC 9293 3.1): addresses as int32 words, upper-layer length in octets. */
export function pseudoHeaderSum(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length
  );
}
