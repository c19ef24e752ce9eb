// Errors of the API: Node's codes, the call, the address, and a hint what to do.

import { ERRNO_NAMES } from '../contract/errno.ts';

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another socket of this stack has this port; close it or choose another',
  EADDRNOTAVAIL: 'bind to an address of this stack (see stack.addresses()) or to 0.0.0.0',
  EAGAIN: 'the send queue is full; wait for the writable event',
  EBADF: 'the socket is closed',
  ECONNREFUSED: 'nothing listens on that port of the peer',
  EDESTADDRREQ: 'name a destination, or connect the socket first',
  EHOSTUNREACH: 'a router reports that the host is unknown, or that a filter forbids the way',
  EINVAL: 'see the documentation of the call',
  EISCONN: 'the socket is connected; send without a destination, or disconnect it first',
  EMFILE: 'raise the limit in the options of the stack',
  EMSGSIZE: 'the datagram is larger than the path takes; send less at once',
  ENETUNREACH: 'no route leads there; add one with stack.addRoute',
  ENODEV: 'no interface has that address, and no route leads to the group; name an interface by its address',
  ENOBUFS: 'the packet pool is exhausted; raise options.pool, or receive what waits',
  ENOPROTOOPT: 'the peer has no such protocol',
  ENOTCONN: 'connect the socket first',
  EPROTO: 'the peer or a router reports a header that it cannot read',
  EACCES: 'that is a broadcast address; call setBroadcast(true) first',
  ECONNABORTED: 'the stack was closed with this connection open',
  ECONNRESET: 'the peer aborted the connection; what it had not read is lost',
  EPIPE: 'this side has closed its sending; open another connection',
  ETIMEDOUT: 'the peer does not answer; see whether it is up, and whether a route leads there and back',
};

/** What every call of a socket throws. `code` is Node's name, `errno` Linux's number, negative. */
export class SocketError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly hint: string;
  readonly address: string | undefined;
  readonly port: number | undefined;

  constructor(errno: number, syscall: string, address?: string, port?: number) {
    const code = ERRNO_NAMES[errno] ?? `E${-errno}`;
    const where = address === undefined ? '' : ` ${address}${port === undefined ? '' : `:${port}`}`;
    super(`${syscall} ${code}${where}: ${HINTS[code] ?? 'see the documentation of the call'}`);
    this.name = 'SocketError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.hint = HINTS[code] ?? '';
    this.address = address;
    this.port = port;
  }
}

/** Throws ERR_INVALID_ARG_VALUE, as Node does for arguments that cannot be. */
export function invalidArgument(name: string, value: unknown, what: string): never {
  const error = new RangeError(`The argument '${name}' must be ${what}. Received ${String(value)}`);
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}
