// iperf3 on the wire: cookie, states, datagram header. The protocol has no standard; this is what version 3.12 of the program
// sends and takes (seen by strace on loopback).
//
//   control   cookie (37) >  < PARAM_EXCHANGE   length (4) JSON >   < CREATE_STREAMS   [streams, each: cookie >]
//             < TEST_START < TEST_RUNNING   ...   TEST_END >   < EXCHANGE_RESULTS   length JSON >   < length JSON
//             < DISPLAY_RESULTS   IPERF_DONE >
//   datagram  seconds (4) | microseconds (4) | count (4, or 8 with udp_counters_64bit), from 1 | payload

import { randomBytes } from 'node:crypto';
import { rd32, wr32 } from '@tunstack/stack/wire';

export const DEFAULT_PORT = 5201;

export const TEST_START = 1;
export const TEST_RUNNING = 2;
export const TEST_END = 4;
export const PARAM_EXCHANGE = 9;
export const CREATE_STREAMS = 10;
export const SERVER_TERMINATE = 11;
export const CLIENT_TERMINATE = 12;
export const EXCHANGE_RESULTS = 13;
export const DISPLAY_RESULTS = 14;
export const IPERF_DONE = 16;
/** One octet each, two's complement. */
export const ACCESS_DENIED = -1;
export const SERVER_ERROR = -2;

/** What follows SERVER_ERROR: two words, iperf3's number and errno. These numbers are ours to say, or to explain. */
export const ERROR_PARAMETERS = 114;
const ERRORS: ReadonlyMap<number, string> = new Map([
  [ERROR_PARAMETERS, 'unable to receive parameters from client'],
  [109, 'control socket has closed unexpectedly'],
  [131, 'invalid protocol specified'],
  [200, 'unable to create a new stream'],
  [202, 'unable to start stream listener'],
]);

/** The words for an error number of a server. */
export function errorText(number: number): string {
  return ERRORS.get(number) ?? `error ${number} of iperf3`;
}

/** 36 characters and a NUL: both kinds of connection begin with it. */
export const COOKIE_LENGTH = 37;
const COOKIE_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

export function makeCookie(): string {
  return Array.from(randomBytes(COOKIE_LENGTH - 1), (octet) => COOKIE_LETTERS[octet & 31]).join('');
}

export function cookieOctets(cookie: string): Uint8Array {
  const octets = new Uint8Array(COOKIE_LENGTH);
  new TextEncoder().encodeInto(cookie, octets);
  return octets;
}

/** The text of a cookie, or undefined: these octets are none. */
export function readCookie(octets: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(octets);
  return /^[!-~]{36}\0$/.test(text) ? text.slice(0, -1) : undefined;
}

/** A datagram stream is asked for by these four octets, and granted by those; older programs count up and down. */
export const UDP_HELLO: Uint8Array = new TextEncoder().encode('9876');
export const UDP_REPLY: Uint8Array = new TextEncoder().encode('6789');
const OLD_HELLO = 123_456_789;
const OLD_REPLY = 987_654_321;
export const UDP_HELLO_LENGTH = 4;

export function isHello(bytes: Uint8Array, offset: number): boolean {
  return isWord(bytes, offset, UDP_HELLO, OLD_HELLO);
}

export function isReply(bytes: Uint8Array, offset: number): boolean {
  return isWord(bytes, offset, UDP_REPLY, OLD_REPLY);
}

/** The old words were sent as the machine has them: either order. */
function isWord(bytes: Uint8Array, offset: number, octets: Uint8Array, old: number): boolean {
  const word = rd32(bytes, offset);
  if (word === rd32(octets, 0) || word === old) return true;
  const swapped = new DataView(bytes.buffer, bytes.byteOffset).getInt32(offset, true);
  return swapped === old;
}

export const DATAGRAM_HEADER = 12;
export const DATAGRAM_HEADER_64 = 16;

/** Writes the header of datagram `count` at the front of the payload. */
export function writeDatagram(bytes: Uint8Array, nowMs: number, count: number, wide: boolean): void {
  const seconds = Math.floor(nowMs / 1000);
  wr32(bytes, 0, seconds | 0);
  wr32(bytes, 4, Math.floor((nowMs - seconds * 1000) * 1000));
  if (wide) {
    wr32(bytes, 8, Math.floor(count / 2 ** 32) | 0);
    wr32(bytes, 12, count | 0);
  } else wr32(bytes, 8, count | 0);
}

/** When it left by its sender's clock, milliseconds. */
export function datagramSentMs(bytes: Uint8Array, offset: number): number {
  return (rd32(bytes, offset) >>> 0) * 1000 + (rd32(bytes, offset + 4) >>> 0) / 1000;
}

export function datagramCount(bytes: Uint8Array, offset: number, wide: boolean): number {
  const first = rd32(bytes, offset + 8) >>> 0;
  return wide ? first * 2 ** 32 + (rd32(bytes, offset + 12) >>> 0) : first;
}
