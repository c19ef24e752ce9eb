// Errors of node:net that are the stream's, not the stack's.

import { nextTick } from 'node:process';
import { Duplex } from 'node:stream';
import type { WriteDone } from './tcp-write.ts';

/** An error with a code of Node's. */
export function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** What `write` is after the peer's end: net's clearer word for a write after our own, which that caused. */
export function writeAfterEnd(
  this: Duplex,
  chunk: unknown,
  encoding?: BufferEncoding | WriteDone,
  callback?: WriteDone,
): boolean {
  const done = typeof encoding === 'function' ? encoding : callback;
  if (!this.writableEnded) {
    return Duplex.prototype.write.call(this, chunk, typeof encoding === 'string' ? encoding : 'utf8', done);
  }
  const error = withCode('This socket has been ended by the other party', 'EPIPE');
  if (done !== undefined) nextTick(done, error);
  this.destroy(error);
  return false;
}
