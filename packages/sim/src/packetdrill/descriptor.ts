// What a script's file descriptors stand for, and how their calls read arguments.

import { O_NONBLOCK, POLLNVAL, SOL_TCP, TCP_CM_INQ } from './constants.ts';
import { isFields } from './evaluate.ts';
import { ANY, type Call, type Outcome, type Running, Unsupported, type Value } from './target.ts';

/** An address as sockets take it. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** Something open. Calls that it does not know answer ENOTSOCK or EINVAL, as a kernel does. */
export interface Descriptor {
  readonly kind: 'tcp' | 'udp' | 'epoll';
  nonblocking: boolean;
  /** Goes up whenever something happens to it: what edge-triggered epoll counts. */
  activity: number;
  /** poll(2)'s mask as it is now. */
  mask(): number;
  close(patience: Patience): Running;
}

/** Answers whether so many milliseconds are over from now on; negative: they never are. */
export type Patience = (ms: number) => () => boolean;

/** The open descriptors of one script. */
export class Descriptors {
  private readonly open: Map<number, Descriptor> = new Map();

  get(fd: number): Descriptor | undefined {
    return this.open.get(fd);
  }

  /** Gives it the number that the script expects, or the lowest that is free. */
  add(descriptor: Descriptor, expected: number | undefined): number {
    let fd = expected !== undefined && expected > 2 ? expected : 3;
    while (this.open.has(fd)) fd++;
    this.open.set(fd, descriptor);
    return fd;
  }

  remove(fd: number): void {
    this.open.delete(fd);
  }

  /** The mask of a descriptor, or POLLNVAL. */
  mask(fd: number): number {
    return this.open.get(fd)?.mask() ?? POLLNVAL;
  }

  all(): Descriptor[] {
    return [...this.open.values()];
  }
}

/** An outcome that is there at once. */
export function at(outcome: Outcome): Running {
  return { poll: () => outcome };
}

/** A whole number among the arguments. `fallback` for `...`. */
export function numberAt(call: Call, index: number, fallback?: number): number {
  const value = call.args[index];
  if (typeof value === 'number') return value;
  if ((value === ANY || value === undefined) && fallback !== undefined) return fallback;
  throw new Unsupported(`argument ${index + 1} of ${call.name}`);
}

/** A sockaddr_in among the arguments: `...` is `fallback`; undefined for NULL; 'EAFNOSUPPORT' for another family. */
export function addressAt(
  call: Call,
  index: number,
  fallback: Address,
): Address | 'EAFNOSUPPORT' | 'AF_UNSPEC' | undefined {
  const value = call.args[index];
  if (value === ANY) return fallback;
  if (value === null || value === undefined) return undefined;
  return addressOf(value, `argument ${index + 1} of ${call.name}`, fallback);
}

/** The same of a value. */
export function addressOf(
  value: Value,
  what: string,
  fallback: Address,
): Address | 'EAFNOSUPPORT' | 'AF_UNSPEC' {
  if (!isFields(value)) throw new Unsupported(what);
  if (value.sa_family === 10) throw new Unsupported('IPv6');
  if (value.sa_family === 0) return 'AF_UNSPEC';
  if (value.sa_family !== 2) return 'EAFNOSUPPORT';
  const { sin_port: port = 0, sin_addr: address = ANY } = value;
  return {
    port: typeof port === 'number' ? port : fallback.port,
    address: addressText(address, fallback.address),
  };
}

function addressText(value: Value, fallback: string): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return fallback;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** A sockaddr_in as getsockname answers it. */
export function sockaddr({ address, port }: Address): Value {
  return { sa_family: 2, sin_port: port, sin_addr: address };
}

/** fcntl's and socket()'s view of the flags. */
export function fileFlags(descriptor: Descriptor): number {
  return 2 | (descriptor.nonblocking ? O_NONBLOCK : 0);
}

/** More than any buffer holds. */
const WRITE_MOST = 64 << 20;

/** Octets of what a script says it writes: a string's own, else as many zeros as it says. */
export function payload(value: Value | undefined, length: number): Uint8Array {
  if (length > WRITE_MOST) throw new Unsupported(`${length} octets in one call`);
  const octets = new Uint8Array(length);
  if (typeof value === 'string')
    for (let i = 0; i < Math.min(length, value.length); i++) octets[i] = value.charCodeAt(i);
  return octets;
}

/** Octets as a script's string. */
export function textOf(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** TCP_CM_INQ of a read: octets that are left; 1 when there are none, and the peer has closed (Linux tcp_inq_hint). */
export function inqMessage(unread: number, ended: boolean): Value {
  return { cmsg_level: SOL_TCP, cmsg_type: TCP_CM_INQ, cmsg_data: unread === 0 && ended ? 1 : unread };
}
