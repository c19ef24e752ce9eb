// Listeners: backlog, flood, deferred accept, wildcards. RFC 9293 3.9.1.1, 3.10.7.2; RFC 4987 for the flood.

import { describe, expect, test } from 'vitest';
import type { Options } from '../options.ts';
import { readTcpFrame, stackWith, tcpFrame, US } from '../testing/index.ts';
import type { Bench } from '../testing/stack-with.ts';
import type { ReadTcp } from '../testing/tcp-frames.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../wire/tcp.ts';
import type { TcpListenOptions, TcpRequest } from './tcp-listener.ts';
import type { TcpSocket } from './tcp-socket.ts';

const SYN_ACK = TCP_SYN | TCP_ACK;

class Listening {
  readonly bench: Bench;
  readonly sockets: TcpSocket[] = [];
  readonly requests: TcpRequest[] = [];
  readonly heard: string[] = [];
  accepts = true;
  readonly listener;

  constructor(
    how: TcpListenOptions = {},
    options: Partial<Options> = {},
    address = US,
    port: number | 'any' = 7,
  ) {
    this.bench = stackWith({ options });
    this.listener = this.bench.stack.tcpListener({
      acceptable: () => this.accepts && this.acceptAll(),
      request: (_listener, request) => this.requests.push(request),
      closed: () => this.heard.push('closed'),
    });
    this.listener.listen(address, port, how);
  }

  acceptAll(): void {
    const handler = { closed: () => this.heard.push('socket closed') };
    for (let s = this.listener.accept(handler); s !== undefined; s = this.listener.accept(handler))
      this.sockets.push(s);
  }

  /** Frames arrive: what is answered. */
  gets(...frames: Uint8Array[]): ReadTcp[] {
    const { stack, link } = this.bench;
    for (const frame of frames) link.inject(frame);
    while (stack.pump());
    return link.take().map(readTcpFrame);
  }

  after(ms: number): ReadTcp[] {
    const sent: ReadTcp[] = [];
    const { clock, stack } = this.bench;
    for (let left = ms; left > 0; ) {
      const next = stack.msUntilNext(clock.ms);
      const step = next < 0 ? left : Math.min(left, Math.max(1, next));
      clock.advanceMs(step);
      left -= step;
      sent.push(...this.gets());
    }
    return sent;
  }

  /** The whole handshake of the peer's port `sport`: the ACK of it is answered by this. */
  connects(sport: number): ReadTcp[] {
    const [syn] = this.gets(tcpFrame({ sport, seq: 100, flags: TCP_SYN }));
    return this.gets(tcpFrame({ sport, seq: 101, ack: (syn.seq + 1) | 0 }));
  }

  get count(): number {
    return this.bench.stack.tcpConnectionCount;
  }
}

describe('the backlog', () => {
  test('as many wait as it says; then SYNs are dropped, and heard again once one is accepted', () => {
    const l = new Listening({ backlog: 2 });
    l.accepts = false;
    l.connects(1000);
    l.connects(1001);
    expect(l.gets(tcpFrame({ sport: 1002, flags: TCP_SYN }))).toEqual([]);
    expect(l.bench.stack.stats.reason('TCP_LISTEN_FULL')).toBe(1);
    l.acceptAll();
    expect(l.sockets.length).toBe(2);
    expect(l.gets(tcpFrame({ sport: 1002, flags: TCP_SYN })).map(({ flags }) => flags)).toEqual([SYN_ACK]);
  });

  test('a handshake that finds it full is asked to end again, and ends once there is room', () => {
    const l = new Listening({ backlog: 1 });
    l.accepts = false;
    const [late] = l.gets(tcpFrame({ sport: 1001, seq: 100, flags: TCP_SYN }));
    l.connects(1000);
    const ack = tcpFrame({ sport: 1001, seq: 101, ack: (late.seq + 1) | 0 });
    expect(l.gets(ack)).toEqual([]);
    l.acceptAll();
    expect(l.after(1000).map(({ flags, dport }) => [flags, dport])).toEqual([[SYN_ACK, 1001]]);
    l.gets(ack);
    l.acceptAll();
    expect(l.sockets.length).toBe(2);
  });

  test('a listener that closes resets those that nobody accepted, and forgets the half-open', () => {
    const l = new Listening();
    l.accepts = false;
    l.connects(1000);
    l.gets(tcpFrame({ sport: 1001, flags: TCP_SYN }));
    l.listener.close();
    const sent = l.gets();
    expect(sent.map(({ flags, dport }) => [flags, dport])).toEqual([[TCP_RST | TCP_ACK, 1000]]);
    expect(l.count).toBe(0);
  });

  test('one that was accepted lives on', () => {
    const l = new Listening();
    l.connects(1000);
    l.listener.close();
    l.gets();
    expect([l.count, l.sockets[0].status().state]).toEqual([1, 'ESTABLISHED']);
  });
});

describe('a flood of SYNs, without cookies', () => {
  const flooded = (): Listening => {
    const l = new Listening({}, { tcpSynBacklogMax: 16, tcpSynCookies: 0 });
    l.connects(1);
    for (let i = 0; i < 40; i++) l.gets(tcpFrame({ sport: 2000 + i, seq: 100, flags: TCP_SYN }));
    return l;
  };

  test('costs as many rows as may be half-open, and no connection that is established', () => {
    const l = flooded();
    expect(l.count).toBe(1 + 16);
    expect(l.bench.stack.stats.get('TcpExtListenDrops')).toBe(24);
    const answer = l.gets(
      tcpFrame({ sport: 1, seq: 101, ack: l.sockets[0].status().sndNxt | 0 }, Uint8Array.of(5)),
    );
    expect([answer[0].flags, l.sockets[0].unread]).toEqual([TCP_ACK, 1]);
  });

  test('evicts the oldest: the youngest still get their connection', () => {
    const l = flooded();
    expect(l.gets(tcpFrame({ sport: 2000, seq: 101, ack: 1 })).map(({ flags }) => flags)).toEqual([TCP_RST]);
    // 24 were evicted, the next is still known.
    l.gets(tcpFrame({ sport: 2024, seq: 100, flags: TCP_SYN }));
    expect(l.bench.stack.stats.reason('TCP_SYN_AGAIN')).toBe(1);
    const [again] = l.gets(tcpFrame({ sport: 2039, seq: 100, flags: TCP_SYN }));
    l.gets(tcpFrame({ sport: 2039, seq: 101, ack: (again.seq + 1) | 0 }));
    expect(l.sockets.length).toBe(2);
  });

  test('is over after the retries: nothing is left', () => {
    const l = flooded();
    l.after(200_000);
    expect(l.count).toBe(1);
  });
});

describe('deferred accept', () => {
  const SYN = tcpFrame({ seq: 100, flags: TCP_SYN });
  const deferred = (options: Partial<Options> = {}): Listening => {
    const l = new Listening({ defer: true, backlog: 4 }, options);
    expect(l.gets(SYN)).toEqual([]);
    return l;
  };

  test('the application is asked, and nothing is answered meanwhile', () => {
    const l = deferred();
    expect(l.requests.map((r) => [r.localAddress, r.localPort, r.remoteAddress, r.remotePort])).toEqual([
      [US, 7, '10.0.0.1', 4000],
    ]);
    expect(l.after(5000)).toEqual([]);
  });

  test('accept: the handshake goes on, and the connection comes', () => {
    const l = deferred();
    l.after(3000);
    expect(l.requests[0].accept()).toBe(true);
    const [syn] = l.gets();
    expect(syn.flags).toBe(SYN_ACK);
    l.gets(tcpFrame({ seq: 101, ack: (syn.seq + 1) | 0 }));
    expect(l.sockets.length).toBe(1);
    expect(l.requests[0].accept()).toBe(false);
  });

  test('accept: a SYN,ACK that is lost goes again after the first RTO', () => {
    const l = deferred();
    l.after(3000);
    l.requests[0].accept();
    l.gets();
    expect(l.after(1000).map(({ flags }) => flags)).toEqual([SYN_ACK]);
  });

  test('reject: a RST that acknowledges the SYN, so that the peer believes it', () => {
    const l = deferred();
    expect(l.requests[0].reject()).toBe(true);
    expect(l.gets().map(({ flags, ack }) => [flags, ack])).toEqual([[TCP_RST | TCP_ACK, 101]]);
    expect([l.count, l.requests[0].reject()]).toEqual([0, false]);
  });

  test('reject in silence: nothing, and the next SYN asks anew', () => {
    const l = deferred();
    l.requests[0].reject('silence');
    expect([l.gets(), l.count]).toEqual([[], 0]);
    l.gets(SYN);
    expect(l.requests.length).toBe(2);
  });

  test('the same SYN again is the same request', () => {
    const l = deferred();
    expect([l.gets(SYN), l.gets(SYN), l.requests.length]).toEqual([[], [], 1]);
    expect(l.requests[0].accept()).toBe(true);
    expect(l.gets().length).toBe(1);
  });

  test('another SYN of the same tuple is another request, and the first is void', () => {
    const l = deferred();
    l.gets(tcpFrame({ seq: 5000, flags: TCP_SYN }));
    l.gets(tcpFrame({ seq: 5000, flags: TCP_SYN }));
    expect(l.requests.length).toBe(2);
    expect([l.requests[0].accept(), l.requests[1].accept()]).toEqual([false, true]);
  });

  test('who is not answered in time is forgotten', () => {
    const l = deferred({ tcpHeldSynMs: 2000 });
    expect(l.after(2000)).toEqual([]);
    expect([l.count, l.requests[0].accept()]).toEqual([0, false]);
  });

  test('an ACK, a RST or text to a held SYN is not answered as a connection would', () => {
    const l = deferred();
    expect(l.gets(tcpFrame({ seq: 101, ack: 1 }), tcpFrame({ seq: 101, ack: 1 }, Uint8Array.of(1)))).toEqual(
      [],
    );
    expect(l.gets(tcpFrame({ seq: 101, flags: TCP_RST }))).toEqual([]);
    expect([l.count, l.requests[0].accept()]).toEqual([0, false]);
  });

  test('as many wait as the backlog says', () => {
    const l = new Listening({ defer: true, backlog: 4 });
    l.gets(...[0, 1, 2, 3, 4, 5].map((i) => tcpFrame({ sport: 1000 + i, flags: TCP_SYN })));
    expect([l.requests.length, l.count]).toEqual([4, 4]);
  });
});

describe('wildcards', () => {
  test('any address: the SYN,ACK comes from the one that was asked', () => {
    const l = new Listening({}, {}, '0.0.0.0');
    l.bench.stack.addAddress(l.bench.face, '10.0.0.9/24');
    expect(l.gets(tcpFrame({ dst: '10.0.0.9', flags: TCP_SYN }))[0].src).toBe('10.0.0.9');
    expect(l.gets(tcpFrame({ flags: TCP_SYN }))[0].src).toBe(US);
  });

  test('any port: the one that was asked answers', () => {
    const l = new Listening({}, {}, US, 'any');
    expect(l.gets(tcpFrame({ dport: 31_337, flags: TCP_SYN }))[0]).toMatchObject({
      sport: 31_337,
      flags: SYN_ACK,
    });
  });

  test('an address that is not ours: any address of a network, once routes say so', () => {
    const l = new Listening({}, {}, '0.0.0.0', 'any');
    const knock = (): number[] =>
      l.gets(tcpFrame({ dst: '198.51.100.4', flags: TCP_SYN })).map(({ flags }) => flags);
    expect(knock()).toEqual([]);
    l.bench.stack.addLocal('198.51.100.0/24');
    expect(knock()).toEqual([SYN_ACK]);
  });

  test('who names more is heard first: address and port, any address, any port, anything', () => {
    const l = new Listening({}, {}, '0.0.0.0', 'any');
    const { stack } = l.bench;
    const at = (address: string, port: number | 'any', ttl: number): void => {
      const listener = stack.tcpListener({});
      listener.ttl = ttl;
      listener.listen(address, port);
    };
    at(US, 'any', 11);
    at('0.0.0.0', 7, 12);
    at(US, 8, 13);
    const ttl = (dport: number): number => l.gets(tcpFrame({ dport, flags: TCP_SYN }))[0].ttl;
    expect([ttl(8), ttl(7), ttl(9)]).toEqual([13, 12, 11]);
    stack.addAddress(l.bench.face, '10.0.0.9/24');
    expect(l.gets(tcpFrame({ dst: '10.0.0.9', dport: 9, flags: TCP_SYN }))[0].ttl).toBe(64);
  });
});

test('listening twice, on no address of ours, after close: EINVAL, EADDRNOTAVAIL, EBADF', () => {
  const l = new Listening();
  expect(() => l.listener.listen(US, 8)).toThrow('EINVAL');
  expect(() => l.bench.stack.tcpListener({}).listen('192.0.2.1', 8)).toThrow('EADDRNOTAVAIL');
  l.listener.close();
  l.listener.close();
  expect(() => l.listener.listen(US, 8)).toThrow('EBADF');
  expect(() => l.listener.address()).toThrow('EBADF');
});

test('a stack that closes tells its listeners and sockets', () => {
  const l = new Listening();
  l.connects(1000);
  l.bench.stack.close();
  expect(l.heard.sort()).toEqual(['closed', 'socket closed']);
});
