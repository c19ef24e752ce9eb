// tun-dump: prints what arrives on a TUN or TAP, one line a packet as tcpdump does, and answers nothing.

import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW, PcapngWriter } from '@tunstack/pcap';
import { DIRECTION_IN, type LinkUser, type Packet, PacketPool } from '@tunstack/stack/contract';
import { dissectIpv4 } from '@tunstack/stack/dissect';
import { nsenterCommand, type OpenedDevice, openDevice, TunLink } from '@tunstack/tun';
import type { Logger } from 'pino';
import {
  COMMON_FLAGS,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  type Given,
  helpText,
  makeLogger,
  readFlags,
  resultStream,
  runProgram,
  UsageError,
  wholeFlag,
} from './cli.ts';
import { datagramLine, type FrameHeader, frameLine, hexDump, readFrameHeader } from './dump-line.ts';
import { kernelDrops } from './kernel-drops.ts';
import { untilEnding } from './signals.ts';

/** Octets of a packet that are kept: all of them. tcpdump's figure. */
const SNAPLEN = 262_144;
/** How often what was captured reaches the file, milliseconds. */
const FLUSH_MS = 100;
const BATCH = 256;

const FLAGS: Flags = {
  tun: { type: 'string', value: 'NAME', help: 'TUN to make, or to attach to (default tun%d)' },
  tap: { type: 'string', value: 'NAME', help: 'TAP instead' },
  netns: { type: 'string', value: 'new|PATH|none', default: 'new', help: 'network namespace of the device' },
  'host-address': {
    type: 'string',
    value: 'ADDR/LEN',
    help: "the kernel's address on the device (default 10.9.0.1/24 in a new namespace, else left as it is)",
  },
  'link-header': { type: 'boolean', short: 'e', help: 'print the link header' },
  hex: { type: 'boolean', short: 'x', help: 'print the octets behind the link header' },
  count: { type: 'string', short: 'c', value: 'N', default: '0', help: 'end after N packets (0: go on)' },
  write: { type: 'string', short: 'w', value: 'FILE', help: "write pcapng instead of lines ('-': stdout)" },
  numeric: { type: 'boolean', short: 'n', help: 'numbers, not names: it is always so' },
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'tun-dump [flags]',
  'Opens a TUN or TAP, or attaches to one, and prints what the kernel sends there, in the words of `tcpdump -nS`. It\n' +
    'answers nothing: for what a program of ours sends and receives, see its -w. Counts go to stderr when it ends.\n' +
    'Exit code: 0 done, 1 it did not work, 2 it was asked wrongly.',
  FLAGS,
  [
    'tun-dump',
    'tun-dump --tap tap0 --netns none -e -x -c 10',
    'tun-dump --netns /run/netns/lab -w - | tcpdump -r -',
  ],
);

/** What is done with each packet. */
interface Output {
  packet(packet: Packet): void;
  /** After a batch. */
  flush(): void;
  close(): void;
}

/** Lines, or JSON objects, one write a batch. */
class Lines implements Output {
  private readonly out: NodeJS.WriteStream;
  private readonly line: (b: Uint8Array) => string;
  private text = '';

  constructor(out: NodeJS.WriteStream, line: (b: Uint8Array) => string) {
    this.out = out;
    this.line = line;
  }

  packet(packet: Packet): void {
    this.text += `${this.line(packet.bytes.subarray(packet.head, packet.head + packet.length))}\n`;
  }

  flush(): void {
    if (this.text !== '') this.out.write(this.text);
    this.text = '';
  }

  close(): void {
    this.flush();
  }
}

/** A pcapng file. `failed` hears once why it cannot be written any more. */
class File implements Output {
  private readonly fd: number;
  private readonly writer: PcapngWriter;
  private readonly timer: NodeJS.Timeout;
  private readonly failed: (error: NodeJS.ErrnoException) => void;
  private broken = false;

  /** Throws the error of open(2). */
  constructor(path: string, device: OpenedDevice, failed: (error: NodeJS.ErrnoException) => void) {
    this.fd = path === '-' ? 1 : openSync(path, 'w');
    this.failed = failed;
    const linkType = device.mode === 'tap' ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
    this.writer = new PcapngWriter({
      write: (chunk) => this.write(chunk),
      interfaces: () => ({ name: device.name, linkType, snaplen: SNAPLEN }),
      epochUs,
      drops: false,
    });
    // The file's header at once: a reader at the other end of a pipe waits for it.
    this.writer.flush();
    this.timer = setInterval(() => this.writer.flush(), FLUSH_MS).unref();
  }

  packet(packet: Packet): void {
    this.writer.packet(packet, DIRECTION_IN, 0, (performance.now() * 1000) | 0);
  }

  flush(): void {}

  close(): void {
    clearInterval(this.timer);
    this.writer.flush();
    if (this.fd !== 1) closeSync(this.fd);
  }

  private write(chunk: Uint8Array): void {
    if (this.broken) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.fd, chunk, at);
    } catch (error) {
      this.broken = true;
      this.failed(error as NodeJS.ErrnoException);
    }
  }
}

/** Takes what arrives, hands it to the output, and counts. */
class Dump implements LinkUser {
  captured = 0;
  received = 0;
  output: Output | undefined = undefined;
  private readonly link: TunLink;
  /** 0: no limit. */
  private readonly count: number;
  private readonly done: () => void;

  constructor(link: TunLink, count: number, done: () => void) {
    this.link = link;
    this.count = count;
    this.done = done;
  }

  arrived(): void {
    this.link.poll(BATCH);
    this.output?.flush();
    this.link.flush();
    if (this.count > 0 && this.captured >= this.count) this.done();
  }

  receive(packet: Packet): void {
    this.received++;
    if (this.count === 0 || this.captured < this.count) {
      this.captured++;
      this.output?.packet(packet);
    }
    packet.release();
  }

  ready(): void {}

  changed(): void {}

  dropped(packet: Packet): void {
    packet.release();
  }

  /** tcpdump's closing lines. `lost`: what the kernel dropped, if that is known. */
  closing(lost: number | undefined): string {
    const packets = (n: number, what: string): string => `${n} packet${n === 1 ? '' : 's'} ${what}\n`;
    return (
      packets(this.captured, 'captured') +
      packets(this.received, 'received by filter') +
      (lost === undefined ? '' : packets(lost, 'dropped by kernel'))
    );
  }
}

/** Runs until a signal, or until there were enough; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-dump', async () => {
    const given = readFlags(args, FLAGS, 0);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    const count = wholeFlag(given, 'count', 0, 1_000_000_000);
    const device = openDevice(deviceOptions(given));
    return dump(given, device, count, await makeLogger('tun-dump', given.on('verbose')));
  });
}

async function dump(given: Given, device: OpenedDevice, count: number, logger: Logger): Promise<number> {
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const link = new TunLink({
    device,
    pool: new PacketPool(),
    onEvent: ({ type, text }) => {
      logger.info({ iface: device.name, type }, text);
      if (type === 'gone') end(EXIT_FAILED);
    },
  });
  const seen = new Dump(link, count, () => end(EXIT_OK));
  try {
    const out = resultStream(given);
    const file = given.text('write');
    const broken = (error: NodeJS.ErrnoException): void => {
      // Whoever reads the capture may have seen enough.
      if (error.code !== 'EPIPE') process.stderr.write(`tun-dump: ${file}: ${error.message}\n`);
      end(error.code === 'EPIPE' ? EXIT_OK : EXIT_FAILED);
    };
    seen.output =
      file === undefined ? new Lines(out, lineMaker(given, device)) : new File(file, device, broken);
    const before = kernelDrops(device);
    const lost = async (): Promise<number | undefined> => {
      const [then, now] = [await before, await kernelDrops(device)];
      return then === undefined || now === undefined ? undefined : now - then;
    };
    const report = (): void => void lost().then((n) => process.stderr.write(seen.closing(n)));
    void untilEnding(['SIGINT', 'SIGTERM'], ended, report).then(() => end(EXIT_OK));
    process.stderr.write(greeting(device));
    link.attach(seen);
    const code = await ended;
    link.attach(undefined);
    seen.output.close();
    process.stderr.write(seen.closing(await lost()));
    return code;
  } finally {
    link.close();
  }
}

function deviceOptions(given: Given): Parameters<typeof openDevice>[0] {
  const [tun, tap] = [given.text('tun'), given.text('tap')];
  if (tun !== undefined && tap !== undefined) {
    throw new UsageError('--tun and --tap name one device each: give one of them');
  }
  const netns = given.text('netns') ?? 'new';
  const address = given.text('host-address') ?? (netns === 'new' ? '10.9.0.1/24' : undefined);
  if (address !== undefined && !/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(address)) {
    throw new UsageError(
      `--host-address takes an address with prefix length, as 10.9.0.1/24, not '${address}'`,
    );
  }
  const mode = tap === undefined ? 'tun' : 'tap';
  const options = { mode, netns, name: tun ?? tap ?? 'tun%d' } as const;
  return address === undefined ? options : { ...options, address };
}

/** tcpdump's line, and how to make something arrive. */
function greeting(device: OpenedDevice): string {
  const type = device.mode === 'tap' ? 'EN10MB (Ethernet)' : 'RAW (Raw IP)';
  const enter = nsenterCommand(device);
  const line = `listening on ${device.name}, link-type ${type}, snapshot length ${SNAPLEN} bytes\n`;
  return enter.length === 0 ? line : `${line}its namespace: ${enter.join(' ')} ping 10.9.0.2\n`;
}

function lineMaker(given: Given, device: OpenedDevice): (b: Uint8Array) => string {
  const tap = device.mode === 'tap';
  const link = given.on('link-header');
  if (given.on('json')) return (b) => jsonLine(device.name, tap, b);
  const text = tap ? frameLine : datagramLine;
  if (!given.on('hex')) return (b) => `${timeOfDay(epochUs())} ${text(b, link)}`;
  return (b) => {
    const header = tap ? (readFrameHeader(b)?.length ?? 0) : 0;
    return `${timeOfDay(epochUs())} ${text(b, link)}${hexDump(b.subarray(header))}`;
  };
}

function epochUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}

/** Local time as tcpdump prints it: `18:04:05.123456`. */
function timeOfDay(us: number): string {
  const date = new Date(us / 1000);
  const fields = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const fraction = String(Math.floor(us % 1_000_000)).padStart(6, '0');
  return `${fields.map((field) => String(field).padStart(2, '0')).join(':')}.${fraction}`;
}

/** `time` in seconds since 1970; octets as hex. */
function jsonLine(device: string, tap: boolean, b: Uint8Array): string {
  const link: FrameHeader | undefined = tap ? readFrameHeader(b) : undefined;
  const datagram = tap ? b.subarray(link?.length ?? b.length) : b;
  const isIpv4 = tap ? link?.type === 0x0800 : b.length > 0 && b[0] >>> 4 === 4;
  const record = {
    time: Math.floor(epochUs()) / 1e6,
    device,
    length: b.length,
    line: tap ? frameLine(b, false) : datagramLine(b, false),
    ...(link !== undefined && { link }),
    packet: isIpv4 ? dissectIpv4(datagram) : { layer: 'data', bytes: datagram },
  };
  return JSON.stringify(record, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
