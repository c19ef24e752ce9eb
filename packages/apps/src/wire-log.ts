// `tun-wire --log FILE`: the verdict on each packet, a line each, columns between tabs.

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Packet } from '@tunstack/stack/contract';
import { datagramLine, frameLine } from './dump-line.ts';
import type { Verdict } from './wire-lane.ts';

/** Characters gathered before they are written. */
const CHUNK = 65_536;

export class VerdictLog {
  private readonly fd: number;
  private readonly line: (b: Uint8Array, link: boolean) => string;
  private readonly failed: (error: Error) => void;
  private text: string;
  private broken = false;

  /** Throws the error of open(2). `failed` hears once why no more can be written. */
  constructor(path: string, tap: boolean, failed: (error: Error) => void) {
    this.fd = openSync(path, 'w');
    this.line = tap ? frameLine : datagramLine;
    this.failed = failed;
    this.text = '#direction\tindex\toctets\tverdict\tdelay_us\tpacket\n';
  }

  /** `direction`: `a>b` or `b>a`. A packet that goes nowhere has `-` for its delay. */
  write(direction: string, { index, length, text, delayUs }: Verdict, packet: Packet): void {
    if (this.broken) return;
    const delay = delayUs < 0 ? '-' : delayUs.toFixed(0);
    const octets = packet.bytes.subarray(packet.head, packet.head + packet.length);
    // One line, whatever is in it.
    const [what] = this.line(octets, false).split('\n');
    this.text += `${direction}\t${index}\t${length}\t${text}\t${delay}\t${what}\n`;
    if (this.text.length >= CHUNK) this.flush();
  }

  flush(): void {
    const chunk = Buffer.from(this.text);
    this.text = '';
    if (this.broken) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.fd, chunk, at);
    } catch (error) {
      this.broken = true;
      this.failed(error as Error);
    }
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }
}
