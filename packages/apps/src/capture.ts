// `-w FILE`: everything that passes, and why what was dropped was dropped, as pcapng; `-` is stdout.

import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW, PcapngWriter } from '@tunstack/pcap';
import type { Stack } from '@tunstack/stack';
import { MEDIUM_ETHERNET } from '@tunstack/stack/contract';

/** Octets of a packet that are kept: all of them. */
const SNAPLEN = 262_144;
/** How often what was captured reaches the file, milliseconds. */
const FLUSH_MS = 100;

/**
 * A capture of one stack into a file. Written synchronously, in large chunks: nothing is lost when the process ends.
 * A file that cannot be written any more (a full disk, a closed pipe) ends the capture, not the stack: `onError` hears.
 */
export class Capture {
  private readonly fd: number;
  private readonly writer: PcapngWriter;
  private readonly timer: NodeJS.Timeout;
  private readonly stack: Stack;
  private readonly onError: (error: Error) => void;
  private failed = false;

  /** Throws the error of open(2): the file cannot be made. */
  constructor(stack: Stack, file: string, onError: (error: Error) => void) {
    this.stack = stack;
    this.onError = onError;
    this.fd = file === '-' ? 1 : openSync(file, 'w');
    this.writer = new PcapngWriter({
      write: (chunk) => this.write(chunk),
      interfaces: (id) => {
        const { name, link } = stack.interfaces[id];
        const linkType = link.medium === MEDIUM_ETHERNET ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
        return { name, linkType, snaplen: SNAPLEN };
      },
      epochUs: () => (performance.timeOrigin + performance.now()) * 1000,
    });
    stack.tap = this.writer;
    this.timer = setInterval(() => this.writer.flush(), FLUSH_MS).unref();
  }

  close(): void {
    clearInterval(this.timer);
    this.writer.flush();
    if (this.fd !== 1) closeSync(this.fd);
  }

  private write(chunk: Uint8Array): void {
    if (this.failed) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.fd, chunk, at);
    } catch (error) {
      this.failed = true;
      this.stack.tap = undefined;
      this.onError(error as Error);
    }
  }
}
