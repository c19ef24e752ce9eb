// What happened in a world, written down: a pcapng file for each host, and one trace of a line an event. Taps only watch,
// so a run that is recorded is the run that was not.

import { LINKTYPE_RAW, PcapngWriter } from '@tunstack/pcap';
import type { Tap } from '@tunstack/stack/contract';
import { Taps } from '../checks/checks.ts';
import { TcpTrace } from '../tcp-trace.ts';
import type { World } from '../world.ts';

/** The beginning of a world, for captures: microseconds since 1970. */
const EPOCH_US = 1_700_000_000_000_000;

/** Writes a file and answers its path: the simulator knows no files. */
export type Save = (name: string, content: Uint8Array | string) => string;

/** See the head of this file. */
export class Recorder {
  readonly lines: string[] = [];
  private readonly captures: Map<string, { writer: PcapngWriter; chunks: Uint8Array[] }> = new Map();

  /** A tap for the host of this name, that is about to be made. */
  tap(world: World, name: string): Tap {
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter({
      write: (chunk) => chunks.push(chunk),
      interfaces: (id) => ({
        name: world.hosts.get(name)?.stack.interfaces[id].name ?? `if${id}`,
        linkType: LINKTYPE_RAW,
        snaplen: 0,
      }),
      epochUs: () => EPOCH_US + world.clock.elapsedUs,
    });
    this.captures.set(name, { writer, chunks });
    return new Taps(writer, new TcpTrace(world.clock, name, this.lines));
  }

  /** Writes all of it; answers the path of the trace. */
  save(save: Save, head: string): string {
    for (const [name, { writer, chunks }] of this.captures) {
      writer.flush();
      save(`${name}.pcapng`, joined(chunks));
    }
    return save('trace.txt', `${head}\n${this.lines.join('\n')}\n`);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
