// One write of a stream on its way into the core's send buffer: RFC 9293 3.10.2, SEND.
//
//   small:  | copied |                     the writer is called back when the core has it all
//   large:  | lent ............ | copied | ... and what was lent came back: when the peer acknowledged it
//
// A writer may use its memory again once it was called back, as with a net.Socket. So what is lent is called back late; and
// its last part is copied, so that the line is busy still while the next write is fetched.

import type { Buffer } from 'node:buffer';
import type { TcpSocket as CoreSocket } from '@tunstack/stack';

/** From here on lending is worth a round trip of waiting; below, copying costs less than 50 us. */
export const LENT_LENGTH_MIN: number = 512 << 10;
/** What is copied of a buffer that is lent: in flight while its writer prepares the next. */
export const COPIED_TAIL: number = 128 << 10;

export type WriteDone = (error?: Error | null) => void;

/** See the head of this file. */
export class PendingWrite {
  readonly octets: number;
  private readonly chunks: readonly Buffer[];
  private readonly done: WriteDone;
  /** Called when a lent part came back. */
  private readonly returned: () => void;
  private at = 0;
  private offset = 0;
  private lent = 0;

  constructor(chunks: readonly Buffer[], done: WriteDone, returned: () => void) {
    this.chunks = chunks;
    this.octets = chunks.reduce((sum, { length }) => sum + length, 0);
    this.done = done;
    this.returned = returned;
  }

  /** The core may still read memory of the writer's. */
  get lends(): boolean {
    return this.lent > 0;
  }

  /** Gives the core what it takes; true when all of it is there. False: `writable`, or `returned`, follows. */
  advance(core: CoreSocket): boolean {
    while (this.at < this.chunks.length) {
      const chunk = this.chunks[this.at];
      if (this.offset === 0 && chunk.length >= LENT_LENGTH_MIN) {
        if (!this.lend(core, chunk.subarray(0, chunk.length - COPIED_TAIL))) return false;
      }
      this.offset += core.send(chunk, this.offset);
      if (this.offset < chunk.length) return false;
      this.at++;
      this.offset = 0;
    }
    return this.lent === 0;
  }

  /** Calls the writer back. */
  end(error?: Error): void {
    this.done(error);
  }

  private lend(core: CoreSocket, part: Buffer): boolean {
    const back = (): void => {
      this.lent--;
      this.returned();
    };
    if (!core.sendOwned(part, back)) return false;
    this.lent++;
    this.offset = part.length;
    return true;
  }
}
