// Printing a packet or a call and reading it again gives the same tree.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { EventTime, Expression, PacketAction, ScriptEvent, Sequence, TcpOption } from './ast.ts';
import { formatEvent } from './format.ts';
import { parseScript } from './parse.ts';

const at = { line: 1, column: 1 };
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const ports = fc.record({ source: u16, destination: u16 });
const hex = (octets: number) =>
  fc
    .uint8Array({ maxLength: octets })
    .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));

const sequence: fc.Arbitrary<Sequence> = fc
  .record({ start: u32, length: u16, form: fc.constantFrom('relative', 'absolute', 'ignored') })
  .map(({ start, length, form }) =>
    form === 'ignored'
      ? { start: 0, end: length, length, absolute: false, ignored: true }
      : { start, end: (start + length) % 2 ** 32, length, absolute: form === 'absolute', ignored: false },
  );

const tcpOption: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.record({ kind: fc.constantFrom('nop', 'eol', 'sackOK') }),
  fc.record({ kind: fc.constant('mss' as const), value: u16 }),
  fc.record({ kind: fc.constant('wscale' as const), value: maybe(u8) }),
  fc.record({ kind: fc.constant('TS' as const), value: maybe(u32), echo: u32, echoAbsolute: fc.boolean() }),
  fc.record({
    kind: fc.constant('sack' as const),
    blocks: fc.array(fc.record({ left: u32, right: u32 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constantFrom('FO', 'FOEXP'), cookie: hex(16) }),
  fc.record({ kind: fc.constant('md5' as const), digest: fc.oneof(hex(16), fc.constant('valid')) }),
  fc.record({ kind: fc.constant('exp-tarr' as const), value: maybe(fc.nat(0x7ff)) }),
  fc.record({
    kind: fc.constant('accecn' as const),
    name: fc.constantFrom('AccECN0', 'exp-AccECN1', 'ECN'),
    counters: fc.array(fc.record({ name: fc.constantFrom('ee0b', 'eceb', 'ee1b'), value: u16 }), {
      maxLength: 3,
    }),
  }),
);

const tcpBody = fc
  .record({
    flags: fc.subarray(Array.from('FSRPUEWA.')).map((letters) => letters.join('')),
    ace: maybe(fc.nat(7)),
    sequence,
    ack: maybe(u32),
    window: maybe(u16),
    urgent: maybe(u16),
    options: fc.oneof(fc.array(tcpOption, { maxLength: 6 }), fc.constant('any' as const)),
    udpEncapsulation: maybe(ports),
  })
  .map((body) => ({
    protocol: 'tcp' as const,
    fuzz: undefined,
    ...body,
    ace: body.flags.endsWith('.') ? body.ace : undefined,
  }));

const udpBody = fc.record({ length: u16, coverage: maybe(u16) }).map(({ length, coverage }) => ({
  protocol: coverage === undefined ? ('udp' as const) : ('udplite' as const),
  length,
  coverage,
}));

const icmpBody = fc.record({
  protocol: fc.constant('icmp' as const),
  type: fc.constantFrom('unreachable', 'echo_request', 'time_exceeded'),
  code: maybe(fc.constantFrom('port_unreachable', 'frag_needed')),
  mtu: maybe(u16),
  id: maybe(u16),
  quoted: maybe(
    fc.oneof(
      fc.record({ protocol: fc.constant('tcp' as const), sequence, udpEncapsulation: maybe(ports) }),
      fc.record({ protocol: fc.constantFrom('udp', 'raw'), length: u16 }),
    ),
  ),
});

/** tos says what dscp and ecn would say again. */
const ipInfo = fc
  .record(
    {
      tos: u8,
      dscp: fc.nat(0x3f),
      ecn: fc.constantFrom('noecn', 'ect0', 'ect1', 'ce'),
      flowLabel: fc.nat(0xf_ffff),
      ttl: u8,
    },
    { requiredKeys: [] },
  )
  .map(({ tos, ...rest }) =>
    tos === undefined || 'dscp' in rest || 'ecn' in rest ? rest : { tos, ...rest },
  );

const packet = fc
  .record({
    direction: fc.constantFrom('in', 'out'),
    ip: ipInfo,
    ports: maybe(ports),
    body: fc.oneof(tcpBody, udpBody, icmpBody),
  })
  .map(({ direction, body, ...rest }): PacketAction => {
    const any = body.protocol === 'tcp' && body.options === 'any';
    return { kind: 'packet', at, outer: [], ...rest, body, direction: any ? 'out' : direction };
  });

const word = fc.constantFrom('SOCK_STREAM', 'O_NONBLOCK', 'x', '_9', 'TCP_INFO');
const expression = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'expression' },
    fc.record({ kind: fc.constant('ellipsis' as const), at: fc.constant(at) }),
    fc.integer().map((value) => ({ kind: 'integer' as const, at, value, text: String(value) })),
    u32.map((value) => ({ kind: 'integer' as const, at, value, text: `0x${value.toString(16)}` })),
    word.map((name) => ({ kind: 'word' as const, at, name })),
    fc
      .record({ value: fc.array(u8).map((codes) => String.fromCharCode(...codes)), prefix: fc.boolean() })
      .map(({ value, prefix }) => ({ kind: 'string' as const, at, value, prefix })),
    fc.array(tie('any'), { maxLength: 3 }).map((items) => ({ kind: 'array' as const, at, items })),
    fc.array(tie('any'), { maxLength: 3 }).map((items) => ({ kind: 'tuple' as const, at, items })),
    fc
      .array(
        fc.record({
          name: fc.constantFrom('fd', 'events', 'msg_iov'),
          count: maybe(u8.map((value) => ({ kind: 'integer' as const, at, value, text: String(value) }))),
          value: tie('any'),
        }),
        { minLength: 1, maxLength: 3 },
      )
      .map((fields) => ({ kind: 'struct' as const, at, fields })),
    fc
      .record({ name: word, arguments: fc.array(tie('any'), { maxLength: 2 }) })
      .map((rest) => ({ kind: 'call' as const, at, ...rest })),
    fc
      .record({
        operator: fc.constantFrom('|', '^', '&', '<<', '>>', '+', '*', '/'),
        left: tie('any'),
        right: tie('any'),
      })
      .map((rest) => ({ kind: 'binary' as const, at, ...rest })),
  ),
})).any;

const time: fc.Arbitrary<EventTime> = fc
  .record({
    kind: fc.constantFrom('absolute', 'relative', 'any', 'absolute-range', 'relative-range'),
    a: u32,
    b: u32,
  })
  .map(({ kind, a, b }): EventTime => {
    if (kind === 'any') return { kind };
    if (kind === 'absolute' || kind === 'relative') return { kind, fromUs: a };
    return { kind, fromUs: Math.min(a, b), toUs: Math.max(a, b) };
  });

/** The tree without its places. */
function bare(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value) => (key === 'at' ? undefined : value)));
}

function reread(event: ScriptEvent): ScriptEvent {
  return parseScript(formatEvent(event), 'printed.pkt').events[0];
}

property.prop([packet, time], { numRuns: 1000 })(
  'a packet that is printed reads as the same packet',
  (action, when) => {
    const outgoing = action.direction === 'out' || when.kind === 'absolute' || when.kind === 'relative';
    const event: ScriptEvent = { at, time: outgoing ? when : { kind: 'absolute', fromUs: 0 }, action };
    expect(bare(reread(event))).toEqual(bare(event));
  },
);

property.prop([fc.array(expression, { maxLength: 4 }), maybe(u32)], { numRuns: 500 })(
  'a call that is printed reads as the same call',
  (args, endUs) => {
    const event: ScriptEvent = {
      at,
      time: { kind: 'relative', fromUs: 0 },
      action: {
        kind: 'syscall',
        at,
        name: 'f',
        arguments: args,
        result: { kind: 'integer', at, value: -1, text: '-1' },
        errno: 'EAGAIN',
        note: 'Resource temporarily unavailable',
        endUs,
      },
    };
    expect(bare(reread(event))).toEqual(bare(event));
  },
);

property.prop([fc.string({ unit: 'grapheme-ascii', maxLength: 60, size: 'max' })])(
  'whatever is read, the only thing thrown is a ScriptError with a place',
  (text) => {
    try {
      parseScript(text, 'noise.pkt');
    } catch (error) {
      expect(error).toMatchObject({ name: 'ScriptError', file: 'noise.pkt', line: expect.any(Number) });
    }
  },
);
