// What callers of a socket give: checked before anything happens, with the errors that Node throws.

import { invalidArgument } from './errors.ts';

/** Throws ERR_SOCKET_BAD_PORT. */
export function checkPort(port: number, least: number): void {
  if (!(Number.isInteger(port) && port >= least && port <= 65_535)) {
    throw Object.assign(new RangeError(`Port should be >= ${least} and < 65536. Received ${String(port)}`), {
      code: 'ERR_SOCKET_BAD_PORT',
    });
  }
}

/** Throws ERR_INVALID_ARG_VALUE unless [offset, offset + length) lies within the octets. */
export function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
  if (!inside || offset + length > bytes.length)
    invalidArgument('length', length, `within the ${bytes.length} octets given`);
}
