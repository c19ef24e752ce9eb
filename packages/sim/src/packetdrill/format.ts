// The printer: packets, system calls and times in packetdrill's notation, so that what is printed can be parsed again.

import type {
  EventTime,
  Expression,
  IcmpBody,
  IpInfo,
  OuterHeader,
  PacketAction,
  Ports,
  QuotedPacket,
  ScriptEvent,
  Sequence,
  SyscallAction,
  TcpBody,
  TcpOption,
} from './ast.ts';

/**
 * A packet without its direction: `[ect0] S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>`. What the script does not say is not printed.
 *
 * @example
 * formatPacket(action); // 'P. 1:1001(1000) ack 1 win 257'
 */
export function formatPacket(packet: Omit<PacketAction, 'kind' | 'direction' | 'at'>): string {
  const { body } = packet;
  const head = [...packet.outer.map(outerHeader), ipInfo(packet.ip)];
  const ports = packet.ports === undefined ? '' : portPair(packet.ports);
  switch (body.protocol) {
    case 'tcp':
      return spaced(...head, ports, tcp(body));
    case 'udp':
    case 'udplite': {
      const coverage = body.coverage === undefined ? '' : `, ${body.coverage}`;
      return spaced(...head, body.protocol, ports, `(${body.length}${coverage})`);
    }
    case 'icmp':
      return spaced(...head, ports, icmp(body));
    case 'sctp':
      return spaced(...head, ports, body.text);
  }
}

/** `1:1001(1000)`. */
export function formatSequence(sequence: Sequence): string {
  if (sequence.ignored) return `...(${sequence.length})`;
  return `${sequence.start}:${sequence.end}(${sequence.length})${sequence.absolute ? '!' : ''}`;
}

/** `<mss 1460,nop,wscale 8>`; '' when there are none, `<...>` for any. */
export function formatTcpOptions(options: TcpBody['options']): string {
  if (options === 'any') return '<...>';
  return options.length === 0 ? '' : `<${options.map(tcpOption).join(',')}>`;
}

/** An argument or a result as it is written in a call. */
export function formatExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'ellipsis':
      return '...';
    case 'integer':
    case 'float':
    case 'opaque':
      return expression.text;
    case 'word':
      return expression.name;
    case 'string':
      return `"${escapeString(expression.value)}"${expression.prefix ? '...' : ''}`;
    case 'array':
      return `[${formatList(expression.items)}]`;
    case 'tuple':
      return `{${formatList(expression.items)}}`;
    case 'struct':
      return `{${expression.fields.map(({ name, count, value }) => `${name}${count === undefined ? '' : `(${formatExpression(count)})`}=${formatExpression(value)}`).join(', ')}}`;
    case 'call':
      return `${expression.name}(${formatList(expression.arguments)})`;
    case 'binary':
      return `${operand(expression.left)}${expression.operator}${operand(expression.right)}`;
    case 'unary':
      return `${expression.operator}${operand(expression.operand)}`;
    case 'assign':
      return `${expression.name} = ${formatExpression(expression.value)}`;
  }
}

/** `read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`. */
export function formatSyscall(call: SyscallAction): string {
  const note = call.note === undefined ? '' : `(${call.note})`;
  const text = `${call.name}(${formatList(call.arguments)}) =`;
  return spaced(text, formatExpression(call.result), call.errno ?? '', note);
}

/** `0.1`, `+.1` is printed `+0.1`, `0.1~0.2`, `*`. */
export function formatTime(time: EventTime): string {
  if (time.kind === 'any') return '*';
  const sign = time.kind.startsWith('relative') ? '+' : '';
  const from = `${sign}${seconds(time.fromUs)}`;
  return 'toUs' in time ? `${from}~${sign}${seconds(time.toUs)}` : from;
}

/** One event on one line, commands and code on as many as they have. */
export function formatEvent({ time, action }: ScriptEvent): string {
  const when = formatTime(time);
  switch (action.kind) {
    case 'packet':
      return `${when} ${action.direction === 'in' ? '<' : '>'} ${formatPacket(action)}`;
    case 'syscall':
      return `${when}${action.endUs === undefined ? '' : `...${seconds(action.endUs)}`} ${formatSyscall(action)}`;
    case 'command':
      return `${when} \`${action.text}\``;
    case 'code':
      return `${when} %{ ${action.text} }%`;
  }
}

function seconds(us: number): string {
  const text = (us / 1e6).toFixed(6).replace(/0+$/, '');
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

function spaced(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

function portPair({ source, destination }: Ports): string {
  return `${source} > ${destination}`;
}

function ipInfo(ip: IpInfo): string {
  const parts: string[] = [];
  if (ip.tos !== undefined) parts.push(`tos 0x${ip.tos.toString(16)}`);
  if (ip.dscp !== undefined) parts.push(`dscp 0x${ip.dscp.toString(16)}`);
  if (ip.ecn !== undefined) parts.push(ip.dscp === undefined ? ip.ecn : `ecn ${ip.ecn}`);
  if (ip.flowLabel !== undefined) parts.push(`flowlabel 0x${ip.flowLabel.toString(16)}`);
  if (ip.ttl !== undefined) parts.push(`ttl ${ip.ttl}`);
  return parts.length === 0 ? '' : `[${parts.join(', ')}]`;
}

function outerHeader(header: OuterHeader): string {
  if ('text' in header) return `${header.text}:`;
  return `${spaced(header.kind, ipInfo(header.ip), header.source, '>', header.destination)}:`;
}

function tcp(body: TcpBody): string {
  const flags = body.ace === undefined ? body.flags : `${body.flags}${body.ace}`;
  return spaced(
    flags === '' ? '-' : flags,
    formatSequence(body.sequence),
    body.ack === undefined ? '' : `ack ${body.ack}`,
    body.window === undefined ? '' : `win ${body.window}`,
    body.urgent === undefined ? '' : `urg ${body.urgent}`,
    formatTcpOptions(body.options),
    body.udpEncapsulation === undefined ? '' : `/udp(${portPair(body.udpEncapsulation)})`,
    body.fuzz ?? '',
  );
}

function tcpOption(option: TcpOption): string {
  switch (option.kind) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return option.kind;
    case 'mss':
      return `mss ${option.value}`;
    case 'wscale':
      return `wscale ${option.value ?? '*'}`;
    case 'TS':
      return `TS val ${option.value ?? '...'} ecr ${option.echo}${option.echoAbsolute ? '!' : ''}`;
    case 'sack':
      return `sack ${option.blocks.map(({ left, right }) => `${left}:${right}`).join(' ')}`;
    case 'FO':
    case 'FOEXP':
      return spaced(option.kind, option.cookie);
    case 'md5':
      return spaced('md5', option.digest);
    case 'accecn':
      return spaced(option.name, ...option.counters.map(({ name, value }) => `${name} ${value}`));
    case 'exp-tarr':
      return option.value === undefined ? 'exp-tarr' : `exp-tarr ${option.value}`;
  }
}

function icmp(body: IcmpBody): string {
  return spaced(
    'icmp',
    body.type,
    body.code ?? '',
    body.mtu === undefined ? '' : `mtu ${body.mtu}`,
    body.id === undefined ? '' : `id ${body.id}`,
    body.quoted === undefined ? '' : `[${quotedPacket(body.quoted)}]`,
  );
}

function quotedPacket(quoted: QuotedPacket): string {
  switch (quoted.protocol) {
    case 'tcp': {
      const inUdp = quoted.udpEncapsulation === undefined ? '' : `/udp(${portPair(quoted.udpEncapsulation)})`;
      return spaced(formatSequence(quoted.sequence), inUdp);
    }
    case 'udp':
    case 'raw':
      return `${quoted.protocol} (${quoted.length})`;
    case 'udplite':
    case 'sctp':
      return quoted.text;
  }
}

function formatList(items: readonly Expression[]): string {
  return items.map(formatExpression).join(', ');
}

function operand(expression: Expression): string {
  const text = formatExpression(expression);
  return expression.kind === 'binary' ? `(${text})` : text;
}

function escapeString(value: string): string {
  return value.replace(/["\\]/g, '\\$&').replace(/[^ -~]/g, (character) => {
    if (character === '\n') return '\\n';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
