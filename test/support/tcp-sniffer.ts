// Captures at the client, by tcpdump: an eye that is not ours; and what tshark makes of them.

import { readFileSync } from 'node:fs';
import { type Capture, readPcap } from '@tunstack/pcap';
import { type Running, tool } from './namespace.ts';
import { STACK, type TcpRig } from './tcp-rig.ts';
import { faultsIn, tshark } from './tshark.ts';

/** So much may wait for tcpdump on a busy machine, KiB; each packet takes the room of the longest. */
const RING_KIB = 65_536;
/** In a ping: the last thing that is captured. */
const MARK = 'c0ffee5eed';

export class Sniffer {
  readonly file: string;
  private readonly rig: TcpRig;
  private readonly tcpdump: Running;

  private constructor(rig: TcpRig, file: string, tcpdump: Running) {
    this.rig = rig;
    this.file = file;
    this.tcpdump = tcpdump;
  }

  /** Captures all IPv4 at the client's device from now on. */
  static async start(rig: TcpRig, file: string): Promise<Sniffer> {
    const flags = ['-Z', 'root', '-n', '-U', '--immediate-mode', '-s', '1600', '-B', `${RING_KIB}`];
    const words = [tool('tcpdump'), '-i', rig.clientDevice, ...flags, '-w', file, 'ip'];
    return new Sniffer(rig, file, await rig.startAtClient(words, /listening on/));
  }

  /** Ends when all that happened so far is in the file. Throws when tcpdump lost some. */
  async stop(): Promise<Capture> {
    await this.rig.atClient(tool('ping'), '-q', '-c', '1', '-W', '5', '-p', MARK, STACK);
    const mark = Buffer.from(MARK.repeat(2), 'hex');
    await this.rig.until(() => readFileSync(this.file).includes(mark), 'the mark in the capture');
    await this.tcpdump.stop('SIGINT');
    if (!/\b0 packets dropped by kernel/.test(this.tcpdump.stderr)) throw new Error(this.tcpdump.stderr);
    return readPcap(readFileSync(this.file));
  }

  /** What tshark finds wrong: malformed packets and bad checksums, a line each. */
  async faults(): Promise<string> {
    return faultsIn(this.file);
  }

  /** tshark's lines for a display filter, or these fields of them. */
  async tshark(filter: string, ...fields: string[]): Promise<string> {
    return tshark(this.file, filter, ...fields);
  }
}
