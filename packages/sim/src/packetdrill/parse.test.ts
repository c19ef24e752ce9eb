// packetdrill's language: what each construct means, and what is said of a mistake.

import { describe, expect, test } from 'vitest';
import type { PacketAction, Script, SyscallAction } from './ast.ts';
import { formatEvent, formatSyscall } from './format.ts';
import { icmpNumbers } from './icmp-names.ts';
import { parseScript } from './parse.ts';
import { ScriptError } from './script-error.ts';

function parse(text: string, options = {}): Script {
  return parseScript(text, 'x.pkt', options);
}

function packet(text: string): PacketAction {
  const { action } = parse(`0 ${text}\n`).events[0];
  if (action.kind !== 'packet') throw new Error(`${text} is no packet`);
  return action;
}

function tcp(text: string) {
  const { body } = packet(text);
  if (body.protocol !== 'tcp') throw new Error(`${text} is not TCP`);
  return body;
}

function call(text: string): SyscallAction {
  const { action } = parse(`0 ${text}\n`).events[0];
  if (action.kind !== 'syscall') throw new Error(`${text} is no system call`);
  return action;
}

function error(text: string, options = {}): ScriptError {
  try {
    parse(text, options);
  } catch (thrown) {
    if (thrown instanceof ScriptError) return thrown;
    throw thrown;
  }
  throw new Error(`no error in ${text}`);
}

/** Every line must come out as it went in, or as it stands on the right. */
const LINES: readonly (readonly [string] | readonly [string, string])[] = [
  ['0 > - 0:0(0)'],
  ['0.5 > . 1:1(0) ack 1'],
  [
    '+.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>',
    '+0.1 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>',
  ],
  ['+0 > .P 1:2(1)', '!'],
  ['* > F. 1:1(0) ack 1 win 0 urg 5'],
  ['1.002~1.25 > R 1:1(0)'],
  ['+0~+.05 > PF. 1:11(10) ack 1 <...>', '+0~+0.05 > FP. 1:11(10) ack 1 <...>'],
  ['+0 > [ect01] SEW 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>'],
  ['+0 < (ce) EWA. 1:1(0) ack 1', '+0 < [ce] EWA. 1:1(0) ack 1'],
  ['+0 < [tos 0x10, flowlabel 0x12345, ttl 3] . 1:1(0)'],
  ['+0 < [dscp af21, ecn ect0] . 1:1(0)', '+0 < [dscp 0x12, ecn ect0] . 1:1(0)'],
  ['+0 < [dscp cs6] . 1:1(0)', '+0 < [dscp 0x30] . 1:1(0)'],
  ['+0 > P.5 1:2(1) ack 1'],
  ['+0 > .7 1:1(0) ack 1'],
  ['+0 < 5000 > 8080 . 4294967290:4(10) ack 1'],
  ['+0 > . 1:1(0)! ack 1 <TS val ... ecr 5!>'],
  ['+0 > . ...(12) ack 1'],
  ['+0 > . 1:1(0) ack 1 <nop,nop,sack 1:2 3:4 5:6>'],
  ['+0 > S 0:0(0) <FO,nop,FO 0a1b2c3d,FOEXP 00112233,wscale *>'],
  ['+0 > S 0:0(0) <exp-FO 0a1b>', '+0 > S 0:0(0) <FOEXP 0a1b>'],
  ['+0 > S 0:0(0) <md5 00112233445566778899aabbccddeeff,eol>'],
  ['+0 > S 0:0(0) <md5 valid,exp-tarr,exp-tarr 10>'],
  ['+0 > . 1:1(0) ack 1 <AccECN0 ee0b 1 eceb 2 ee1b 3>'],
  ['+0 > . 1:1(0) ack 1 /udp(9899 > 9900)'],
  ['+0 < S 0:0(0) win 1 {mut tcp mss; trun ip 1-2}'],
  ['+0 < udp (1000)'],
  ['+0 > udp 53 > 5353 (10)'],
  ['+0 < udplite (100, 20)'],
  ['+0 < icmp unreachable port_unreachable [udp (100)]'],
  ['+0 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]'],
  ['+0 < icmp echo_request id 7'],
  ['+0 < icmp time_exceeded exceeded_in_transit [1:1(0) /udp(1 > 2)]'],
  ['+0 < icmp unreachable host_unreachable [sctp (1)]'],
  ['+0 < ipv4 [ttl 9] 192.0.2.1 > 192.168.0.1: gre: ipv6 fe80::1 > ::ffff:1.2.3.4: udp (1)'],
  ['+0 < mpls (label 0, tc 0, [S], ttl 0) (label 1, tc 1, ttl 1): . 1:1(0)'],
  ['+0 < gre flags [checksum present,key present], sum 0, off 0, key = 1, seq 0: . 1:1(0)'],
  ['+0 < gre flags [sequence# present], sum 0, off 0, key 0, seq 1: . 1:1(0)'],
  ['+0 < sctp: INIT[flgs=0, tag=1, val=[1, 2]]; I-DATA[flgs=BE]'],
  ['+0 < 1 > 2 sctp(tag=5): [0x01, 0x02]'],
  ['0...0.2 read(4, ..., 1000) = 0'],
  ['+.1...0.3 read(4, "GET\\n", 1000) = 3', '+0.1...0.3 read(4, "GET\\n", 1000) = 3'],
  ['+0 close(4) = -1 EBADF (Bad file descriptor)'],
  ['+0 fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)'],
  ['+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0'],
  ['+0 f(1 << 2 | ~3 & 0x4, (5 + 6) * 7, -x, 1.5) = A|B', '+0 f((1<<2)|(~3&0x4), (5+6)*7, -x, 1.5) = A|B'],
  ['+0 poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1'],
  ['+0 epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, u64=0xffffffffffffffff}) = 0'],
  ['+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0'],
  [
    '+0 connect(3, {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}, ...) = 0',
    '+0 connect(3, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("192.0.2.1")}, ...) = 0',
  ],
  [
    '+0 recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0, msg_control=[{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=0, ee_info=1}}]}, 0) = 10',
  ],
  [
    '+0 sendmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 1}, {iov_base=..., iov_len=2}], msg_control(8)=[], msg_flags=0}, MSG_ZEROCOPY) = 3',
  ],
  ['+0 setsockopt(3, IPPROTO_TCP, X, {function_set_name="rack", pcbcnt=...}, 36) = 0'],
  [
    '+0 setsockopt(3, A, B, [{(label 0, tc 0, [S], ttl 0)}, {flags [none], sum 0, off 0, key 0, seq 0}], 1) = 0',
    '+0 setsockopt(3, A, B, [{(label 0, tc 0, [S], ttl 0)}, {flags [none], sum 0, off 0, key 0, seq 0}], 1) = 0',
  ],
  ['+0 g(TCP_NODELAY = 1, "a" "\\x62\\103", "pre"...) = ?', '+0 g(TCP_NODELAY = 1, "abC", "pre"...) = ...'],
  ['+0 %{ assert tcpi_rto == 200000 }%'],
  ['+0 `sysctl -q net.ipv4.tcp_sack=0`'],
];

describe('lines of the language', () => {
  test.each(LINES)('%s', (line, printed = line) => {
    if (printed === '!') expect(error(`${line}\n`).kind).toBe('syntax');
    else expect(parse(`${line}\n`).events.map(formatEvent)).toEqual([printed]);
  });
});

describe('a whole script', () => {
  const script = parse(`#!/usr/bin/env tun-packetdrill
// A comment, /* and one inside it.
--ip_version=ipv4 --mtu=1500 /* beside options */
--local_ip=fd3d::1
--send_omit_free
--define=CC="reno tahoe"
\`./defaults.sh
sysctl -q -w net.ipv4.tcp_sack=0\`

0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3   // comment
*  > S 0:0(0) <...>
+0 write(3, ..., 10) = 10
* > P. 1:11(10) ack 1
+1 %{
x = 1
assert x
}%
%{ print(x) }%
+0 \`echo a
echo b\`
/* over
lines */ +0 setsockopt(3, SOL_TCP, TCP_CONGESTION, CC, 4) = 0
\`cleanup\`
`);

  test('has its options in order', () => {
    expect(script.options.map(({ name, value }) => [name, value])).toEqual([
      ['ip_version', 'ipv4'],
      ['mtu', '1500'],
      ['local_ip', 'fd3d::1'],
      ['send_omit_free', undefined],
      ['define', 'CC="reno tahoe"'],
    ]);
  });

  test('has commands before the first and behind the last event', () => {
    expect(script.initCommands.map(({ text }) => text)).toEqual([
      './defaults.sh\nsysctl -q -w net.ipv4.tcp_sack=0',
    ]);
    expect(script.cleanupCommand?.text).toBe('cleanup');
  });

  test('tells on which line each event begins', () => {
    expect(script.events.map(({ at }) => at.line)).toEqual([10, 11, 12, 13, 14, 18, 19, 22]);
  });

  test('takes a result, then * as the time of the next line, for what they are', () => {
    expect(script.events.slice(0, 4).map(({ action, time }) => [action.kind, time.kind])).toEqual([
      ['syscall', 'absolute'],
      ['packet', 'any'],
      ['syscall', 'relative'],
      ['packet', 'any'],
    ]);
  });

  test('says where the code of a block begins, blanks stripped', () => {
    const { action } = script.events[4];
    expect(action).toEqual({ kind: 'code', text: '\nx = 1\nassert x\n', at: { line: 14, column: 6 } });
  });

  test('runs code without a time where it stands', () => {
    expect(script.events[5]).toMatchObject({
      time: { kind: 'relative', fromUs: 0 },
      action: { text: 'print(x)' },
    });
  });

  test('puts what is defined in the place of its name', () => {
    const { action } = script.events[7];
    expect(action.kind === 'syscall' && formatSyscall(action)).toBe(
      'setsockopt(3, SOL_TCP, TCP_CONGESTION, "reno tahoe", 4) = 0',
    );
  });
});

describe('times', () => {
  test('are microseconds, rounded', () => {
    const [first] = parse('1.0000015 close(3) = 0\n').events;
    expect(first.time).toEqual({ kind: 'absolute', fromUs: 1_000_002 });
  });

  test('of a blocking call end on the base of its beginning', () => {
    expect(call('close(3) = 0').endUs).toBeUndefined();
    const { time, action } = parse('+.1...+0.3 close(3) = 0\n').events[0];
    expect([time, action.kind === 'syscall' && action.endUs]).toEqual([
      { kind: 'relative', fromUs: 100_000 },
      300_000,
    ]);
  });

  test('with a range may have the + once or twice', () => {
    expect(parse('+.1~.2 > . 1:1(0)\n').events[0].time).toEqual({
      kind: 'relative-range',
      fromUs: 100_000,
      toUs: 200_000,
    });
  });
});

describe('definitions', () => {
  test('from the command line count, and those of the script come on top', () => {
    const defines = new Map([
      ['N', '4'],
      ['M', '5'],
    ]);
    expect(call('f(N, M) = 0').arguments.map(({ kind }) => kind)).toEqual(['word', 'word']);
    const { action } = parse('--define=M=0x6\n0 f(N, M) = N\n', { defines }).events[0];
    expect(action.kind === 'syscall' && formatSyscall(action)).toBe('f(4, 0x6) = 4');
  });

  test('may be a command in back quotes', () => {
    const { events } = parse('--define=CLEAN=`rm -f x`\n0 CLEAN\n');
    expect(events[0].action).toMatchObject({ kind: 'command', text: 'rm -f x' });
  });
});

describe('#ifdef', () => {
  const text = '0 a() = 0\n#ifdef FreeBSD\n0 b() = 0\n#endif\n#ifdef Linux\n0 c() = 0\n#endif\n0 d() = 0\n';
  const names = (script: Script) =>
    script.events.map(({ action }) => (action.kind === 'syscall' ? action.name : ''));

  test('keeps what is for Linux', () => {
    expect(names(parse(text))).toEqual(['a', 'c', 'd']);
  });

  test('keeps what is for the system asked for', () => {
    expect(names(parse(text, { os: 'freebsd' }))).toEqual(['a', 'b', 'd']);
  });

  test('without an end is a mistake', () => {
    expect(error('#ifdef NetBSD\n0 a() = 0\n').message).toBe(
      'x.pkt:1:14: this #ifdef has no end: expected #endif',
    );
  });
});

describe('packets', () => {
  test('without options have none, which is not the same as any', () => {
    expect(tcp('> . 1:1(0)').options).toEqual([]);
    expect(tcp('> . 1:1(0) <>').options).toEqual([]);
    expect(tcp('> . 1:1(0) <...>').options).toBe('any');
  });

  test('leave unsaid what is not written', () => {
    expect(tcp('> . 1:1(0)')).toMatchObject({ ack: undefined, window: undefined, urgent: undefined });
    expect(tcp('> . 1:1(0) win *').window).toBeUndefined();
  });

  test('keep flags in one order whatever the order written', () => {
    expect(tcp('> PSUF. 1:1(0)').flags).toBe('FSPU.');
  });

  test('count sequence numbers modulo 2^32', () => {
    expect(tcp('< . 4294967290:4(10)').sequence).toMatchObject({ start: 4294967290, end: 4, length: 10 });
  });

  test('name their ports before or behind udp', () => {
    expect(packet('< udp 1 > 2 (3)').ports).toEqual({ source: 1, destination: 2 });
    expect(packet('< 1 > 2 udp (3)').ports).toEqual({ source: 1, destination: 2 });
  });

  test('of ICMP have numbers for their words', () => {
    expect(icmpNumbers(4, 'unreachable', 'frag_needed')).toEqual({ type: 3, code: 4 });
    expect(icmpNumbers(4, 'time_exceeded', undefined)).toEqual({ type: 11, code: 0 });
    expect(icmpNumbers(6, 'unreachable', 'port_unreachable')).toEqual({ type: 1, code: 4 });
    expect(icmpNumbers(4, 'packet_too_big', undefined)).toBeUndefined();
    expect(icmpNumbers(4, 'unreachable', 'no_route')).toBeUndefined();
    expect(icmpNumbers(4, 'toString', undefined)).toBeUndefined();
  });
});

describe('values', () => {
  test('of strings are octets', () => {
    expect(call('f("\\0\\377é\\"") = 0').arguments).toMatchObject([{ value: '\0\xff\xc3\xa9"' }]);
  });

  test('of big numbers keep what was written', () => {
    expect(call('f(0xffffffffffffffff) = 0').arguments).toMatchObject([{ text: '0xffffffffffffffff' }]);
  });

  test('in braces without names are a tuple, with names a structure', () => {
    expect(
      call('f({..., 10}, {htons(80)}, {fd=1}, {}, [], ["a", 1]) = 0').arguments.map(({ kind }) => kind),
    ).toEqual(['tuple', 'tuple', 'struct', 'tuple', 'array', 'array']);
  });

  test('bind as in C', () => {
    expect(call('f(1|2^3&4<<5+6*7) = 0').arguments).toMatchObject([
      { operator: '|', right: { operator: '^', right: { operator: '&', right: { operator: '<<' } } } },
    ]);
  });

  test('of a result may be anything', () => {
    expect(call('f() = *').result.kind).toBe('ellipsis');
    expect(call('f() = ?').result.kind).toBe('ellipsis');
    expect(call('f() = ...').result.kind).toBe('ellipsis');
  });

  test('of notes are only words', () => {
    expect(call("f() = -1 EX (Can't do that,   at 100%) (again)")).toMatchObject({
      errno: 'EX',
      note: "Can't do that, at 100%; again",
    });
  });
});

/** Script, then what is said of it. */
const MISTAKES: readonly (readonly [string, string])[] = [
  ['0 > X 1:1(0)', "1:5: expected TCP flags, udp, icmp or sctp, found 'X'"],
  ['0 >\n', '2:1: expected TCP flags, udp, icmp or sctp, found the end of the script'],
  ['\n 0 > . 1:3(1)', '2:8: sequence numbers 1:3 and length 1 do not agree'],
  ['0 > . 1:1', "1:10: expected '(' before the length of the payload, found the end of the script"],
  ['0 > . 1:1(0) win 65536', '1:18: the window 65536 is out of range 0..65535'],
  ['0 > . 1:1(0) ack -1', '1:18: the acknowledgment number -1 is out of range 0..4294967295'],
  ['0 > . 1:1(0) <mss>', "1:18: expected the value of mss, found '>'"],
  ['0 > . 1:1(0) <nop nop>', "1:19: expected ',' or '>' behind a TCP option, found 'nop'"],
  ['0 > . 1:1(0) <TS 1>', "1:18: expected 'val' behind TS, found '1'"],
  ['0 > . 1:1(0) <FO abc>', "1:18: expected the cookie as pairs of hexadecimal digits, found 'abc'"],
  ['0 < . 1:1(0) <...>', '1:14: <...> for TCP options can only be used with outgoing packets'],
  ['0 < [ect01] . 1:1(0)', '1:5: [ect01] can only be used with outgoing packets'],
  [
    '0 < [ect7] . 1:1(0)',
    "1:6: expected noecn, ect0, ect1, ce, ect01, tos, dscp, ttl or flowlabel, found 'ect7'",
  ],
  ['0 < [tos 0x100] . 1:1(0)', '1:10: tos 0x100 is out of range 0..255'],
  ['* < . 1:1(0)', '1:1: the time * can only be used with outgoing packets'],
  ['0~1 f() = 0', '1:1: a range of times can only be used with outgoing packets'],
  ['1~0 > . 1:1(0)', '1:1: this range of times ends before it begins'],
  ['0~+1 > . 1:1(0)', '1:1: a range of times has + on both sides or on none'],
  ['-1 f() = 0', '1:1: a time cannot be negative: -1'],
  ['f() = 0', "1:1: expected a time in seconds, found 'f'"],
  [
    '0',
    "1:2: expected a packet, a system call, `command` or %{ code }% behind the event's time, found the end of the script",
  ],
  ['0 f() 0', "1:7: expected '=' and the result behind f(...), found '0'"],
  ['0 f(1 2) = 0', "1:7: expected ',' or ')', found '2'"],
  ['0 f({a=1, 2}) = 0', "1:11: expected the name of a field, found '2'"],
  ['0 f(,) = 0', "1:5: expected a value, found ','"],
  ['0 f("a) = 0', '1:5: this string has no end: expected "'],
  ['0 `ls', '1:3: this command has no end: expected `'],
  ['0 %{ x', '1:3: this code has no end: expected }%'],
  ['/* x', '1:1: this comment has no end: expected */'],
  ['0 a() = 0\n`b`\n0 c() = 0', '3:1: a command without a time must be the first or the last of the script'],
  ['// nothing', '1:11: expected a time in seconds, found the end of the script'],
  ['0 < icmp', '1:9: expected a type of ICMP, found the end of the script'],
  ['0 < udp', "1:8: expected '(' before the length of udp, found the end of the script"],
];

describe('mistakes are told in one line', () => {
  test.each(MISTAKES)('%s', (text, message) => {
    const found = error(text);
    expect([found.message, found.kind]).toEqual([`x.pkt:${message}`, 'syntax']);
    expect(found.message.startsWith(`x.pkt:${found.line}:${found.column}: `)).toBe(true);
  });
});

test('lines may end as on Windows', () => {
  const { events } = parse('\ufeff0 a() = 0\r\n+0 `b\r\nc`\r\n');
  expect(events.map(({ at }) => at)).toEqual([
    { line: 1, column: 1 },
    { line: 2, column: 1 },
  ]);
  expect(events[1].action).toMatchObject({ text: 'b\nc' });
});

test('brackets nested without end are not supported, which is no crash', () => {
  const deep = `0 f(${'['.repeat(50_000)}${']'.repeat(50_000)}) = 0`;
  expect(error(deep)).toMatchObject({ kind: 'unsupported', line: 1 });
});

test('a protocol that nobody knows is not supported', () => {
  expect(error('0 < psp (spi 1): . 1:1(0)')).toMatchObject({ kind: 'unsupported', line: 1, column: 5 });
});

test('an option of TCP that nobody knows is not supported, which is not a mistake', () => {
  const found = error('0 > S 0:0(0) <mss 1,mp_capable v1>');
  expect([found.kind, found.message]).toEqual([
    'unsupported',
    "x.pkt:1:21: 'mp_capable' is not a TCP option known here",
  ]);
});
