// The flags of tun-iperf3: iperf3's own, and those of the device. What they ask for is checked here.

import { CONTROLLERS } from '@tunstack/stack';
import { parseIp4 } from '@tunstack/stack/wire';
import { COMMON_FLAGS, type Flags, type Given, numberFlag, UsageError, wholeFlag } from '../cli.ts';
import { TUN_FLAGS } from '../tun-session.ts';
import {
  BLOCK_MAX,
  DEFAULT_PARAMETERS,
  OMIT_MAX,
  type Parameters,
  SECONDS_MAX,
  STREAMS_MAX,
  UDP_BLOCK_MAX,
} from './parameters.ts';
import { DATAGRAM_HEADER_64 } from './protocol.ts';
import { parseUnits } from './units.ts';

export const IPERF_FLAGS: Flags = {
  server: { type: 'boolean', short: 's', help: 'be a server' },
  client: { type: 'string', short: 'c', value: 'ADDR', help: 'be a client of this server' },
  port: { type: 'string', short: 'p', value: 'N', default: '5201', help: 'port of the server' },
  'one-off': { type: 'boolean', short: '1', help: 'server: end after one test' },
  udp: { type: 'boolean', short: 'u', help: 'UDP, not TCP' },
  bitrate: {
    type: 'string',
    short: 'b',
    value: 'N[KMG][/B]',
    help: 'bits a second and stream, in bursts of B (0: all that goes; default 1M for UDP, 0 for TCP)',
  },
  time: { type: 'string', short: 't', value: 'SECONDS', help: 'send so long (default 10)' },
  bytes: { type: 'string', short: 'n', value: 'N[KMG]', help: 'send so much, not -t' },
  blockcount: { type: 'string', short: 'k', value: 'N[KMG]', help: 'send so many blocks, not -t' },
  length: {
    type: 'string',
    short: 'l',
    value: 'N[KMG]',
    help: 'octets of a block (default 128K for TCP, one packet for UDP)',
  },
  parallel: { type: 'string', short: 'P', value: 'N', default: '1', help: 'streams at once' },
  reverse: { type: 'boolean', short: 'R', help: 'the server sends' },
  bidir: { type: 'boolean', help: 'both send' },
  omit: { type: 'string', short: 'O', value: 'SECONDS', default: '0', help: 'leave out the beginning' },
  interval: { type: 'string', short: 'i', value: 'SECONDS', default: '1', help: 'between reports (0: none)' },
  window: { type: 'string', short: 'w', value: 'N[KMG]', help: 'octets of the socket buffers' },
  'set-mss': { type: 'string', short: 'M', value: 'N', help: 'largest segment' },
  'no-delay': { type: 'boolean', short: 'N', help: "without Nagle's rule" },
  congestion: { type: 'string', short: 'C', value: 'NAME', help: 'congestion control of both sides' },
  tos: { type: 'string', short: 'S', value: 'N', default: '0', help: 'DiffServ field, 0 to 255, 0x.. too' },
  cport: { type: 'string', value: 'N', default: '0', help: 'our port for data' },
  'dont-fragment': { type: 'boolean', help: 'UDP: refuse what does not fit one packet' },
  'udp-counters-64bit': { type: 'boolean', help: 'UDP: counts of 8 octets' },
  'repeating-payload': { type: 'boolean', help: 'send digits, not random octets' },
  'get-server-output': { type: 'boolean', help: 'print what the server prints, too' },
  title: { type: 'string', short: 'T', value: 'TEXT', help: 'in front of each line' },
  'extra-data': { type: 'string', value: 'TEXT', help: 'goes into the JSON of both sides' },
  'connect-timeout': { type: 'string', value: 'MS', default: '30000', help: 'for the control connection' },
  format: { type: 'string', short: 'f', value: 'kmgtKMGT', help: 'unit of rates' },
  forceflush: { type: 'boolean', help: 'taken and not needed: each line is written at once' },
  zerocopy: { type: 'boolean', short: 'Z', help: 'taken and not needed: TCP always sends by reference' },
  version4: { type: 'boolean', short: '4', help: 'taken and not needed: there is IPv4 only' },
  json: { type: 'boolean', short: 'J', help: "one JSON object, with iperf3's keys" },
  verbose: { type: 'boolean', short: 'V', help: 'tell more' },
  help: { ...COMMON_FLAGS.help },
  ...TUN_FLAGS,
  // -w is the window's here.
  write: { type: 'string', value: 'FILE', help: TUN_FLAGS.write.help },
};

/** Flags that only make sense for one of the roles. */
const CLIENT_ONLY = (
  'udp bitrate time bytes blockcount length reverse bidir window set-mss no-delay congestion dont-fragment ' +
  'udp-counters-64bit repeating-payload get-server-output title extra-data zerocopy'
).split(' ');

/** Throws UsageError when the role is not clear, or a flag is not of it. */
export function roleFlag(given: Given): 'server' | 'client' {
  const host = given.text('client');
  if (given.on('server') === (host !== undefined))
    throw new UsageError('be a server (-s), or a client of one (-c ADDR)');
  if (host === undefined) {
    const alien = CLIENT_ONLY.find((name) => given.on(name) || given.text(name) !== undefined);
    if (alien !== undefined)
      throw new UsageError(`--${alien} is the client's to say: the server does as it is asked`);
    return 'server';
  }
  if (given.on('one-off')) throw new UsageError('--one-off is for a server');
  if (parseIp4(host) === undefined) throw new UsageError(`-c takes an IPv4 address, not '${host}'`);
  return 'client';
}

/** What a client is asked to measure. Octets of a datagram are 0 where nobody says how many. */
export function parametersFrom(given: Given): Parameters {
  const udp = given.on('udp');
  const ends = ['time', 'bytes', 'blockcount'].filter((name) => given.text(name) !== undefined);
  if (ends.length > 1) throw new UsageError('one end of the test: -t, -n or -k');
  if (given.on('reverse') && given.on('bidir')) throw new UsageError('--reverse or --bidir, not both');
  const [bytes, blocks] = [sizeFlag(given, 'bytes'), sizeFlag(given, 'blockcount')];
  const { bitrate, burst } = bitrateFlag(given, udp ? 1e6 : 0);
  const congestion = given.text('congestion');
  if (congestion !== undefined && !CONTROLLERS.includes(congestion))
    throw new UsageError(`--congestion takes ${CONTROLLERS.join(', ')}, not '${congestion}'`);
  return {
    ...DEFAULT_PARAMETERS,
    udp,
    // As iperf3 says it: other ends are told with a time of 0.
    seconds: bytes > 0 || blocks > 0 ? 0 : secondsFlag(given),
    omitSeconds: wholeFlag(given, 'omit', 0, OMIT_MAX),
    ...{ bytes, blocks, bitrate, burst, congestion },
    parallel: wholeFlag(given, 'parallel', 1, STREAMS_MAX),
    reverse: given.on('reverse'),
    bidirectional: given.on('bidir'),
    blockBytes: lengthFlag(given, udp),
    tos: tosFlag(given),
    noDelay: given.on('no-delay'),
    mss: given.text('set-mss') === undefined ? 0 : wholeFlag(given, 'set-mss', 88, 9216),
    windowBytes: sizeFlag(given, 'window'),
    getServerOutput: given.on('get-server-output'),
    wideCounters: given.on('udp-counters-64bit'),
    repeatingPayload: given.on('repeating-payload'),
    dontFragment: given.on('dont-fragment'),
    title: given.text('title'),
    extraData: given.text('extra-data'),
  };
}

/** Milliseconds between reports; 0: one at the end. */
export function intervalFlag(given: Given): number {
  const seconds = numberFlag(given, 'interval', 0, 60);
  if (seconds > 0 && seconds < 0.1) throw new UsageError('--interval takes 0, or 0.1 to 60 seconds');
  return seconds * 1000;
}

export function formatFlag(given: Given): string | undefined {
  const format = given.text('format');
  if (format === undefined || /^[kmgtKMGT]$/.test(format)) return format;
  throw new UsageError(`--format takes one letter of kmgtKMGT, not '${format}'`);
}

function secondsFlag(given: Given): number {
  return given.text('time') === undefined ? 10 : wholeFlag(given, 'time', 1, SECONDS_MAX);
}

function sizeFlag(given: Given, name: string): number {
  const text = given.text(name);
  if (text === undefined) return 0;
  const size = parseUnits(text, 1024);
  if (size === undefined || size < 1)
    throw new UsageError(`--${name} takes a number with K, M or G, as 64K, not '${text}'`);
  return size;
}

function lengthFlag(given: Given, udp: boolean): number {
  if (given.text('length') === undefined) return udp ? 0 : DEFAULT_PARAMETERS.blockBytes;
  const [least, most] = udp ? [DATAGRAM_HEADER_64, UDP_BLOCK_MAX] : [1, BLOCK_MAX];
  const length = sizeFlag(given, 'length');
  if (length >= least && length <= most) return length;
  throw new UsageError(`--length takes ${least} to ${most} octets, not '${given.text('length')}'`);
}

function bitrateFlag(given: Given, fallback: number): { bitrate: number; burst: number } {
  const text = given.text('bitrate');
  if (text === undefined) return { bitrate: fallback, burst: 0 };
  const [rate, blocks = '0'] = text.split('/');
  const [bitrate, burst] = [parseUnits(rate, 1000), Number(blocks)];
  if (bitrate !== undefined && Number.isInteger(burst) && burst >= 0 && burst <= 1000)
    return { bitrate, burst };
  throw new UsageError(`--bitrate takes bits a second, as 10M or 10M/8, not '${text}'`);
}

function tosFlag(given: Given): number {
  const text = given.text('tos') ?? '0';
  const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0 && value <= 255) return value;
  throw new UsageError(`--tos takes 0 to 255, not '${text}'`);
}
