// From a packet that a script sends to the octets that arrive at the stack: RFC 791, RFC 792, RFC 768, RFC 9293.

import { craftIcmp, craftIcmpError, craftTcp, craftUdp, type Ipv4Options } from '@tunstack/stack/craft';
import type { TcpFlag, TcpOption as WireOption } from '@tunstack/stack/dissect';
import type { IcmpBody, IpInfo, PacketAction, QuotedPacket, TcpBody, TcpOption } from './ast.ts';
import type { Connection } from './connection.ts';
import { icmpNumbers } from './icmp-names.ts';
import { Unsupported } from './target.ts';

/** As packetdrill sends it. */
const TTL = 255;
/** What an ICMP error quotes: the header and eight octets (RFC 792). */
const QUOTE = 28;
const ECN_BITS: Readonly<Record<string, number>> = { noecn: 0, ect1: 1, ect0: 2, ce: 3 };

/** Letters of packetdrill's flags. */
export const FLAG_LETTERS: Readonly<Record<string, TcpFlag>> = {
  F: 'FIN',
  S: 'SYN',
  R: 'RST',
  P: 'PSH',
  '.': 'ACK',
  U: 'URG',
  E: 'ECE',
  W: 'CWR',
};

/** Throws Unsupported for what neither side of ours speaks. */
export function requireKnown(packet: PacketAction): void {
  const { outer, body, ip } = packet;
  if (outer.length > 0) throw new Unsupported(`packets inside ${outer[0].kind}`);
  if (ip.flowLabel !== undefined) throw new Unsupported('IPv6');
  if (body.protocol === 'sctp' || body.protocol === 'udplite')
    throw new Unsupported(body.protocol.toUpperCase());
  if (body.protocol !== 'tcp') return;
  if (body.fuzz !== undefined) throw new Unsupported('packets that are mutated');
  if (body.udpEncapsulation !== undefined) throw new Unsupported('TCP in UDP');
  if (body.ace !== undefined) throw new Unsupported('AccECN');
  if (body.options === 'any') return;
  for (const { kind } of body.options)
    if (/^(FO|FOEXP|md5|accecn|exp-tarr)$/.test(kind)) throw new Unsupported(`the TCP option ${kind}`);
}

/** The octets of a packet of the script's side, with the connection's addresses and numbers. Throws Unsupported. */
export function toWire(packet: PacketAction, connection: Connection): Uint8Array {
  requireKnown(packet);
  const { body } = packet;
  const ip = ipOptions(packet.ip);
  const source = packet.ports?.source ?? connection.remotePort;
  const destination = packet.ports?.destination ?? connection.localPort;
  const ends = { source: connection.remoteIp, destination: connection.localIp, ip };
  const ports = { sourcePort: source, destinationPort: destination };
  switch (body.protocol) {
    case 'tcp':
      return craftTcp({ ...ends, ...ports, ...tcpFields(body, connection) });
    case 'udp':
      return craftUdp({ ...ends, ...ports, payload: new Uint8Array(body.length) });
    case 'icmp':
      return icmpOctets(body, connection, ip);
    default:
      throw new Unsupported(body.protocol);
  }
}

function ipOptions(ip: IpInfo): Ipv4Options {
  if (ip.ecn === 'ect01') throw new Unsupported('[ect01] on a packet that is sent');
  const tos = ip.tos ?? ((ip.dscp ?? 0) << 2) | ECN_BITS[ip.ecn ?? 'noecn'];
  return { tos, ttl: ip.ttl ?? TTL, df: false };
}

function tcpFields(
  body: TcpBody,
  connection: Connection,
): Omit<Parameters<typeof craftTcp>[0], 'source' | 'destination' | 'sourcePort' | 'destinationPort'> {
  const { sequence, flags } = body;
  if (sequence.ignored) throw new Unsupported('a sequence number that is not said, on a packet that is sent');
  if (body.options === 'any') throw new Unsupported('<...> on a packet that is sent');
  if (flags.includes('S')) connection.sendsSyn(sequence.start);
  const names = flags
    .split('')
    .filter((letter) => letter !== 'A')
    .map((letter) => FLAG_LETTERS[letter]);
  return {
    seq: sequence.absolute ? sequence.start : connection.remoteToLive(sequence.start),
    ack: flags.includes('.') ? connection.localToLive(body.ack ?? 0) : (body.ack ?? 0),
    flags: names,
    window: body.window ?? 0,
    urgent: body.urgent ?? 0,
    reserved: flags.includes('A') ? 1 : 0,
    options: body.options.map((option) => wireOption(option, connection)),
    payload: new Uint8Array(sequence.length),
  };
}

function wireOption(option: TcpOption, connection: Connection): WireOption {
  switch (option.kind) {
    case 'nop':
      return { option: 'nop' };
    case 'eol':
      return { option: 'eol' };
    case 'sackOK':
      return { option: 'sack-permitted' };
    case 'mss':
      return { option: 'mss', mss: option.value ?? 0 };
    case 'wscale':
      return { option: 'window-scale', shift: option.value ?? 0 };
    case 'TS': {
      if (option.value === undefined)
        throw new Unsupported('a timestamp that is not said, on a packet that is sent');
      const echo = option.echoAbsolute ? option.echo : connection.stampToLive(option.echo);
      return { option: 'timestamps', value: option.value, echo };
    }
    case 'sack':
      return {
        option: 'sack',
        blocks: option.blocks.map(({ left, right }) => [
          connection.localToLive(left),
          connection.localToLive(right),
        ]),
      };
    default:
      throw new Unsupported(`the TCP option ${option.kind}`);
  }
}

function icmpOctets(body: IcmpBody, connection: Connection, ip: Ipv4Options): Uint8Array {
  const numbers = icmpNumbers(4, body.type, body.code);
  if (numbers === undefined) throw new Unsupported(`ICMP ${body.type} ${body.code ?? ''}`);
  const { type, code } = numbers;
  const { remoteIp: source, localIp: destination } = connection;
  if (type === 8 || type === 0) return craftIcmp({ source, destination, type, code, id: body.id ?? 0, ip });
  return craftIcmpError({
    quoting: quotedOctets(body.quoted, connection),
    source,
    destination,
    type,
    code,
    mtu: body.mtu ?? 0,
    quote: QUOTE,
    ip,
  });
}

/** A packet of ours, as it would look where it could not go on. */
function quotedOctets(quoted: QuotedPacket | undefined, connection: Connection): Uint8Array {
  const ends = {
    source: connection.localIp,
    destination: connection.remoteIp,
    sourcePort: connection.localPort,
    destinationPort: connection.remotePort,
  };
  const protocol = quoted?.protocol ?? connection.protocol;
  if (protocol === 'udp') {
    return craftUdp({ ...ends, payload: new Uint8Array(quoted?.protocol === 'udp' ? quoted.length : 0) });
  }
  if (protocol !== 'tcp') throw new Unsupported(`${protocol} quoted in ICMP`);
  const { start, length } = quoted?.protocol === 'tcp' ? quoted.sequence : { start: 0, length: 0 };
  return craftTcp({ ...ends, seq: connection.localToLive(start), payload: new Uint8Array(length) });
}
