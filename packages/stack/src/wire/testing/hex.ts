// Octets written as a hex dump.

/** `hex('4500 0054')`: pairs of digits, blanks and line ends between them. */
export function hex(text: string): Uint8Array {
  const pairs = text.match(/[0-9a-f]{2}/gi) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
