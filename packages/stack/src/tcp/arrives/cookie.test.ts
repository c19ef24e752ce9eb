// SYN cookies on segments: RFC 4987 3.6. Nothing is remembered until a cookie comes back, and then all that the SYN said is.

import { describe, expect, test } from 'vitest';
import type { Options } from '../../options.ts';
import type { TcpListenOptions } from '../../socket/tcp-listener.ts';
import type { TcpSocket } from '../../socket/tcp-socket.ts';
import { type Bench, octets, type ReadTcp, readTcpFrame, stackWith, tcpFrame } from '../../testing/index.ts';
import { TCP_ACK, TCP_CWR, TCP_ECE, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';

const SYN_ACK = TCP_SYN | TCP_ACK;
const IRS = 0x7fff_fff0;
const MSS_1460 = [2, 4, 5, 180];
const SACK = [4, 2];
const SCALE_7 = [1, 3, 3, 7];
const timestamps = (tsVal: number, tsEcr: number): number[] => [1, 1, 8, 10, ...word(tsVal), ...word(tsEcr)];
const word = (value: number): number[] => [24, 16, 8, 0].map((bit) => (value >>> bit) & 255);
const ALL = [...MSS_1460, 1, 1, ...SACK, ...timestamps(5000, 0), ...SCALE_7];

/** A listener whose stack answers each SYN with a cookie, unless `options` say otherwise. */
class Cookies {
  readonly bench: Bench;
  readonly sockets: TcpSocket[] = [];
  accepts = true;
  requests = 0;

  constructor(options: Partial<Options> = {}, listen: TcpListenOptions = {}) {
    this.bench = stackWith({ options: { tcpSynCookies: 2, ...options } });
    const listener = this.bench.stack.tcpListener({
      acceptable: () => this.accept(),
      request: () => this.requests++,
    });
    this.accept = () => {
      if (!this.accepts) return;
      for (let s = listener.accept({}); s !== undefined; s = listener.accept({})) this.sockets.push(s);
    };
    listener.listen('0.0.0.0', 7, listen);
  }

  accept: () => void;

  gets(...frames: Uint8Array[]): ReadTcp[] {
    const { link, stack } = this.bench;
    link.take();
    for (const frame of frames) link.inject(frame);
    while (stack.pump());
    return link.take().map(readTcpFrame);
  }

  after(ms: number): ReadTcp[] {
    this.bench.clock.advanceMs(ms);
    return this.gets();
  }

  syn(options: readonly number[] = MSS_1460, sport = 4000): ReadTcp {
    const [answer] = this.gets(tcpFrame({ sport, seq: IRS, flags: TCP_SYN, options }));
    return answer;
  }

  stat(name: 'Sent' | 'Recv' | 'Failed'): number {
    return this.bench.stack.stats.get(`TcpExtSyncookies${name}`);
  }

  get count(): number {
    return this.bench.stack.tcpConnectionCount;
  }
}

/** What acknowledges a SYN,ACK. */
function ackOf(
  answer: ReadTcp,
  more: { flags?: number; options?: number[] } = {},
  text?: Uint8Array,
): Uint8Array {
  return tcpFrame(
    { sport: answer.dport, seq: IRS + 1, ack: (answer.seq + 1) | 0, window: 1000, ...more },
    text,
  );
}

test('a SYN leaves nothing behind: no connection, no path, no packet, no timer', () => {
  const l = new Cookies();
  const answer = l.syn();
  expect([answer.flags, answer.ack, answer.mss, answer.window]).toEqual([
    SYN_ACK,
    (IRS + 1) | 0,
    1460,
    65_535,
  ]);
  expect([l.count, l.bench.pool.inUse, l.stat('Sent')]).toEqual([0, 0, 1]);
  expect(l.after(300_000)).toEqual([]);
});

test('its acknowledgment opens the connection, and both ways work', () => {
  const l = new Cookies();
  const answer = l.syn();
  expect(l.gets(ackOf(answer))).toEqual([]);
  expect([l.sockets.length, l.stat('Recv'), l.stat('Failed')]).toEqual([1, 1, 0]);
  const [socket] = l.sockets;
  expect(socket.status().state).toBe('ESTABLISHED');
  socket.send(octets(10));
  const [text] = l.gets();
  expect([text.seq, text.ack, text.payload]).toEqual([(answer.seq + 1) | 0, (IRS + 1) | 0, octets(10)]);
});

test('text and FIN in the acknowledgment count, and are answered at once', () => {
  const l = new Cookies();
  const [answer] = l.gets(ackOf(l.syn(), { flags: TCP_ACK | TCP_FIN | TCP_PSH }, octets(100)));
  expect([answer.flags, answer.ack]).toEqual([TCP_ACK, (IRS + 102) | 0]);
  expect([l.sockets[0].status().state, l.sockets[0].unread]).toEqual(['CLOSE-WAIT', 100]);
});

test('of 10,000 octets sent behind it at once none is lost', () => {
  const l = new Cookies();
  const answer = l.syn();
  const text = octets(10_000);
  const frames = Array.from({ length: 10 }, (_, i) =>
    tcpFrame(
      { seq: (IRS + 1 + i * 1000) | 0, ack: (answer.seq + 1) | 0 },
      text.subarray(i * 1000, i * 1000 + 1000),
    ),
  );
  l.gets(ackOf(answer), ...frames);
  expect(l.sockets[0].unread).toBe(10_000);
});

describe('what the SYN said', () => {
  test('with timestamps: scaling and SACK are agreed, and the peer is believed when it echoes them', () => {
    const l = new Cookies();
    const answer = l.syn(ALL);
    expect([answer.windowScale, answer.sackPermitted, answer.tsEcr]).toEqual([7, true, 5000]);
    l.gets(ackOf(answer, { options: timestamps(5001, answer.tsVal) }));
    const [socket] = l.sockets;
    socket.send(octets(2000));
    // A window of 1000 << 7 lets it all out at once.
    const sent = l.gets();
    expect(sent.map(({ payload, tsEcr }) => [payload.length, tsEcr])).toEqual([
      [1448, 5001],
      [552, 5001],
    ]);
    // Text beyond a hole is told of by SACK.
    const gap = tcpFrame(
      { seq: (IRS + 101) | 0, ack: (answer.seq + 1) | 0, options: timestamps(5002, sent[0].tsVal) },
      octets(10),
    );
    expect(l.gets(gap)[0].sack).toEqual([[(IRS + 101) | 0, (IRS + 111) | 0]]);
  });

  test('ECN is agreed where the SYN asked for it, and text is marked as capable', () => {
    const l = new Cookies();
    const asks = TCP_SYN | TCP_ECE | TCP_CWR;
    const [answer] = l.gets(tcpFrame({ seq: IRS, flags: asks, options: ALL }));
    expect(answer.flags).toBe(SYN_ACK | TCP_ECE);
    l.gets(ackOf(answer, { options: timestamps(5001, answer.tsVal) }));
    l.sockets[0].send(octets(1));
    expect(l.gets()[0].tos).toBe(2);
    // Nowhere to note it, and not wanted.
    expect(l.gets(tcpFrame({ sport: 4001, flags: asks, options: MSS_1460 }))[0].flags).toBe(SYN_ACK);
    const never = new Cookies({ tcpEcn: 0 });
    expect(never.gets(tcpFrame({ flags: asks, options: ALL }))[0].flags).toBe(SYN_ACK);
  });

  test('TSval goes forward from the cookie on, however soon what follows is sent', () => {
    const l = new Cookies();
    const answer = l.syn(ALL);
    l.gets(ackOf(answer, { options: timestamps(5001, answer.tsVal) }));
    l.sockets[0].send(octets(1));
    expect((l.gets()[0].tsVal - answer.tsVal) | 0).toBeGreaterThanOrEqual(0);
  });

  test('without timestamps there is no place for scaling and SACK: they are not offered', () => {
    const answer = new Cookies().syn([...MSS_1460, 1, 1, ...SACK, ...SCALE_7]);
    expect([answer.windowScale, answer.sackPermitted, answer.timestamps]).toEqual([-1, false, false]);
  });

  test('a peer that echoes no timestamp of ours gets a connection without options', () => {
    const l = new Cookies();
    const answer = l.syn(ALL);
    l.gets(ackOf(answer, { options: timestamps(5001, answer.tsVal + 1_000_000) }));
    l.sockets[0].send(octets(2000));
    const sent = l.gets();
    expect(sent.map(({ payload, timestamps: has }) => [payload.length, has])).toEqual([[1000, false]]);
  });

  test('MUST-15: a SYN without an MSS gets segments of 536 octets', () => {
    const l = new Cookies();
    l.gets(ackOf(l.syn([])));
    l.sockets[0].send(octets(1000));
    expect(l.gets()[0].payload.length).toBe(536);
  });

  test('the round trip is not measured by a SYN,ACK that nobody timed', () => {
    const l = new Cookies();
    const answer = l.syn(ALL);
    l.bench.clock.advanceMs(500);
    l.gets(ackOf(answer, { options: timestamps(5001, answer.tsVal) }));
    expect(l.sockets[0].status().srttMs).toBe(0);
  });
});

describe('what is no cookie', () => {
  test.each([
    ['another number', { ack: 1 }],
    ['another port', { sport: 4001 }],
    ['another sequence number', { seq: IRS + 2 }],
    ['an address more', { src: '10.0.0.3' }],
  ])('%s: RST, and nothing is kept', (_name, fields) => {
    const l = new Cookies();
    const answer = l.syn();
    const frame = tcpFrame({ seq: IRS + 1, ack: (answer.seq + 1) | 0, ...fields });
    expect(l.gets(frame).map(({ flags }) => flags)).toEqual([TCP_RST]);
    expect([l.count, l.stat('Failed'), l.bench.pool.inUse]).toEqual([0, 1, 0]);
  });

  test('one that is older than two minutes', () => {
    const l = new Cookies();
    const answer = l.syn();
    l.after(100_000);
    l.syn(MSS_1460, 4001);
    l.after(30_000);
    expect(l.gets(ackOf(answer)).map(({ flags }) => flags)).toEqual([TCP_RST]);
    expect([l.count, l.stat('Failed')]).toEqual([0, 1]);
  });

  test('one that is not two minutes old when the clock of milliseconds wraps still is one', () => {
    const l = new Cookies();
    const answer = l.syn();
    l.after(60_000);
    l.gets(ackOf(answer));
    expect(l.sockets.length).toBe(1);
  });

  test('where none was sent an acknowledgment is not looked at: RST, and no failure is counted', () => {
    const l = new Cookies({ tcpSynCookies: 1 });
    expect(l.gets(tcpFrame({ seq: 1, ack: 1 })).map(({ flags }) => flags)).toEqual([TCP_RST]);
    expect(l.stat('Failed')).toBe(0);
  });

  test('a cookie opens one connection, and a replay of it finds that', () => {
    const l = new Cookies();
    const ack = ackOf(l.syn());
    l.gets(ack, ack, ack);
    expect([l.count, l.stat('Recv')]).toEqual([1, 1]);
  });
});

describe('when', () => {
  test('1: only once as many are half-open as may be, and those stay', () => {
    const l = new Cookies({ tcpSynCookies: 1, tcpSynBacklogMax: 4 });
    const answers = Array.from({ length: 10 }, (_, i) => l.syn(MSS_1460, 4000 + i));
    expect([l.count, l.stat('Sent')]).toEqual([4, 6]);
    expect(l.bench.stack.stats.get('TcpExtTCPReqQFullDoCookies')).toBe(6);
    for (const answer of answers) l.gets(ackOf(answer));
    expect([l.sockets.length, l.stat('Recv')]).toEqual([10, 6]);
  });

  test('1: those of one batch count before they sleep', () => {
    const l = new Cookies({ tcpSynCookies: 1, tcpSynBacklogMax: 4 });
    const syns = Array.from({ length: 10 }, (_, i) =>
      tcpFrame({ sport: 4000 + i, seq: IRS, flags: TCP_SYN }),
    );
    l.gets(...syns);
    expect([l.count, l.stat('Sent')]).toEqual([4, 6]);
  });

  test('0: never; the oldest makes room', () => {
    const l = new Cookies({ tcpSynCookies: 0, tcpSynBacklogMax: 4 });
    for (let i = 0; i < 10; i++) l.syn(MSS_1460, 4000 + i);
    expect([l.count, l.stat('Sent')]).toEqual([4, 0]);
    expect(l.bench.stack.stats.get('TcpExtListenDrops')).toBe(6);
  });

  test('0: while the link takes nothing nobody can make room, and SYNs are dropped', () => {
    const l = new Cookies({ tcpSynCookies: 0, tcpSynBacklogMax: 4 });
    l.bench.link.makeRoom(0);
    for (let i = 0; i < 10; i++) l.gets(tcpFrame({ sport: 4000 + i, seq: IRS, flags: TCP_SYN }));
    expect([l.count, l.bench.stack.stats.reason('TCP_SYN_FULL')]).toEqual([4, 6]);
    l.bench.link.makeRoom(100);
    expect(l.gets().length).toBe(4);
  });

  test('a listener that decides itself sends none: a held SYN is what it decides on', () => {
    const l = new Cookies({}, { defer: true });
    expect(l.gets(tcpFrame({ seq: IRS, flags: TCP_SYN }))).toEqual([]);
    expect([l.requests, l.stat('Sent')]).toEqual([1, 0]);
  });

  test('when the accept queue is full the acknowledgment is dropped, and its repetition opens the connection', () => {
    const l = new Cookies({}, { backlog: 1 });
    l.accepts = false;
    const [first, second] = [l.syn(MSS_1460, 4000), l.syn(MSS_1460, 4001)];
    l.gets(ackOf(first));
    expect(l.gets(ackOf(second))).toEqual([]);
    expect([l.count, l.bench.stack.stats.get('TcpExtListenOverflows')]).toEqual([1, 1]);
    l.accepts = true;
    l.accept();
    l.gets(ackOf(second, {}, octets(1)));
    expect([l.sockets.length, l.sockets[1].unread]).toEqual([2, 1]);
  });

  test('as many connections as can be: the acknowledgment is dropped', () => {
    const l = new Cookies({ tcpConnectionsMax: 1 });
    const [first, second] = [l.syn(MSS_1460, 4000), l.syn(MSS_1460, 4001)];
    l.gets(ackOf(first));
    expect(l.gets(ackOf(second))).toEqual([]);
    expect([l.count, l.bench.stack.stats.reason('TCP_LISTEN_FULL')]).toEqual([1, 1]);
  });

  test('without a packet to answer in the SYN is dropped and counted', () => {
    const l = new Cookies();
    Object.assign(l.bench.pool, { allocate: () => undefined });
    expect(l.gets(tcpFrame({ seq: IRS, flags: TCP_SYN }))).toEqual([]);
    expect(l.bench.stack.stats.reason('NO_BUFFER')).toBe(1);
  });
});
