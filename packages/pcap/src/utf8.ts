// UTF-8 (RFC 3629) without a host: option texts of pcapng.

/** The octets of a text; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const code = scalar(character.codePointAt(0) as number);
    if (code < 0x80) octets.push(code);
    else if (code < 0x800) octets.push(0xc0 | (code >> 6), tail(code));
    else if (code < 0x1_0000) octets.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
    else octets.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return Uint8Array.from(octets);
}

function scalar(code: number): number {
  return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}

/** The least code point that needs so many octets. */
const LEAST: readonly number[] = [0, 0, 0x80, 0x800, 0x1_0000];

/** The text of octets; what is no UTF-8 becomes U+FFFD, an octet at a time. */
export function decodeUtf8(octets: Uint8Array): string {
  let text = '';
  for (let at = 0; at < octets.length; ) {
    const first = octets[at];
    const length =
      first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    const code = length === 1 ? first : sequence(octets, at, length);
    text += String.fromCodePoint(code < 0 ? 0xfffd : code);
    at += code < 0 ? 1 : length;
  }
  return text;
}

/** The code point of the sequence at `at`, or -1. */
function sequence(octets: Uint8Array, at: number, length: number): number {
  if (length === 0 || at + length > octets.length) return -1;
  let code = octets[at] & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    if (octets[at + i] >>> 6 !== 2) return -1;
    code = (code << 6) | (octets[at + i] & 0x3f);
  }
  return code >= LEAST[length] && code <= 0x10_ffff && scalar(code) === code ? code : -1;
}
