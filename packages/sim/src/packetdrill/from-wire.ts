// From octets that came out of the stack to a packet in the script's words and numbers: what `>` is compared with.

import {
  dissectIpv4,
  type IcmpLayer,
  type Ipv4Layer,
  type TcpLayer,
  type UdpLayer,
  type TcpOption as WireOption,
} from '@tunstack/stack/dissect';
import type { Ecn, IcmpBody, PacketAction, QuotedPacket, TcpBody, TcpOption } from './ast.ts';
import type { Connection } from './connection.ts';
import { icmpWords } from './icmp-names.ts';
import { FLAG_LETTERS } from './to-wire.ts';

const ECN_WORDS: readonly Ecn[] = ['noecn', 'ect1', 'ect0', 'ce'];
/** In the order of the language; A is AE, of accurate ECN. */
const ALL_LETTERS: readonly string[] = 'FSRPUEWA.'.split('');
const PROTO_ICMP = 1;
const NOWHERE = { line: 0, column: 0 };

/** A packet of the stack: as it is, and in the script's numbers. */
export interface LivePacket {
  readonly layer: Ipv4Layer;
  readonly packet: PacketAction;
}

/** True when this packet belongs to the connection; ICMP does when it goes to the script's side. */
export function belongs(layer: Ipv4Layer, connection: Connection): boolean {
  if (layer.destination !== connection.remoteIp) return false;
  if (layer.protocol === PROTO_ICMP) return true;
  const { next } = layer;
  if (next.layer !== connection.protocol) return false;
  const { sourcePort, destinationPort } = next as TcpLayer | UdpLayer;
  return (
    (connection.remotePort === 0 || destinationPort === connection.remotePort) &&
    (connection.localPort === 0 || sourcePort === connection.localPort)
  );
}

export function readLive(bytes: Uint8Array): Ipv4Layer {
  return dissectIpv4(bytes);
}

/** The packet in the numbers of the connection. */
export function fromWire(layer: Ipv4Layer, connection: Connection): LivePacket {
  const { next, tos } = layer;
  const packet: PacketAction = {
    kind: 'packet',
    direction: 'out',
    at: NOWHERE,
    outer: [],
    ip: { tos, ttl: layer.ttl, ecn: ECN_WORDS[tos & 3] },
    ports: undefined,
    body:
      next.layer === 'tcp'
        ? tcpBody(next, connection)
        : next.layer === 'udp'
          ? { protocol: 'udp', length: next.length - 8, coverage: undefined }
          : icmpBody(next as IcmpLayer, connection),
  };
  return { layer, packet };
}

function tcpBody(tcp: TcpLayer, connection: Connection): TcpBody {
  const isAccurate = (tcp.reserved & 1) !== 0;
  const letters = ALL_LETTERS.filter((letter) =>
    letter === 'A' ? isAccurate : tcp.flags.includes(FLAG_LETTERS[letter]),
  );
  const length = tcp.next.layer === 'data' ? tcp.next.bytes.length : 0;
  const start = connection.localToScript(tcp.seq);
  const isAck = tcp.flags.includes('ACK');
  return {
    protocol: 'tcp',
    flags: letters.join(''),
    ace: undefined,
    sequence: { start, end: (start + length) >>> 0, length, absolute: false, ignored: false },
    ack: isAck ? connection.remoteToScript(tcp.ack) : tcp.ack === 0 ? undefined : tcp.ack,
    window: tcp.window,
    urgent: tcp.urgent === 0 ? undefined : tcp.urgent,
    options: tcp.options.flatMap((option) => scriptOption(option, connection)),
    udpEncapsulation: undefined,
    fuzz: undefined,
  };
}

function scriptOption(option: WireOption, connection: Connection): TcpOption[] {
  switch (option.option) {
    case 'nop':
      return [{ kind: 'nop' }];
    case 'eol':
      return Array.from({ length: 1 + (option.padding?.length ?? 0) }, () => ({ kind: 'eol' }));
    case 'sack-permitted':
      return [{ kind: 'sackOK' }];
    case 'mss':
      return [{ kind: 'mss', value: option.mss }];
    case 'window-scale':
      return [{ kind: 'wscale', value: option.shift }];
    case 'timestamps':
      return [
        { kind: 'TS', value: connection.stampToScript(option.value), echo: option.echo, echoAbsolute: false },
      ];
    case 'sack':
      return [
        {
          kind: 'sack',
          blocks: option.blocks.map(([left, right]) => ({
            left: connection.remoteToScript(left),
            right: connection.remoteToScript(right),
          })),
        },
      ];
    case 'unknown':
      return [{ kind: 'exp-tarr', value: option.kind }];
    case 'malformed':
      return [{ kind: 'exp-tarr', value: undefined }];
  }
}

function icmpBody(icmp: IcmpLayer, connection: Connection): IcmpBody {
  const { type, code } = icmpWords(icmp.type, icmp.code);
  const isEcho = icmp.type === 0 || icmp.type === 8;
  return {
    protocol: 'icmp',
    type,
    code,
    mtu: icmp.mtu,
    id: isEcho && icmp.id !== 0 ? icmp.id : undefined,
    quoted: isEcho || icmp.next.layer !== 'ipv4' ? undefined : quotedPacket(icmp.next, connection),
  };
}

/** What the stack quotes came from the script: its numbers are the remote side's. */
function quotedPacket(
  { next, totalLength, headerLength }: Ipv4Layer,
  connection: Connection,
): QuotedPacket | undefined {
  if (next.layer === 'udp') return { protocol: 'udp', length: next.length - 8 };
  if (next.layer !== 'tcp') return undefined;
  const length = Math.max(0, totalLength - headerLength - next.headerLength);
  const start = connection.remoteToScript(next.seq);
  const sequence = { start, end: (start + length) >>> 0, length, absolute: false, ignored: false };
  return { protocol: 'tcp', sequence, udpEncapsulation: undefined };
}
