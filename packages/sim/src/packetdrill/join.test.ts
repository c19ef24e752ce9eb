// Which segments make up a super-segment.

import { craftTcp } from '@tunstack/stack/craft';
import { dissectIpv4, type Ipv4Layer, type TcpFlag } from '@tunstack/stack/dissect';
import { expect, test } from 'vitest';
import type { PacketAction } from './ast.ts';
import { continues, isPartOf, joined } from './join.ts';
import { parseScript } from './parse.ts';

interface Fields {
  readonly length?: number;
  readonly ack?: number;
  readonly flags?: readonly TcpFlag[];
  readonly destinationPort?: number;
  readonly tos?: number;
}

function segment(seq: number, { length = 100, tos = 0, ...fields }: Fields = {}): Ipv4Layer {
  const ends = { source: '192.168.0.1', destination: '192.0.2.1', sourcePort: 8080, destinationPort: 1 };
  return dissectIpv4(craftTcp({ ...ends, ...fields, seq, payload: new Uint8Array(length), ip: { tos } }));
}

function expected(packet: string): PacketAction {
  return parseScript(`0 > ${packet}`, 'x.pkt').events[0].action as PacketAction;
}

const first = segment(0xffff_ffc0);

test('what goes on where the first ends, across the wrap, and says the same', () => {
  expect(continues(first, segment(36))).toBe(true);
});

test.each([
  ['a hole', segment(37)],
  ['the same again', segment(0xffff_ffc0)],
  ['another acknowledgment', segment(36, { ack: 5 })],
  ['another connection', segment(36, { destinationPort: 2 })],
  ['another mark of ECN', segment(36, { tos: 2 })],
  ['no text', segment(36, { length: 0 })],
])('not %s', (_what, next) => {
  expect(continues(first, next)).toBe(false);
});

test('only a segment shorter than the script wants, with text and without FIN, asks for more', () => {
  const wanted = expected('P. 1:301(300) ack 1');
  const flags = (...names: TcpFlag[]): Fields => ({ flags: ['ACK', ...names] });
  expect(isPartOf(wanted, segment(1))).toBe(true);
  expect(isPartOf(wanted, segment(1, { length: 300 }))).toBe(false);
  expect(isPartOf(wanted, segment(1, { length: 0 }))).toBe(false);
  expect(isPartOf(wanted, segment(1, flags('FIN')))).toBe(false);
  expect(isPartOf(expected('S. 1:301(300) ack 1'), segment(1))).toBe(false);
});

test('together they have one length and the flags of the last; PSH, when the script wants it', () => {
  const last = segment(36, { length: 60 });
  const push = joined(first, last, expected('P. 1:161(160) ack 1'));
  const plain = joined(first, last, expected('. 1:161(160) ack 1'));
  expect(push.totalLength).toBe(20 + 20 + 160);
  expect(push.next).toMatchObject({ seq: 0xffff_ffc0, flags: ['ACK', 'PSH'] });
  expect(plain.next).toMatchObject({ seq: 0xffff_ffc0, flags: ['ACK'] });
});
