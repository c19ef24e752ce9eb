// The receive window by laws: the receiver's silly window avoidance (RFC 9293 3.8.6.2.2), an edge that never moves left
// (3.8.6), the growth of the buffer, and the caps of memory.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Sent, type TcpBench, type TcpBenchOptions, tcpIn } from '../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN } from '../wire/tcp.ts';

const MSS = 1460;

/** What one side does next. */
const steps = fc.array(
  fc.oneof(
    fc.record({ does: fc.constant('send' as const), octets: fc.integer({ min: 1, max: 3 * MSS }) }),
    fc.record({ does: fc.constant('hole' as const), octets: fc.integer({ min: 1, max: 3 * MSS }) }),
    fc.record({ does: fc.constant('read' as const), octets: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ does: fc.constant('wait' as const), octets: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ does: fc.constant('tell' as const), octets: fc.integer({ min: 1, max: 500 }) }),
  ),
  { maxLength: 120 },
);
type Step = { does: 'send' | 'hole' | 'read' | 'wait' | 'tell'; octets: number };

/** The peer sends no more than it may, the application reads as it likes: every segment we said. */
function play(bench: TcpBench, script: readonly Step[]): Sent[] {
  const sent: Sent[] = [];
  const { peer, app } = bench;
  for (const { does, octets } of script) {
    const text = Math.min(octets, peer.edge - peer.sndNxt, MSS);
    if (does === 'send' && text > 0) sent.push(...bench.sends(new Uint8Array(text)));
    const beyond = Math.min(octets, peer.edge - peer.sndNxt - 1, MSS);
    if (does === 'hole' && beyond > 0)
      sent.push(...bench.segment({ seq: peer.sndNxt + 1 }, new Uint8Array(beyond)));
    if (does === 'read') {
      const shown = Math.min(octets, app.receive()?.length ?? 0);
      if (shown > 0) app.consume(shown);
      sent.push(...bench.pump());
    }
    if (does === 'wait') sent.push(...bench.run(octets));
    if (does === 'tell') {
      app.send(new Uint8Array(octets));
      sent.push(...bench.pump(), ...bench.acks());
    }
  }
  return sent;
}

const edgeOf = (bench: TcpBench, { ack, window }: Sent): number => ack + window * 2 ** bench.peer.scale;

const buffers = fc.constantFrom(1000, 4096, 20_000, 65_535, 131_072, 1 << 20);

property.prop([buffers, fc.constantFrom(-1, 0, 7), fc.boolean(), steps])(
  'SHLD-14: the right edge of the window never moves left, in whatever order text comes and is read',
  (receiveBuffer, windowScale, timestamps, script) => {
    const bench = tcpIn('ESTABLISHED', { receiveBuffer, windowScale, timestamps, reads: false });
    let edge = 0;
    const back: number[] = [];
    // What a scaled field cannot say may seem to be missing, by less than its grain (RFC 7323 2.4), where rounding up would
    // let in more than the buffer holds.
    const grain = 2 ** bench.peer.scale;
    for (const segment of play(bench, script)) {
      const next = edgeOf(bench, segment);
      // An ACK of an earlier place may leave beside a newer one: it tells the same edge.
      if (next <= edge - grain) back.push(edge - next);
      edge = Math.max(edge, next);
    }
    expect(back).toEqual([]);
  },
);

property.prop([buffers, fc.constantFrom(-1, 7), steps])(
  'MUST-39: the edge moves by one segment, or half of the buffer, or not at all, as far as a scaled field can say',
  (receiveBuffer, windowScale, script) => {
    const bench = tcpIn('ESTABLISHED', { receiveBuffer, windowScale, reads: false });
    bench.segment({ seq: bench.peer.sndNxt }, new Uint8Array(Math.min(MSS, receiveBuffer)));
    bench.peer.sndNxt += Math.min(MSS, receiveBuffer);
    bench.readAll();
    bench.pump();
    bench.sends(Uint8Array.of(1));
    let { edge } = bench.peer;
    const least = Math.min(MSS, receiveBuffer >> 1);
    // What scaling cuts off would move the edge to the left: it is rounded up, by less than the field resolves.
    const grain = 2 ** bench.peer.scale;
    const silly: number[] = [];
    for (const segment of play(bench, script)) {
      const moved = edgeOf(bench, segment) - edge;
      if (moved >= grain && moved < least - grain) silly.push(moved);
      edge = Math.max(edge, edgeOf(bench, segment));
    }
    expect(silly).toEqual([]);
  },
);

property.prop([buffers, fc.constantFrom(-1, 7), steps])(
  'more than was offered is never kept: what sticks out of the window is not acknowledged',
  (receiveBuffer, windowScale, script) => {
    const bench = tcpIn('ESTABLISHED', { receiveBuffer, windowScale, reads: false });
    play(bench, script);
    const { edge } = bench.peer;
    bench.segment({}, new Uint8Array(Math.min(60_000, edge - bench.peer.sndNxt + 1000)));
    expect(bench.rcvNxt).toBeLessThanOrEqual(edge);
    expect(bench.app.unread).toBeLessThanOrEqual(receiveBuffer + 2 ** bench.peer.scale);
  },
);

describe('window updates', () => {
  /** The peer has filled a buffer of 20 segments. */
  const filled = (): TcpBench => {
    const bench = tcpIn('ESTABLISHED', { receiveBuffer: 20 * MSS, reads: false });
    for (let i = 0; i < 20; i++) bench.sends(new Uint8Array(MSS));
    expect(bench.peer.edge).toBe(bench.peer.sndNxt);
    return bench;
  };
  const read = (bench: TcpBench, octets: number): number => {
    for (let rest = octets; rest > 0; ) {
      const n = Math.min(rest, bench.app.receive()?.length ?? 0);
      bench.app.consume(n);
      rest -= n;
    }
    return bench.pump().length;
  };

  test('MUST-39: a shut window opens when there is room for a segment, and not before', () => {
    const bench = filled();
    expect(read(bench, MSS - 1)).toBe(0);
    expect(read(bench, 1)).toBe(1);
    expect(bench.peer.edge - bench.peer.sndNxt).toBe(MSS);
  });

  // MAY-8: for as long as it likes.
  test('a window stays shut while the application reads nothing, and each probe is answered', () => {
    const bench = filled();
    for (let i = 0; i < 20; i++) {
      bench.run(60_000);
      expect(bench.segment({ seq: bench.peer.sndNxt - 1 }).map(({ window }) => window)).toEqual([0]);
    }
    expect(bench.state()).toBe('ESTABLISHED');
  });

  test('an open window is not updated for every read', () => {
    const bench = tcpIn('ESTABLISHED', {
      receiveBuffer: 40 * MSS,
      reads: false,
      options: { tcpQuickAcks: 0 },
    });
    for (let i = 0; i < 4; i++) bench.sends(new Uint8Array(MSS));
    expect([1, 2, 3, 4].map(() => read(bench, MSS))).toEqual([0, 0, 0, 0]);
  });

  test('a handshake ends without an update, although our SYN could not tell the whole window', () => {
    const bench = tcpIn('SYN-RECEIVED', { windowScale: 7, receiveBuffer: 1 << 20 });
    expect(bench.acks()).toEqual([]);
    expect(bench.sends(Uint8Array.of(1)).map(({ window }) => window << bench.peer.scale)).toEqual([1 << 20]);
  });

  test('behind a FIN nothing is updated', () => {
    const bench = filled();
    bench.segment({ flags: TCP_FIN | TCP_ACK });
    read(bench, 10 * MSS);
    bench.segment({ flags: TCP_FIN | TCP_ACK });
    expect(bench.state()).toBe('CLOSE-WAIT');
    expect(read(bench, 10 * MSS)).toBe(0);
  });
});

describe('the receive buffer grows with the appetite of its reader', () => {
  /** Round trips of 10 ms, a full window in each: the limit after them. */
  function limits(trips: number, config: TcpBenchOptions, reads: boolean): number[] {
    const options = { tcpReceiveBytes: 16_384, tcpReceiveBytesMax: 100_000, ...config.options };
    const bench = tcpIn('ESTABLISHED', { windowScale: 7, options, reads });
    return Array.from({ length: trips }, () => {
      for (let room = bench.peer.edge - bench.peer.sndNxt; room > 0; room -= MSS)
        bench.sends(new Uint8Array(Math.min(MSS, room)));
      bench.run(10);
      return bench.app.status().receiveLimit;
    });
  }

  test('it doubles at least while everything is read, by what Linux adds for a growing sender, up to the cap and no further', () => {
    const grown = limits(12, {}, true);
    expect(grown[0]).toBeGreaterThanOrEqual(16_384);
    expect(grown.slice(1).every((limit, i) => limit >= grown[i])).toBe(true);
    expect(grown[1]).toBeGreaterThanOrEqual(2 * 16_384 - MSS);
    expect(Math.max(...grown)).toBe(100_000);
  });

  test('it stays when nothing is read', () => {
    expect(new Set(limits(6, {}, false))).toEqual(new Set([16_384]));
  });

  test('it stays when little comes', () => {
    const bench = tcpIn('ESTABLISHED');
    for (let i = 0; i < 50; i++) {
      bench.sends(new Uint8Array(1000));
      bench.run(10);
    }
    expect(bench.app.status().receiveLimit).toBe(131_072);
  });

  test('it stays where the application set it', () => {
    const bench = tcpIn('ESTABLISHED', { windowScale: 7 });
    bench.app.receiveBuffer = 20_000;
    for (let i = 0; i < 200; i++) {
      bench.sends(new Uint8Array(MSS));
      if (i % 10 === 0) bench.run(10);
    }
    expect(bench.app.status().receiveLimit).toBe(20_000);
  });
});

describe('memory has its caps', () => {
  test('more than the whole stack may hold is not acknowledged, and comes again', () => {
    const bench = tcpIn('ESTABLISHED', { reads: false, options: { tcpReceiveTotalBytes: 2000 } });
    bench.sends(new Uint8Array(1500));
    const [answer] = bench.segment({ flags: TCP_ACK | TCP_FIN }, new Uint8Array(1000));
    expect([answer.ack, bench.state()]).toEqual([1501, 'ESTABLISHED']);
    expect(bench.stack.stats.reason('TCP_RECEIVE_MEMORY')).toBe(1);
    bench.readAll();
    bench.pump();
    bench.segment({ flags: TCP_ACK | TCP_FIN }, new Uint8Array(1000));
    expect(bench.rcvNxt).toBe(2502);
  });

  test('runs beyond the limit are not kept, but answered; those that join one are', () => {
    const bench = tcpIn('ESTABLISHED', { options: { tcpReassemblyRunsMax: 4 } });
    const at = (seq: number): Sent[] => bench.segment({ seq }, Uint8Array.of(seq));
    for (const seq of [10, 20, 30, 40]) at(seq);
    expect(at(50).map(({ ack }) => ack)).toEqual([1]);
    expect(bench.stack.stats.reason('TCP_REASSEMBLY_FULL')).toBe(1);
    at(11);
    at(41);
    expect(bench.stack.stats.reason('TCP_REASSEMBLY_FULL')).toBe(1);
    bench.segment({ seq: 1 }, new Uint8Array(100));
    expect(bench.rcvNxt).toBe(101);
  });

  test('all that a connection held is given back, however it ends', () => {
    const ends: ((bench: TcpBench) => void)[] = [
      (bench) => bench.app.close(),
      (bench) => bench.app.abort(),
      (bench) => bench.segment({ flags: 4 }),
      (bench) => bench.readAll(),
    ];
    for (const end of ends) {
      const bench = tcpIn('ESTABLISHED', { reads: false, options: { tcpReceiveTotalBytes: 4000 } });
      bench.sends(new Uint8Array(1000));
      bench.segment({ seq: 3000 }, new Uint8Array(1000));
      end(bench);
      bench.pump();
      bench.segment({ flags: 4 });
      if (bench.app.unread > 0) bench.readAll();
      bench.pump();
      const { connections } = (bench.stack as unknown as { tcp: { connections: { receiveOctets: number } } })
        .tcp;
      expect(connections.receiveOctets).toBe(0);
      bench.end();
    }
  });
});
