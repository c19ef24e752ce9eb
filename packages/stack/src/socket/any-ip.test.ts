// A gateway: addresses that are not ours, every port, and an application that decides before anything is answered.

import { expect, test } from 'vitest';
import { readTcpFrame, stackWith, tcpFrame } from '../testing/index.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../wire/tcp.ts';

const SYN = { src: '10.0.0.1', dst: '192.0.2.80', sport: 4000, dport: 443, flags: TCP_SYN, seq: 100 };

function gateway(decide: 'accept' | 'reset' | 'unreachable') {
  const bench = stackWith();
  const knocks: string[] = [];
  bench.stack.addLocal('192.0.2.0/24');
  const listener = bench.stack.tcpListener({
    request(_listener, request) {
      knocks.push(
        `${request.remoteAddress}:${request.remotePort} > ${request.localAddress}:${request.localPort}`,
      );
      if (decide === 'accept') request.accept();
      else request.reject(decide);
    },
    acceptable(from) {
      const socket = from.accept({});
      knocks.push(`accepted ${socket?.address().address}:${socket?.address().port}`);
    },
  });
  listener.listen('0.0.0.0', 'any', { defer: true });
  const send = (frame: Uint8Array) => {
    bench.link.inject(frame);
    while (bench.stack.pump());
    return bench.link.take().map(readTcpFrame);
  };
  return { bench, knocks, send };
}

test('a listener on any address and port answers in the name of the host that was asked, once it may', () => {
  const { bench, knocks, send } = gateway('accept');
  const [answer, ...rest] = send(tcpFrame(SYN));
  expect(rest).toEqual([]);
  expect([answer.src, answer.sport, answer.flags, answer.ack]).toEqual([
    '192.0.2.80',
    443,
    TCP_SYN | TCP_ACK,
    101,
  ]);
  send(tcpFrame({ ...SYN, flags: TCP_ACK, seq: 101, ack: (answer.seq + 1) | 0 }));
  expect(knocks).toEqual(['10.0.0.1:4000 > 192.0.2.80:443', 'accepted 192.0.2.80:443']);
  expect(bench.stack.tcpConnectionCount).toBe(1);
});

test('a request that is rejected is refused in the name of the host that was asked', () => {
  const { bench, send } = gateway('reset');
  const [answer] = send(tcpFrame(SYN));
  expect([answer.src, answer.flags & TCP_RST, answer.ack]).toEqual(['192.0.2.80', TCP_RST, 101]);
  expect(bench.stack.tcpConnectionCount).toBe(0);
});

test('addresses of a network that was taken end with its route', () => {
  const { bench, send } = gateway('accept');
  expect(bench.stack.removeRoute('192.0.2.0/24')).toBe(true);
  expect(send(tcpFrame(SYN))).toEqual([]);
  expect(bench.stack.stats.reason('IP_NOT_LOCAL')).toBe(1);
});

test('or told that the host is unreachable, with the SYN quoted', () => {
  const { bench } = gateway('unreachable');
  const [error, ...rest] = bench.exchange(tcpFrame(SYN));
  expect(rest).toEqual([]);
  expect([error.src, error.type, error.code]).toEqual(['192.0.2.80', 3, 1]);
  // Behind the quoted IP header: both ports, the sequence number.
  expect([...error.payload.slice(20)]).toEqual([0x0f, 0xa0, 0x01, 0xbb, 0, 0, 0, 100]);
  expect(bench.stack.tcpConnectionCount).toBe(0);
});
