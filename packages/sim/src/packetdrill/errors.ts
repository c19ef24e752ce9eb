// Errors that calls of a script answer by name: strings as packetdrill prints them, and how a SocketError becomes one.

import { SocketError } from '@tunstack/stack';
import type { Outcome } from './target.ts';

/** What strerror(3) says. */
const TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EAGAIN: 'Resource temporarily unavailable',
  EALREADY: 'Operation already in progress',
  EBADF: 'Bad file descriptor',
  ECONNABORTED: 'Software caused connection abort',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EDESTADDRREQ: 'Destination address required',
  EEXIST: 'File exists',
  EHOSTUNREACH: 'No route to host',
  EINPROGRESS: 'Operation now in progress',
  EINVAL: 'Invalid argument',
  EISCONN: 'Transport endpoint is already connected',
  EMSGSIZE: 'Message too long',
  ENETUNREACH: 'Network is unreachable',
  ENOBUFS: 'No buffer space available',
  ENOENT: 'No such file or directory',
  ENOPROTOOPT: 'Protocol not available',
  ENOTCONN: 'Transport endpoint is not connected',
  ENOTSOCK: 'Socket operation on non-socket',
  EOPNOTSUPP: 'Operation not supported',
  EPIPE: 'Broken pipe',
  EPROTONOSUPPORT: 'Protocol not supported',
  ETIMEDOUT: 'Connection timed out',
};

/** `ECONNRESET` with what it means. */
export function errnoText(name: string): string {
  return `${name} (${TEXTS[name] ?? 'no text'})`;
}

/** -1 with this errno. */
export function failed(errno: string): Outcome {
  return { result: -1, errno };
}

/** A call's success. */
export function done(result = 0): Outcome {
  return { result };
}

/** Runs a verb of the stack; what it throws becomes the errno of the call. */
export function attempt(verb: () => Outcome): Outcome {
  try {
    return verb();
  } catch (error) {
    if (error instanceof SocketError) return failed(error.code);
    if (error instanceof RangeError) return failed('EINVAL');
    throw error;
  }
}
