// Record Route and Timestamp, filled in where a datagram goes on: RFC 791 3.1, RFC 1812 4.2.2.2, 5.3.13.4, 5.3.13.5.
//
//   | 7 | length | pointer | address | address ...
//   | 68 | length | pointer | overflow:4 flag:4 | time | time ...                    flag 0
//                                               | address | time | address | time ...   1: ours, 3: asked of whom it names
//
// The pointer counts from 1, at the option's type, and is beyond the length when there is no room.

import { ROUTE_LOCAL, type RouteTable } from '../ip/route-table.ts';
import { rd32, wr32 } from '../wire/bytes.ts';
import { IPOPT_END, IPOPT_NOP, IPOPT_RECORD_ROUTE, IPOPT_TIMESTAMP } from '../wire/ipv4-options.ts';

const NONE = -1;
const ADDRESS = 4;
const TIME = 4;
const TIME_ONLY = 0;
const TIME_AND_ADDRESS = 1;
const TIME_ASKED = 3;
const OVERFLOW_MAX = 15;

/**
 * Of options that can be walked over, `length` octets at `o`: how far from `o` the octet is that makes a record impossible
 * (RFC 791: some room, but not enough; an overflow that overflows), for a parameter problem; -1: there is none.
 */
export function recordFault(b: Uint8Array, o: number, length: number): number {
  const end = o + length;
  for (let at = nextRecord(b, o, end); at !== NONE; at = nextRecord(b, at + b[at + 1], end)) {
    const wrong = b[at] === IPOPT_RECORD_ROUTE ? routeFault(b, at) : timeFault(b, at);
    if (wrong !== NONE) return at + wrong - o;
  }
  return NONE;
}

/**
 * Writes our address and the time into options without a fault. `address`: ours on the link it leaves by (RFC 1812
 * 4.2.2.2), 0 when we have none to tell; `time`: 32 bits as the option has them. True: the header's checksum is to be
 * written anew.
 */
export function record(
  b: Uint8Array,
  o: number,
  length: number,
  address: number,
  time: number,
  routes: RouteTable,
): boolean {
  const end = o + length;
  let changed = false;
  for (let at = nextRecord(b, o, end); at !== NONE; at = nextRecord(b, at + b[at + 1], end)) {
    const wrote =
      b[at] === IPOPT_RECORD_ROUTE ? writeRoute(b, at, address) : writeTime(b, at, address, time, routes);
    if (wrote) changed = true;
  }
  return changed;
}

/** The next option of the two from `from` on, or NONE. */
function nextRecord(b: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && b[at] !== IPOPT_END) {
    if (b[at] === IPOPT_RECORD_ROUTE || b[at] === IPOPT_TIMESTAMP) return at;
    at += b[at] === IPOPT_NOP ? 1 : b[at + 1];
  }
  return NONE;
}

/** Octets from the pointer to the option's end: 0 or less when it is full. */
function roomIn(b: Uint8Array, at: number): number {
  return b[at + 1] - b[at + 2] + 1;
}

function routeFault(b: Uint8Array, at: number): number {
  if (b[at + 1] < 3) return 1;
  if (b[at + 2] < 4) return 2;
  const room = roomIn(b, at);
  return room > 0 && room < ADDRESS ? 2 : NONE;
}

function timeFault(b: Uint8Array, at: number): number {
  if (b[at + 1] < 4) return 1;
  if (b[at + 2] < 5) return 2;
  const room = roomIn(b, at);
  if (room <= 0) return b[at + 3] >> 4 === OVERFLOW_MAX ? 3 : NONE;
  return room < needed(b[at + 3] & 15) ? 2 : NONE;
}

/** Octets of one entry; of a flag that nobody knows nothing is written. */
function needed(flag: number): number {
  if (flag === TIME_ONLY) return TIME;
  return flag === TIME_AND_ADDRESS || flag === TIME_ASKED ? ADDRESS + TIME : 0;
}

function writeRoute(b: Uint8Array, at: number, address: number): boolean {
  if (address === 0 || roomIn(b, at) <= 0) return false;
  wr32(b, at + b[at + 2] - 1, address);
  b[at + 2] += ADDRESS;
  return true;
}

function writeTime(b: Uint8Array, at: number, address: number, time: number, routes: RouteTable): boolean {
  if (roomIn(b, at) <= 0) {
    b[at + 3] += 1 << 4;
    return true;
  }
  const flag = b[at + 3] & 15;
  const entry = at + b[at + 2] - 1;
  if (needed(flag) === 0) return false;
  // RFC 1812 5.3.13.5: any address of ours will do, on whatever link.
  if (flag === TIME_ASKED && routes.lookup(rd32(b, entry))?.type !== ROUTE_LOCAL) return false;
  if (flag === TIME_AND_ADDRESS) {
    if (address === 0) return false;
    wr32(b, entry, address);
  }
  wr32(b, entry + needed(flag) - TIME, time);
  b[at + 2] += needed(flag);
  return true;
}
