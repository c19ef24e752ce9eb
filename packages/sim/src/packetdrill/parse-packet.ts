// Packets of a script: direction, IP, ports, then TCP, UDP, ICMP or SCTP, in tcpdump's manner.

import type {
  Ecn,
  IcmpBody,
  IpInfo,
  OuterHeader,
  PacketAction,
  Ports,
  QuotedPacket,
  SctpBody,
  Sequence,
  TcpBody,
  UdpBody,
} from './ast.ts';
import { parseTcpOptions } from './parse-tcp-options.ts';
import type { TokenCursor } from './token-cursor.ts';

/** The order in which flags are kept and printed. */
export const FLAG_LETTERS = 'FSRPUEWA';
const ECN: ReadonlySet<string> = new Set(['noecn', 'ect0', 'ect1', 'ce', 'ect01']);
/** RFC 2474 classes, RFC 3246 EF, RFC 5865 VOICE-ADMIT, RFC 8622 LE; class n is `csn`, `afxy` is RFC 2597's. */
const DSCP: Readonly<Record<string, number>> = { ef: 46, voice_admit: 44, le: 1 };

/** From `<` or `>` to the end of the packet. */
export function parsePacket(cursor: TokenCursor): PacketAction {
  const at = cursor.at;
  const direction = cursor.acceptMark('<') ? 'in' : 'out';
  if (direction === 'out') cursor.mark('>');
  const outer: OuterHeader[] = [];
  for (let header = outerHeader(cursor); header !== undefined; header = outerHeader(cursor))
    outer.push(header);
  const ipAt = cursor.at;
  const ip = ipInfo(cursor);
  if (direction === 'in' && ip.ecn === 'ect01') {
    cursor.fail('[ect01] can only be used with outgoing packets', ipAt);
  }
  let ports = portPair(cursor);
  const protocol = cursor.is('word') ? cursor.current.text : '';
  let body: PacketAction['body'];
  if (protocol === 'udp' || protocol === 'udplite') {
    cursor.advance();
    ports = portPair(cursor) ?? ports;
    body = udp(cursor, protocol);
  } else if (protocol === 'icmp') {
    body = icmp(cursor);
  } else if (protocol === 'sctp') {
    body = sctp(cursor);
  } else {
    body = tcp(cursor, direction);
  }
  return { kind: 'packet', direction, at, outer, ip, ports, body };
}

function outerHeader(cursor: TokenCursor): OuterHeader | undefined {
  const name = cursor.is('word') ? cursor.current.text : '';
  if (name === 'ipv4' || name === 'ipv6') {
    cursor.advance();
    const ip = ipInfo(cursor);
    const source = address(cursor);
    cursor.mark('>', ' between the addresses');
    const destination = address(cursor);
    cursor.mark(':', ' behind the addresses');
    return { kind: name, ip, source, destination };
  }
  if (name !== 'gre' && name !== 'GREv0' && name !== 'mpls') return undefined;
  const start = cursor.current.start;
  while (!cursor.isMark(':')) {
    if (cursor.is('end')) cursor.expected(`':' behind ${name}`);
    cursor.advance();
  }
  const text = cursor.text.slice(start, cursor.current.start).trimEnd();
  cursor.advance();
  return { kind: name === 'mpls' ? 'mpls' : 'gre', text };
}

function address(cursor: TokenCursor): string {
  if (!cursor.is('ipv4') && !cursor.is('ipv6')) cursor.expected('an IP address');
  return cursor.advance().text;
}

/** `[ect0]`, `(tos 0x10, flowlabel 0x1)`, `[dscp ef, ecn ce, ttl 64]`. */
function ipInfo(cursor: TokenCursor): IpInfo {
  const close = cursor.isMark('[') ? ']' : cursor.isMark('(') ? ')' : undefined;
  if (close === undefined) return {};
  cursor.advance();
  let info: IpInfo = {};
  do info = { ...info, ...ipField(cursor) };
  while (cursor.acceptMark(','));
  cursor.mark(close, ' behind what is said of IP');
  return info;
}

function ipField(cursor: TokenCursor): IpInfo {
  const name = cursor.is('word') ? cursor.current.text.toLowerCase() : '';
  if (ECN.has(name)) {
    cursor.advance();
    return { ecn: name as Ecn };
  }
  switch (name) {
    case 'ecn':
      cursor.advance();
      if (!cursor.is('word') || !ECN.has(cursor.current.text)) {
        cursor.expected('noecn, ect0, ect1, ce or ect01 behind ecn');
      }
      return { ecn: cursor.advance().text as Ecn };
    case 'tos':
    case 'class':
      cursor.advance();
      return { tos: cursor.integer(name, 0xff) };
    case 'dscp':
      cursor.advance();
      return { dscp: dscp(cursor) };
    case 'flowlabel':
      cursor.advance();
      return { flowLabel: cursor.integer('the flow label', 0xf_ffff) };
    case 'ttl':
    case 'hlim':
      cursor.advance();
      return { ttl: cursor.integer(name, 0xff) };
    default:
      return cursor.expected('noecn, ect0, ect1, ce, ect01, tos, dscp, ttl or flowlabel');
  }
}

function dscp(cursor: TokenCursor): number {
  if (cursor.is('integer')) return cursor.integer('dscp', 0x3f);
  let name = cursor.word('a DSCP').toLowerCase();
  if (name === 'voice' && cursor.acceptMark('-')) name = `voice_${cursor.word('admit').toLowerCase()}`;
  const [, kind, high, low] = /^(cs|af)([0-7])([1-3]?)$/.exec(name) ?? [];
  if (kind === 'cs' && low === '') return Number(high) * 8;
  if (kind === 'af' && low !== '' && /[1-4]/.test(high)) return Number(high) * 8 + Number(low) * 2;
  return DSCP[name] ?? cursor.fail(`'${name}' is not a DSCP known here`);
}

function portPair(cursor: TokenCursor): Ports | undefined {
  if (!cursor.is('integer') || !cursor.isMark('>', 1)) return undefined;
  const source = cursor.integer('the source port', 0xffff);
  cursor.advance();
  return { source, destination: cursor.integer('the destination port', 0xffff) };
}

function tcp(cursor: TokenCursor, direction: 'in' | 'out'): TcpBody {
  const { flags, ace } = tcpFlags(cursor);
  const sequence = parseSequence(cursor);
  const ack = cursor.acceptWord('ack') ? cursor.integer('the acknowledgment number') : undefined;
  const window = tcpWindow(cursor);
  const urgent = cursor.acceptWord('urg') ? cursor.integer('the urgent pointer', 0xffff) : undefined;
  const optionsAt = cursor.at;
  const options = parseTcpOptions(cursor);
  if (options === 'any' && direction === 'in') {
    cursor.fail('<...> for TCP options can only be used with outgoing packets', optionsAt);
  }
  const udpEncapsulation = encapsulation(cursor);
  const fuzz = cursor.isMark('{') ? cursor.balanced() : undefined;
  return { protocol: 'tcp', flags, ace, sequence, ack, window, urgent, options, udpEncapsulation, fuzz };
}

function tcpWindow(cursor: TokenCursor): number | undefined {
  if (!cursor.acceptWord('win') || cursor.acceptMark('*')) return undefined;
  return cursor.integer('the window', 0xffff);
}

/** `S.`, `-`, `.`, `P.5`: letters may come in any order; what is kept is in the order of FLAG_LETTERS. */
function tcpFlags(cursor: TokenCursor): { flags: string; ace: number | undefined } {
  const at = cursor.at;
  const what = 'TCP flags, udp, icmp or sctp';
  if (cursor.acceptMark('-')) return { flags: '', ace: undefined };
  const letters = cursor.is('word') ? cursor.advance().text : '';
  if (/^[a-z]/.test(letters)) cursor.unsupported(`the protocol '${letters}' is not known here`, at);
  for (const letter of letters) {
    if (!FLAG_LETTERS.includes(letter)) cursor.fail(`expected ${what}, found '${letters}'`, at);
  }
  let flags = Array.from(FLAG_LETTERS)
    .filter((letter) => letters.includes(letter))
    .join('');
  let ace: number | undefined;
  if (cursor.is('float')) {
    const { text } = cursor.current;
    if (!/^\.[0-7]$/.test(text)) cursor.expected("'.' and the three bits of ACE, .0 to .7");
    ace = Number(cursor.advance().text.slice(1));
    flags += '.';
  } else if (cursor.acceptMark('.')) {
    flags += '.';
  }
  if (flags === '') cursor.expected(what);
  return { flags, ace };
}

/** `1:1001(1000)`, with FreeBSD's `!` behind it, or FreeBSD's `...(1000)`. */
export function parseSequence(cursor: TokenCursor): Sequence {
  const at = cursor.at;
  const ignored = cursor.is('ellipsis');
  let [start, end] = [0, 0];
  if (ignored) {
    cursor.advance();
  } else {
    start = cursor.integer('sequence numbers as start:end(length)');
    cursor.mark(':', ' between sequence numbers');
    end = cursor.integer('the sequence number of the end');
  }
  cursor.mark('(', ' before the length of the payload');
  const length = cursor.integer('the length of the payload', 0xffff);
  cursor.mark(')', ' behind the length of the payload');
  if (ignored) return { start, end: length, length, absolute: false, ignored };
  if (end !== (start + length) % 2 ** 32) {
    cursor.fail(`sequence numbers ${start}:${end} and length ${length} do not agree`, at);
  }
  return { start, end, length, absolute: cursor.acceptMark('!'), ignored };
}

function encapsulation(cursor: TokenCursor): Ports | undefined {
  if (!cursor.acceptMark('/')) return undefined;
  if (!cursor.acceptWord('udp')) cursor.expected("'udp' behind '/'");
  cursor.mark('(');
  const ports = portPair(cursor) ?? cursor.expected('two UDP ports');
  cursor.mark(')');
  return ports;
}

function udp(cursor: TokenCursor, protocol: 'udp' | 'udplite'): UdpBody {
  cursor.mark('(', ` before the length of ${protocol}`);
  const length = cursor.integer('the length of the payload', 0xffff);
  const coverage = cursor.acceptMark(',') ? cursor.integer('the checksum coverage', 0xffff) : undefined;
  cursor.mark(')', ` behind the length of ${protocol}`);
  return { protocol, length, coverage };
}

function icmp(cursor: TokenCursor): IcmpBody {
  cursor.advance();
  const type = cursor.word('a type of ICMP');
  let code: string | undefined;
  let mtu: number | undefined;
  let id: number | undefined;
  let quoted: QuotedPacket | undefined;
  for (;;) {
    if (cursor.acceptWord('mtu')) mtu = cursor.integer('the MTU');
    else if (cursor.acceptWord('id')) id = cursor.integer('the identifier', 0xffff);
    else if (cursor.is('word') && code === undefined) code = cursor.advance().text;
    else if (cursor.isMark('[')) quoted = quotedPacket(cursor);
    else return { protocol: 'icmp', type, code, mtu, id, quoted };
  }
}

function quotedPacket(cursor: TokenCursor): QuotedPacket {
  const start = cursor.current.start;
  if (['udplite', 'sctp'].includes(cursor.ahead(1).text)) {
    const protocol = cursor.ahead(1).text as 'udplite' | 'sctp';
    const text = cursor.balanced();
    return { protocol, text: text.slice(1, -1).trim() };
  }
  cursor.advance();
  let quoted: QuotedPacket;
  if (cursor.isWord('udp') || cursor.isWord('raw')) {
    const protocol = cursor.advance().text as 'udp' | 'raw';
    cursor.mark('(');
    quoted = { protocol, length: cursor.integer('the length of the payload', 0xffff) };
    cursor.mark(')');
  } else {
    quoted = { protocol: 'tcp', sequence: parseSequence(cursor), udpEncapsulation: encapsulation(cursor) };
  }
  cursor.mark(']', ` behind the quoted packet ${cursor.text.slice(start, cursor.current.start).trim()}`);
  return quoted;
}

/** Chunks are read over, each a name and brackets, `;` between. */
function sctp(cursor: TokenCursor): SctpBody {
  const start = cursor.current.start;
  while (!cursor.acceptMark(':')) {
    if (cursor.is('end')) cursor.expected("':' behind sctp");
    cursor.advance();
  }
  if (cursor.isMark('[')) cursor.balanced();
  while (cursor.is('word')) {
    while (cursor.is('word') || cursor.isMark('-')) cursor.advance();
    while (cursor.isMark('[') || cursor.isMark('(')) cursor.balanced();
    if (!cursor.acceptMark(';')) break;
  }
  return { protocol: 'sctp', text: cursor.text.slice(start, cursor.ahead(-1).end) };
}
