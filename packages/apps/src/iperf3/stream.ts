// A stream of the test: sends blocks while it may, or counts what comes.

import { randomFillSync } from 'node:crypto';
import type { Parameters } from './parameters.ts';
import type { StreamRecord, TcpSample } from './stream-record.ts';

export interface Stream {
  readonly record: StreamRecord;
  /** From now on what comes is counted, and what leaves is asked of the load. */
  start(load: Load): void;
  /** Sends one block. False: no room now; the load is asked again when there is. */
  sendBlock(): boolean;
  /** Octets that were sent and have not arrived yet, as far as that can be known. */
  readonly pendingBytes: number;
  /** Sends no more. */
  stop(): void;
  /** What TCP says of it now, if it is a sender's. */
  sample(): TcpSample | undefined;
  close(): void;
}

/** Who decides whether a stream may send. */
export interface Load {
  /** There is room in this stream. */
  room(stream: Stream): void;
  /** There is room in a socket that several streams share. */
  roomForAll(): void;
  /** Something came. */
  arrived(): void;
}

/** The octets of a block: random, so that nothing on the way compresses them, or `0123456789` again and again. */
export function payload({ blockBytes, repeatingPayload }: Parameters): Uint8Array {
  const octets = new Uint8Array(blockBytes);
  if (repeatingPayload) for (let i = 0; i < blockBytes; i++) octets[i] = 0x30 + (i % 10);
  else randomFillSync(octets);
  return octets;
}
