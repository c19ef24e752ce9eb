// The human face of TCP options: a header's options as a list of readable objects, and back. RFC 9293 3.2, 7323, 2018.
// Every octet is in the list, so what is read can be written again as it was.

import { rd16, rd32, wr16, wr32 } from './bytes.ts';
import type { TcpOption } from './layers.ts';
import * as kinds from './tcp-options.ts';

/** The options in `octets`, up to a length that cannot be. Takes any octets. */
export function readTcpOptionList(octets: Uint8Array): TcpOption[] {
  const list: TcpOption[] = [];
  for (let at = 0; at < octets.length; ) {
    const kind = octets[at];
    if (kind === kinds.TCP_OPTION_EOL) {
      list.push({ option: 'eol', padding: octets.slice(at + 1) });
      break;
    }
    // Behind the last octet there is no length: that is a bad one, too.
    const size = kind === kinds.TCP_OPTION_NOP ? 1 : (octets[at + 1] ?? 0);
    if (size === 0 || (size === 1 && kind !== kinds.TCP_OPTION_NOP) || at + size > octets.length) {
      list.push({ option: 'malformed', bytes: octets.slice(at) });
      break;
    }
    list.push(readOption(kind, octets.slice(at, at + size)));
    at += size;
  }
  return list;
}

/** One option; a known kind of a wrong length is told as an unknown one. */
function readOption(kind: number, b: Uint8Array): TcpOption {
  const known = kind * 256 + b.length;
  switch (known) {
    case kinds.TCP_OPTION_NOP * 256 + 1:
      return { option: 'nop' };
    case kinds.TCP_OPTION_MSS * 256 + kinds.TCP_OPTION_MSS_LENGTH:
      return { option: 'mss', mss: rd16(b, 2) };
    case kinds.TCP_OPTION_WINDOW_SCALE * 256 + kinds.TCP_OPTION_WINDOW_SCALE_LENGTH:
      return { option: 'window-scale', shift: b[2] };
    case kinds.TCP_OPTION_SACK_PERMITTED * 256 + kinds.TCP_OPTION_SACK_PERMITTED_LENGTH:
      return { option: 'sack-permitted' };
    case kinds.TCP_OPTION_TIMESTAMPS * 256 + kinds.TCP_OPTION_TIMESTAMPS_LENGTH:
      return { option: 'timestamps', value: rd32(b, 2) >>> 0, echo: rd32(b, 6) >>> 0 };
  }
  const blocks = (b.length - kinds.TCP_OPTION_SACK_BASE) / kinds.TCP_OPTION_SACK_BLOCK;
  if (kind === kinds.TCP_OPTION_SACK && blocks > 0 && Number.isInteger(blocks)) {
    return { option: 'sack', blocks: Array.from({ length: blocks }, (_, i) => blockAt(b, 2 + 8 * i)) };
  }
  return { option: 'unknown', kind, bytes: b.slice(2) };
}

function blockAt(b: Uint8Array, o: number): [left: number, right: number] {
  return [rd32(b, o) >>> 0, rd32(b, o + 4) >>> 0];
}

/** The octets of a list, each option as it stands there: nothing is padded or put in order. */
export function tcpOptionOctets(list: readonly TcpOption[]): Uint8Array {
  const parts = list.map(optionOctets);
  const b = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    b.set(part, at);
    at += part.length;
  }
  return b;
}

function optionOctets(option: TcpOption): Uint8Array {
  switch (option.option) {
    case 'eol':
      return Uint8Array.of(kinds.TCP_OPTION_EOL, ...(option.padding ?? []));
    case 'nop':
      return Uint8Array.of(kinds.TCP_OPTION_NOP);
    case 'mss': {
      const b = new Uint8Array(2);
      wr16(b, 0, option.mss);
      return withLength(kinds.TCP_OPTION_MSS, b);
    }
    case 'window-scale':
      return withLength(kinds.TCP_OPTION_WINDOW_SCALE, Uint8Array.of(option.shift));
    case 'sack-permitted':
      return withLength(kinds.TCP_OPTION_SACK_PERMITTED, new Uint8Array(0));
    case 'sack':
      return withLength(kinds.TCP_OPTION_SACK, words(option.blocks.flat()));
    case 'timestamps':
      return withLength(kinds.TCP_OPTION_TIMESTAMPS, words([option.value, option.echo]));
    case 'unknown':
      return withLength(option.kind, option.bytes);
    case 'malformed':
      return option.bytes;
  }
}

function withLength(kind: number, rest: Uint8Array): Uint8Array {
  return Uint8Array.of(kind, rest.length + 2, ...rest);
}

function words(values: readonly number[]): Uint8Array {
  const b = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) wr32(b, 4 * i, value);
  return b;
}
