// Which segments count at all: RFC 9293 3.1. What the ones that count do: arrives/table.test.ts.

import { describe, expect, test } from 'vitest';
import { octets, tcpFrame } from '../testing/index.ts';
import { tcpIn } from '../testing/tcp-bench.ts';
import { repairChecksums } from '../wire/craft.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../wire/tcp.ts';

const REASONS = ['TCP_BAD_CHECKSUM', 'TCP_BAD_OFFSET', 'TCP_TRUNCATED', 'TCP_PORT_ZERO'] as const;

describe('what is broken changes nothing, and is not answered', () => {
  /** Text, an acknowledgment and a window, as one octet is changed; by `repair` the checksums are right again. */
  function changed(at: number, value: number, repair: boolean): { reasons: string[]; same: boolean } {
    const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
    const before = bench.app.status();
    const frame = bench.frame({ window: 7 }, octets(5));
    frame[at] = value;
    if (repair) repairChecksums(frame);
    expect(bench.batch(frame)).toEqual([]);
    const reasons = REASONS.filter((reason) => bench.stack.stats.reason(reason) > 0);
    return {
      reasons,
      same: JSON.stringify(bench.app.status()) === JSON.stringify(before) && bench.read.length === 0,
    };
  }

  test('MUST-3: a wrong checksum', () => {
    // Of the header, of the text, of the checksum itself.
    for (const at of [24, 27, 34, 36, 41, 44]) {
      expect(changed(at, 0xa5, false)).toEqual({ reasons: ['TCP_BAD_CHECKSUM'], same: true });
    }
  });

  test.each([
    'LISTEN',
    'SYN-SENT',
    'SYN-RECEIVED',
    'ESTABLISHED',
    'FIN-WAIT-1',
    'CLOSE-WAIT',
    'TIME-WAIT',
  ] as const)('MUST-3: in %s a RST with a wrong checksum ends nothing, and a SYN opens nothing', (state) => {
    const bench = tcpIn(state);
    const connections = bench.stack.tcpConnectionCount;
    for (const flags of [TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK]) {
      const frame = bench.frame({ seq: bench.peer.sndNxt, flags });
      frame[37] ^= 1;
      expect(bench.batch(frame)).toEqual([]);
    }
    expect([bench.state(), bench.stack.tcpConnectionCount]).toEqual([state, connections]);
  });

  test('a data offset below the header, or beyond the segment', () => {
    expect(changed(32, 0x40, true)).toEqual({ reasons: ['TCP_BAD_OFFSET'], same: true });
    expect(changed(32, 0xf0, true)).toEqual({ reasons: ['TCP_BAD_OFFSET'], same: true });
  });

  test('port 0', () => {
    const bench = tcpIn('LISTEN');
    const frames = [tcpFrame({ sport: 0, flags: TCP_SYN }), tcpFrame({ dport: 0, flags: TCP_SYN })];
    expect([bench.batch(...frames), bench.stack.stats.reason('TCP_PORT_ZERO')]).toEqual([[], 2]);
  });
});

test('reserved bits and those of ECN are no reason to drop a segment', () => {
  const bench = tcpIn('ESTABLISHED');
  const frame = bench.frame({ flags: TCP_ACK | 64 | 128 }, octets(3));
  frame[32] |= 0x0f;
  repairChecksums(frame);
  bench.batch(frame);
  expect(bench.read).toEqual([0, 1, 2]);
});

test('padding of the link behind the datagram is no text', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.batch(Uint8Array.of(...bench.frame({}, octets(3)), 9, 9, 9));
  expect(bench.read).toEqual([0, 1, 2]);
});
