// IPv4 addresses (RFC 791) as int32 words, prefixes (RFC 4632), Ethernet addresses. Text only at the edge.

/** 0.0.0.0: no address, or any address. */
export const IP4_ANY = 0;
/** 255.255.255.255, limited broadcast (RFC 919). */
export const IP4_BROADCAST = -1;

/** Parses dotted decimal, four fields without leading zeros; undefined when it is not that. `parseIp4('10.9.0.2')`. */
export function parseIp4(text: string): number | undefined {
  const fields = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (fields === null) return undefined;
  let word = 0;
  for (let i = 1; i <= 4; i++) {
    const field = fields[i];
    if (field.length > 1 && field[0] === '0') return undefined;
    const octet = Number(field);
    if (octet > 255) return undefined;
    word = (word << 8) | octet;
  }
  return word;
}

/** Dotted decimal. `formatIp4(0x0a090002) === '10.9.0.2'`. */
export function formatIp4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** An address with the length of its network prefix, as `ip address add` takes it. */
export interface Prefix {
  readonly address: number;
  /** 0 .. 32 */
  readonly length: number;
}

/** Parses `address/length`; a missing length means /32; undefined when it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseIp4(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, length: 32 };
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  return /^\d{1,2}$/.test(digits) && length <= 32 ? { address, length } : undefined;
}

/** `address/length`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIp4(prefix.address)}/${prefix.length}`;
}

/** The mask of a prefix length, as int32: `prefixMask(24) === 0xffffff00 | 0`. R1122.7. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}

/** 127.0.0.0/8 (RFC 1122 3.2.1.3 g). */
export function isLoopback4(word: number): boolean {
  return word >>> 24 === 127;
}

/** 224.0.0.0/4 (RFC 5771). */
export function isMulticast4(word: number): boolean {
  return word >>> 28 === 14;
}

/** 169.254.0.0/16, of one link only (RFC 3927). */
export function isLinkLocal4(word: number): boolean {
  return word >>> 16 === 0xa9fe;
}

/** 0.0.0.0/8, "this network" (RFC 1122 3.2.1.3 a, b). */
export function isThisNetwork4(word: number): boolean {
  return word >>> 24 === 0;
}

/** 240.0.0.0/4 but limited broadcast: reserved (RFC 1112 section 4). */
export function isReserved4(word: number): boolean {
  return word >>> 28 === 15 && word !== IP4_BROADCAST;
}

/** True for what may stand as a source on a wire: RFC 1122 3.2.1.3, RFC 1812 5.3.7. */
export function isValidSource4(word: number): boolean {
  return !isThisNetwork4(word) && !isLoopback4(word) && word >>> 28 < 14;
}
