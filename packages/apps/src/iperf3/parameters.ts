// What is to be measured: the parameters that a client sends as JSON before the test.

import { DATAGRAM_HEADER_64 } from './protocol.ts';

/** iperf3's own limits: streams one way, seconds, octets of a block. */
export const STREAMS_MAX = 128;
export const SECONDS_MAX = 86_400;
export const OMIT_MAX = 60;
export const BLOCK_MAX: number = 1 << 20;
export const UDP_BLOCK_MAX = 65_507;
/** Octets of the parameters' JSON: as iperf3 takes them. */
export const PARAMETERS_MAX = 8192;
const WINDOW_MAX = 512 << 20;
const MSS_MIN = 88;
const MSS_MAX = 9 * 1024;

export interface Parameters {
  readonly udp: boolean;
  /** Seconds; 0: `bytes` or `blocks` end the test. */
  readonly seconds: number;
  readonly omitSeconds: number;
  /** Octets, blocks that one side sends in all; 0: no such end. */
  readonly bytes: number;
  readonly blocks: number;
  /** Streams one way. */
  readonly parallel: number;
  readonly reverse: boolean;
  readonly bidirectional: boolean;
  /** Octets of a block or datagram. */
  readonly blockBytes: number;
  /** Bits a second and stream, 0: as many as can be; and blocks sent at once. */
  readonly bitrate: number;
  readonly burst: number;
  readonly tos: number;
  readonly noDelay: boolean;
  /** 0: the default. */
  readonly mss: number;
  readonly windowBytes: number;
  readonly congestion: string | undefined;
  readonly getServerOutput: boolean;
  readonly wideCounters: boolean;
  readonly repeatingPayload: boolean;
  readonly dontFragment: boolean;
  readonly title: string | undefined;
  readonly extraData: string | undefined;
}

export const DEFAULT_PARAMETERS: Parameters = {
  udp: false,
  seconds: 10,
  omitSeconds: 0,
  bytes: 0,
  blocks: 0,
  parallel: 1,
  reverse: false,
  bidirectional: false,
  blockBytes: 131_072,
  bitrate: 0,
  burst: 0,
  tos: 0,
  noDelay: false,
  mss: 0,
  windowBytes: 0,
  congestion: undefined,
  getServerOutput: false,
  wideCounters: false,
  repeatingPayload: false,
  dontFragment: false,
  title: undefined,
  extraData: undefined,
};

/** The JSON of a client's parameters, key by key as iperf3 3.12 writes it. */
export function writeParameters(p: Parameters, version: string): Record<string, unknown> {
  return {
    ...(p.udp ? { udp: true } : { tcp: true }),
    omit: p.omitSeconds,
    time: p.seconds,
    num: p.bytes,
    blockcount: p.blocks,
    ...(p.mss > 0 && { MSS: p.mss }),
    ...(p.noDelay && { nodelay: true }),
    parallel: p.parallel,
    ...(p.reverse && { reverse: true }),
    ...(p.bidirectional && { bidirectional: true }),
    ...(p.windowBytes > 0 && { window: p.windowBytes }),
    len: p.blockBytes,
    ...(p.bitrate > 0 && { bandwidth: p.bitrate }),
    pacing_timer: 1000,
    ...(p.burst > 0 && { burst: p.burst }),
    ...(p.tos > 0 && { TOS: p.tos }),
    ...(p.title !== undefined && { title: p.title }),
    ...(p.extraData !== undefined && { extra_data: p.extraData }),
    ...(p.congestion !== undefined && { congestion: p.congestion }),
    ...(p.getServerOutput && { get_server_output: 1 }),
    ...(p.wideCounters && { udp_counters_64bit: 1 }),
    ...(p.repeatingPayload && { repeating_payload: 1 }),
    ...(p.dontFragment && { dont_fragment: 1 }),
    client_version: version,
  };
}

/** Reads a client's JSON: the parameters, or one line that says what is wrong. What it does not know it passes over. */
export function readParameters(json: unknown): Parameters | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'the parameters are no object';
  const given = json as Record<string, unknown>;
  if (isOn(given.sctp)) return 'SCTP is not supported';
  const wrong: string[] = [];
  const whole = (key: string, fallback: number, least: number, most: number): number => {
    const value = given[key] ?? fallback;
    if (typeof value === 'number' && value >= least && value <= most) return Math.floor(value);
    wrong.push(`${key} is ${JSON.stringify(value)?.slice(0, 40)}, not ${least} to ${most}`);
    return fallback;
  };
  const text = (key: string): string | undefined => {
    const value = given[key];
    return typeof value === 'string' ? value.slice(0, 1024) : undefined;
  };
  const udp = isOn(given.udp);
  const wideCounters = isOn(given.udp_counters_64bit);
  const read: Parameters = {
    udp,
    seconds: whole('time', 10, 0, SECONDS_MAX),
    omitSeconds: whole('omit', 0, 0, OMIT_MAX),
    bytes: whole('num', 0, 0, Number.MAX_SAFE_INTEGER),
    blocks: whole('blockcount', 0, 0, Number.MAX_SAFE_INTEGER),
    parallel: whole('parallel', 1, 1, STREAMS_MAX),
    reverse: isOn(given.reverse),
    bidirectional: isOn(given.bidirectional),
    blockBytes: udp
      ? whole('len', 1460, DATAGRAM_HEADER_64, UDP_BLOCK_MAX)
      : whole('len', 131_072, 1, BLOCK_MAX),
    bitrate: whole('bandwidth', 0, 0, Number.MAX_SAFE_INTEGER),
    burst: whole('burst', 0, 0, 1000),
    tos: whole('TOS', 0, 0, 255),
    noDelay: isOn(given.nodelay),
    mss: given.MSS === 0 ? 0 : whole('MSS', 0, given.MSS === undefined ? 0 : MSS_MIN, MSS_MAX),
    windowBytes: whole('window', 0, 0, WINDOW_MAX),
    congestion: text('congestion'),
    getServerOutput: isOn(given.get_server_output),
    wideCounters,
    repeatingPayload: isOn(given.repeating_payload),
    dontFragment: isOn(given.dont_fragment),
    title: text('title'),
    extraData: text('extra_data'),
  };
  return wrong[0] ?? read;
}

/** Flags are `true` in some keys and 1 in others. */
function isOn(value: unknown): boolean {
  return value === true || (typeof value === 'number' && value !== 0);
}
