// The TCP header codec against a naive second one.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import * as tcp from './tcp.ts';
import { readNaiveTcp, writeNaiveTcp } from './testing/naive-tcp.ts';

const word16 = fc.nat({ max: 0xffff });
const place = fc.nat({ max: 9 });
const fields = fc.record({
  sourcePort: word16,
  destinationPort: word16,
  seq: fc.integer(),
  ack: fc.integer(),
  headerLength: fc.nat({ max: 15 }).map((words) => words * 4),
  flags: fc.nat({ max: 255 }),
  window: word16,
  checksum: word16,
  urgent: word16,
});

property.prop([fc.uint8Array({ minLength: 20, maxLength: 20 }), place])(
  'the getters read what the naive codec reads, from any header at any alignment',
  (header, o) => {
    const b = new Uint8Array(40).fill(0x5a);
    b.set(header, o);
    const naive = readNaiveTcp(header);
    const { sourcePort, destinationPort, seq, ack, window, checksum, urgent } = naive;
    expect([tcp.tcpSourcePort(b, o), tcp.tcpDestinationPort(b, o)]).toEqual([sourcePort, destinationPort]);
    expect([tcp.tcpSeq(b, o), tcp.tcpAck(b, o)]).toEqual([seq, ack]);
    expect(tcp.tcpHeaderLength(b, o)).toBe(naive.dataOffset * 4);
    expect([tcp.tcpWindow(b, o), tcp.tcpChecksum(b, o), tcp.tcpUrgent(b, o)]).toEqual([
      window,
      checksum,
      urgent,
    ]);
    const flags = tcp.tcpFlags(b, o);
    const names = ['fin', 'syn', 'rst', 'psh', 'ackFlag', 'urg', 'ece', 'cwr'] as const;
    const bits = [tcp.TCP_FIN, tcp.TCP_SYN, tcp.TCP_RST, tcp.TCP_PSH];
    bits.push(tcp.TCP_ACK, tcp.TCP_URG, tcp.TCP_ECE, tcp.TCP_CWR);
    expect(bits.map((bit) => (flags & bit) !== 0)).toEqual(names.map((name) => naive[name]));
  },
);

property.prop([fields, place])(
  'writeTcp writes the octets that the naive codec writes, and no others',
  (f, o) => {
    const b = new Uint8Array(40).fill(0x5a);
    const { sourcePort, destinationPort, seq, ack, headerLength, flags, window, checksum, urgent } = f;
    tcp.writeTcp(b, o, sourcePort, destinationPort, seq, ack, headerLength, flags, window, checksum, urgent);
    const [cwr, ece, urg, ackFlag, psh, rst, syn, fin] = [7, 6, 5, 4, 3, 2, 1, 0].map(
      (bit) => Math.floor(flags / 2 ** bit) % 2 === 1,
    );
    const header = writeNaiveTcp({
      ...{ sourcePort, destinationPort, seq, ack, dataOffset: headerLength / 4, reserved: 0 },
      ...{ cwr, ece, urg, ackFlag, psh, rst, syn, fin, window, checksum, urgent },
    });
    const expected = new Uint8Array(40).fill(0x5a);
    expected.set(header, o);
    expect(b).toEqual(expected);
  },
);

property.prop([fields, place])('what writeTcp wrote the getters read', (f, o) => {
  const b = new Uint8Array(40).fill(0xff);
  const { sourcePort, destinationPort, seq, ack, headerLength, flags, window, checksum, urgent } = f;
  tcp.writeTcp(b, o, sourcePort, destinationPort, seq, ack, headerLength, flags, window, checksum, urgent);
  expect({
    sourcePort: tcp.tcpSourcePort(b, o),
    destinationPort: tcp.tcpDestinationPort(b, o),
    seq: tcp.tcpSeq(b, o),
    ack: tcp.tcpAck(b, o),
    headerLength: tcp.tcpHeaderLength(b, o),
    flags: tcp.tcpFlags(b, o),
    window: tcp.tcpWindow(b, o),
    checksum: tcp.tcpChecksum(b, o),
    urgent: tcp.tcpUrgent(b, o),
  }).toEqual(f);
});

test('the flags have the bits of RFC 9293 3.1, the checksum its place', () => {
  const { TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR } = tcp;
  expect([TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH]).toEqual([1, 2, 4, 8]);
  expect([TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR]).toEqual([16, 32, 64, 128]);
  expect([tcp.TCP_HEADER, tcp.TCP_MAX_HEADER, tcp.TCP_CHECKSUM_AT]).toEqual([20, 60, 16]);
});
