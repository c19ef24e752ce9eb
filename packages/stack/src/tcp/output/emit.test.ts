// What every segment that leaves has: checksum, PSH, TTL and DiffServ field, urgent pointer, SACK blocks. RFC 9293 3.1,
// 3.8.5, 3.9.1.2, 3.9.1.9, 3.9.2; RFC 2018 section 4. That its options are lawful, testing/tcp-frames.ts asserts of all.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { FEATURE_CHECKSUM, FEATURE_TSO4 } from '../../contract/link.ts';
import { octets } from '../../testing/index.ts';
import { type Sent, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../wire/tcp.ts';
import { readNaiveOptions } from '../../wire/testing/naive-tcp.ts';

const has =
  (flag: number) =>
  (segment: Sent): boolean =>
    (segment.flags & flag) !== 0;

function send(bench: TcpBench, length: number): Sent[] {
  bench.app.send(new Uint8Array(length));
  return bench.pump();
}

/** Every kind of segment there is, in its order. */
function everyKind(config: Parameters<typeof tcpIn>[1] = {}): Sent[] {
  const bench = tcpIn('SYN-SENT', config);
  const sent = bench.run(1000);
  bench.peer.sndNxt = 1;
  sent.push(...bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK }));
  sent.push(...send(bench, 3001), ...bench.run(1500), ...bench.acks());
  sent.push(...bench.segment({ seq: 10 }, octets(5)));
  sent.push(...bench.sends(octets(20)));
  bench.app.setKeepAlive(true, 1000);
  sent.push(...bench.run(3000));
  bench.app.end();
  sent.push(...bench.pump(), ...bench.acks());
  const stranger = tcpIn('CLOSED');
  sent.push(...stranger.segment({ flags: TCP_SYN }), ...stranger.segment({}));
  const aborted = tcpIn('ESTABLISHED', config);
  aborted.app.abort();
  sent.push(...aborted.pump());
  return sent;
}

test('MUST-2: SYN, SYN again, ACK, text, text again, SACK, keep-alive, FIN and RST have right checksums', () => {
  // readTcpFrame fails where one is wrong.
  const sent = everyKind({ open: 'active', timestamps: true, sack: true });
  const kinds = new Set(sent.map(({ flags }) => flags & ~TCP_PSH));
  expect([...kinds].sort((a, b) => a - b)).toEqual([
    TCP_SYN,
    TCP_RST,
    TCP_ACK,
    TCP_FIN | TCP_ACK,
    TCP_RST | TCP_ACK,
  ]);
  expect(sent.some(({ sack }) => sack.length > 0)).toBe(true);
});

test('MUST-69: behind EOL all is zero, and we send none: what is padded is padded with NOPs', () => {
  const sent = everyKind({ open: 'active', timestamps: true, sack: true, windowScale: 3 });
  // Read one by one: kind 0 among them would be an EOL.
  const kinds = sent.flatMap(({ options }) => readNaiveOptions(options).list.map(({ kind }) => kind));
  expect([...new Set(kinds)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 8]);
});

property.prop([fc.integer({ min: 1, max: 5000 }), fc.integer(), fc.integer()])(
  'MUST-2: the checksum is right whatever the text, its length, and the sequence numbers',
  (length, iss, peerIss) => {
    const bench = tcpIn('ESTABLISHED', { iss, peerIss });
    bench.app.send(Uint8Array.from({ length }, (_, i) => (i * iss) ^ peerIss));
    expect(bench.pump().reduce((sum, { payload }) => sum + payload.length, 0)).toBe(length);
  },
);

describe('PSH', () => {
  test('MUST-61: the segment with the last octet that was given is pushed, and no other', () => {
    const sent = send(tcpIn('ESTABLISHED'), 3 * 1460);
    expect(sent.map(has(TCP_PSH))).toEqual([false, false, true]);
  });

  test('MUST-61: it is pushed again when it is sent again', () => {
    const bench = tcpIn('ESTABLISHED');
    send(bench, 100);
    expect(bench.run(300).map(has(TCP_PSH))).toEqual([true]);
  });
});

describe('the IP header', () => {
  // R1122.9, R1122.11
  test('MUST-48, MUST-49: DiffServ field and TTL are those of the connection, from its SYN on', () => {
    const bench = tcpIn('CLOSED');
    const socket = bench.stack.tcpSocket({});
    socket.ttl = 3;
    socket.tos = 0x48;
    bench.socket = socket;
    socket.connect('10.0.0.1', 4000, { localPort: 7 });
    const sent = bench.pump();
    bench.peer.sndNxt = 1;
    sent.push(...bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK }), ...send(bench, 10));
    sent.push(...bench.run(2000));
    socket.abort();
    sent.push(...bench.pump());
    expect(sent.length).toBeGreaterThan(4);
    expect(new Set(sent.map(({ ttl, tos }) => `${ttl} ${tos}`))).toEqual(new Set(['3 72']));
  });

  test('MUST-49: without it the TTL is the option of the stack, of answers to strangers as well', () => {
    const bench = tcpIn('ESTABLISHED', { options: { ttl: 99 } });
    expect(send(bench, 1)[0].ttl).toBe(99);
    expect(tcpIn('CLOSED', { options: { ttl: 99 } }).segment({})[0].ttl).toBe(99);
  });

  test('MUST-49: a listener gives its TTL to its SYN,ACKs and connections', () => {
    const bench = tcpIn('LISTEN');
    Object.assign(bench.listener ?? {}, { ttl: 7 });
    bench.peer.sndNxt = 1;
    expect(bench.segment({ seq: 0, flags: TCP_SYN })[0].ttl).toBe(7);
    bench.acks();
    expect(send(bench, 1)[0].ttl).toBe(7);
  });

  // R1122.9
  test('SHLD-21, SHLD-22: the DiffServ field changes with the next segment, and reaches IP as it was given', () => {
    const bench = tcpIn('ESTABLISHED');
    const tos = [0, 0xb8, 0xfc].map((value) => {
      bench.app.tos = value;
      bench.app.noDelay = true;
      return send(bench, 1)[0].tos;
    });
    expect(tos).toEqual([0, 0xb8, 0xfc]);
  });

  test('MUST-49, MUST-48: what is no TTL or DiffServ field is refused', () => {
    const { app } = tcpIn('ESTABLISHED');
    for (const ttl of [0, 256, 1.5, Number.NaN]) expect(() => Object.assign(app, { ttl })).toThrow('ttl');
    for (const tos of [-1, 256, 0.5]) expect(() => Object.assign(app, { tos })).toThrow('tos');
  });

  test('every segment has DF, and its retransmission an identification of its own', () => {
    const bench = tcpIn('ESTABLISHED');
    const sent = [...send(bench, 1), ...bench.run(300)];
    expect(sent.map(({ ipFlags }) => ipFlags)).toEqual([0x4000, 0x4000]);
  });
});

describe('urgent data is sent', () => {
  const urgent = (bench: TcpBench, length: number): Sent[] => {
    bench.app.sendUrgent(new Uint8Array(length));
    return bench.pump();
  };

  test('MUST-30, MUST-62: URG is set, and the pointer names the octet behind the last urgent one', () => {
    const [segment] = urgent(tcpIn('ESTABLISHED'), 5);
    expect(has(TCP_URG)(segment)).toBe(true);
    expect(segment.urgent).toBe(5);
  });

  test('MUST-31: urgent data may be longer than a segment: each points to the same end', () => {
    const sent = urgent(tcpIn('ESTABLISHED'), 3000);
    expect(sent.map(({ seq, urgent: up }) => seq + up)).toEqual([3001, 3001, 3001]);
  });

  test('MUST-62: no super-segment is urgent: a device would give all its segments the pointer of the first', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.link.features = FEATURE_TSO4 | FEATURE_CHECKSUM;
    const { link } = bench;
    bench.app.sendUrgent(new Uint8Array(3000));
    while (bench.stack.pump());
    expect(link.take().map((frame) => frame.length - 40)).toEqual([1460, 1460, 80]);
    bench.acks(3001);
    bench.app.send(new Uint8Array(3000));
    while (bench.stack.pump());
    expect(link.take().map((frame) => frame.length - 40)).toEqual([3000]);
  });

  test('MUST-31: an end beyond what 16 bits reach is pointed to as far as they do', () => {
    const sent = urgent(tcpIn('ESTABLISHED', { windowScale: 4 }), 100_000);
    expect(sent[0].urgent).toBe(65_535);
  });

  test('what is not urgent any more has no URG', () => {
    const bench = tcpIn('ESTABLISHED');
    urgent(bench, 5);
    bench.acks();
    expect(send(bench, 5).some(has(TCP_URG))).toBe(false);
  });

  test('MUST-30: text that follows urgent text carries URG until the urgent part has been sent', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.app.noDelay = true;
    expect(urgent(bench, 5).map(has(TCP_URG))).toEqual([true]);
    expect(send(bench, 5).map(has(TCP_URG))).toEqual([false]);
    const again = bench.run(1000);
    expect(again[0]).toMatchObject({ seq: 1, urgent: 5 });
  });
});

describe('SACK blocks are sent (RFC 2018 section 4)', () => {
  /** One octet arrives at each of these places: the blocks of the last ACK. */
  function blocks(bench: TcpBench, ...places: readonly number[]): (readonly [number, number])[] {
    let sent: Sent[] = [];
    for (const seq of places) sent = bench.segment({ seq }, Uint8Array.of(seq));
    const { iss } = bench.peer;
    return sent.at(-1)?.sack.map(([left, right]) => [(left - iss) | 0, (right - iss) | 0]) ?? [];
  }

  // R2018.2
  test('the first block holds what arrived last, the others follow by how lately they were told', () => {
    const bench = tcpIn('ESTABLISHED', { sack: true });
    expect(blocks(bench, 10)).toEqual([[10, 11]]);
    expect(blocks(bench, 20, 15)).toEqual([
      [15, 16],
      [20, 21],
      [10, 11],
    ]);
    // It joins the oldest: that is the newest now, and it is told whole.
    expect(blocks(bench, 11)).toEqual([
      [10, 12],
      [15, 16],
      [20, 21],
    ]);
  });

  // R2018.3
  test('there are four at most, and three beside timestamps', () => {
    const places = [10, 20, 30, 40, 50, 60];
    expect(blocks(tcpIn('ESTABLISHED', { sack: true }), ...places).map(([left]) => left)).toEqual([
      60, 50, 40, 30,
    ]);
    const stamped = tcpIn('ESTABLISHED', { sack: true, timestamps: true });
    expect(blocks(stamped, ...places).map(([left]) => left)).toEqual([60, 50, 40]);
  });

  test('a peer that did not permit them gets none', () => {
    expect(blocks(tcpIn('ESTABLISHED'), 10, 20)).toEqual([]);
  });

  // R2018.4
  test('none is sent of what is acknowledged: the gap is filled', () => {
    const bench = tcpIn('ESTABLISHED', { sack: true });
    expect(blocks(bench, 2, 5, 1)).toEqual([[5, 6]]);
    expect(blocks(bench, 3, 4)).toEqual([]);
    expect(bench.read).toEqual([1, 2, 3, 4, 5]);
  });

  test('a full segment with blocks is no larger than the path takes', () => {
    const bench = tcpIn('ESTABLISHED', { sack: true, timestamps: true });
    bench.segment({ seq: 10 }, octets(5));
    const sent = send(bench, 3 * 1448);
    expect(Math.max(...sent.map(({ header, payload }) => header + payload.length))).toBeLessThanOrEqual(1480);
  });
});
