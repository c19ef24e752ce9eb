// Text of the core as chunks for a stream: memory of the stream's own, for what the core shows is good for a moment only.

import { Buffer } from 'node:buffer';
import type { TcpSocket as CoreSocket } from '@tunstack/stack';

/** Runs shorter than this are gathered, for a stream pays by the chunk: a batch of segments is one chunk, not fifty. */
const GATHER_BELOW: number = 16 << 10;
const CHUNK_LENGTH_MAX: number = 64 << 10;

/** Takes the next octets, or undefined: there are none. A run that the core holds in memory of its own comes without a copy. */
export function nextChunk(core: CoreSocket): Buffer | undefined {
  const { unread } = core;
  const first = core.receive();
  if (first === undefined) return undefined;
  if (first.length >= GATHER_BELOW || first.length === unread) {
    const run = core.take();
    return run === undefined ? undefined : Buffer.from(run.buffer, run.byteOffset, run.length);
  }
  const chunk = Buffer.allocUnsafe(Math.min(unread, CHUNK_LENGTH_MAX));
  let filled = 0;
  for (let text = core.receive(); text !== undefined && filled < chunk.length; text = core.receive()) {
    const length = Math.min(text.length, chunk.length - filled);
    chunk.set(text.bytes.subarray(text.offset, text.offset + length), filled);
    core.consume(length);
    filled += length;
  }
  return filled === chunk.length ? chunk : chunk.subarray(0, filled);
}
