// Echo sockets: the asking side of ping.

import { expect, test } from 'vitest';
import type { EchoSocket } from '../socket/echo-socket.ts';
import { type Bench, icmpFrame, octets, stackWith } from '../testing/index.ts';

interface Reply {
  readonly from: string;
  readonly sequence: number;
  readonly ttl: number;
  readonly data: readonly number[];
}

function pinger(bench: Bench, id = 77): { socket: EchoSocket; replies: Reply[] } {
  const replies: Reply[] = [];
  const socket = bench.stack.echoSocket(
    {
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive()) {
          const data = [...d.bytes.subarray(d.offset, d.offset + d.length)];
          replies.push({ from: d.addressText, sequence: d.sequence, ttl: d.ttl, data });
        }
      },
    },
    id,
  );
  return { socket, replies };
}

test('a request carries identifier, sequence number and data', () => {
  const bench = stackWith();
  const { socket } = pinger(bench);
  socket.ttl = 9;
  expect(socket.send('8.8.8.8', 0x1_0005, octets(11))).toBe(true);
  const [sent] = bench.exchange();
  expect([sent.type, sent.code, sent.word4, sent.word6, sent.ttl, sent.flags]).toEqual([
    8, 0, 77, 5, 9, 0x4000,
  ]);
  expect(sent.payload).toEqual(octets(11));
  expect(bench.stack.stats.get('IcmpOutEchos')).toBe(1);
});

test('replies come to the socket whose identifier they carry', () => {
  const bench = stackWith();
  const [one, two] = [pinger(bench, 1), pinger(bench, 2)];
  bench.exchange(
    icmpFrame({ type: 0, word4: 2, word6: 9, ttl: 55 }, octets(3)),
    icmpFrame({ type: 0, word4: 3 }, octets(3)),
  );
  expect(one.replies).toEqual([]);
  expect(two.replies).toEqual([{ from: '10.0.0.1', sequence: 9, ttl: 55, data: [0, 1, 2] }]);
  expect(bench.stack.stats.drops()).toEqual({ ICMP_NO_ECHO_SOCKET: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('a queue of replies has a limit, and what does not fit is counted', () => {
  const bench = stackWith({ options: { udpReceiveBytes: 3 * (100 + 256) } });
  const replies: number[] = [];
  const socket = bench.stack.echoSocket({}, 77);
  bench.exchange(
    ...Array.from({ length: 9 }, (_, word6) => icmpFrame({ type: 0, word4: 77, word6 }, octets(100))),
  );
  expect(bench.stack.stats.drops()).toEqual({ ICMP_ECHO_SOCKET_FULL: 6 });
  for (let d = socket.receive(); d !== undefined; d = socket.receive()) replies.push(d.sequence);
  expect(replies).toEqual([0, 1, 2]);
});

test('identifiers are one socket’s each, random when none is asked for, and limited', () => {
  const bench = stackWith({ options: { echoSocketsMax: 3 } });
  const first = bench.stack.echoSocket({}, 7);
  expect(() => bench.stack.echoSocket({}, 7)).toThrow('EADDRINUSE');
  const others = [bench.stack.echoSocket({}).id, bench.stack.echoSocket({}).id];
  expect(new Set([7, 0, ...others]).size).toBe(4);
  expect(() => bench.stack.echoSocket({})).toThrow('EMFILE');
  first.close();
  expect(bench.stack.echoSocket({}, 7).id).toBe(7);
});

test('all 65,535 identifiers can be taken, and then there is none', () => {
  const bench = stackWith({ options: { echoSocketsMax: 100_000 } });
  for (let id = 1; id <= 65_535; id++) bench.stack.echoSocket({}, id);
  expect(() => bench.stack.echoSocket({})).toThrow('EMFILE');
});

test('a request larger than the path that may not be cut, to nowhere or on a closed socket is refused', () => {
  const bench = stackWith();
  const { socket } = pinger(bench);
  socket.dontFragment = true;
  expect(socket.send('10.0.0.1', 1, octets(1472))).toBe(true);
  expect(() => socket.send('10.0.0.1', 1, octets(1473))).toThrow('EMSGSIZE');
  expect(() => socket.send('10.0.0.255', 1, octets(1))).toThrow('EACCES');
  bench.stack.removeRoute('0.0.0.0/0');
  expect(() => socket.send('8.8.8.8', 1, octets(1))).toThrow('ENETUNREACH');
  socket.close();
  expect(() => socket.send('10.0.0.1', 1, octets(1))).toThrow('EBADF');
  expect(bench.exchange()).toHaveLength(1);
  expect(bench.pool.inUse).toBe(0);
});

test('a full send queue answers false', () => {
  const bench = stackWith({ options: { udpSendBytes: 1000 } });
  const { socket } = pinger(bench);
  bench.link.room = 0;
  expect([1, 2, 3, 4].map((sequence) => socket.send('10.0.0.1', sequence, octets(100)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
