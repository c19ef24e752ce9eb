// IPv4 options, RFC 791 section 3.1: a walk that ends whatever the octets say.

export const IPOPT_END = 0;
export const IPOPT_NOP = 1;
export const IPOPT_RECORD_ROUTE = 7;
export const IPOPT_TIMESTAMP = 68;
export const IPOPT_LOOSE_SOURCE_ROUTE = 131;
export const IPOPT_STRICT_SOURCE_ROUTE = 137;

/** The bit of an option's type that says: into every fragment (RFC 791 3.1). */
const COPIED = 0x80;

export const OPTIONS_OK = 0;
/** A length below 2 or past the end of the header. */
export const OPTIONS_MALFORMED = 1;
/** Loose or strict source route: not followed (RFC 7126 4.3, 4.4; Linux accept_source_route 0). */
export const OPTIONS_SOURCE_ROUTE = 2;

/** Walks the options that lie in `length` octets at `o`, each at most once. R1122.13. */
export function checkIpv4Options(b: Uint8Array, o: number, length: number): number {
  const end = o + length;
  let at = o;
  while (at < end) {
    const kind = b[at];
    if (kind === IPOPT_END) return OPTIONS_OK;
    if (kind === IPOPT_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) return OPTIONS_MALFORMED;
    const size = b[at + 1];
    if (size < 2 || at + size > end) return OPTIONS_MALFORMED;
    if (kind === IPOPT_LOOSE_SOURCE_ROUTE || kind === IPOPT_STRICT_SOURCE_ROUTE) return OPTIONS_SOURCE_ROUTE;
    at += size;
  }
  return OPTIONS_OK;
}

/**
 * Of options that are OPTIONS_MALFORMED: how far from `o` the octet is that cannot be right, for a parameter problem (RFC
 * 792): a length, or the type of an option that has no room for one.
 */
export function ipv4OptionFault(b: Uint8Array, o: number, length: number): number {
  const end = o + length;
  let at = o;
  while (at < end && b[at] !== IPOPT_END) {
    if (b[at] === IPOPT_NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) break;
    const size = b[at + 1];
    if (size < 2 || at + size > end) return at + 1 - o;
    at += size;
  }
  return at - o;
}

/**
 * Copies those options of `length` octets at `o` that go into every fragment (RFC 791 3.1) to `into`, filled with ends to
 * whole words; answers how many octets these are. `into` has room for all 40.
 */
export function copyIpv4Options(b: Uint8Array, o: number, length: number, into: Uint8Array): number {
  const end = o + length;
  let at = o;
  let to = 0;
  while (at < end && b[at] !== IPOPT_END) {
    if (b[at] === IPOPT_NOP) {
      at++;
      continue;
    }
    const size = at + 1 < end ? b[at + 1] : 0;
    if (size < 2 || at + size > end) break;
    if ((b[at] & COPIED) !== 0) {
      for (let i = 0; i < size; i++) into[to + i] = b[at + i];
      to += size;
    }
    at += size;
  }
  while ((to & 3) !== 0) into[to++] = IPOPT_END;
  return to;
}
