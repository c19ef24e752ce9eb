// TCP_INFO, and the growth of the send buffer.

import { describe, expect, test } from 'vitest';
import { type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';

const MSS = 1000;

/** Ten segments are under way, ten wait. */
function sending(): TcpBench {
  const bench = tcpIn('ESTABLISHED', { mss: MSS, windowScale: 7, sack: true });
  bench.app.send(new Uint8Array(20 * MSS));
  bench.pump();
  return bench;
}

/** The peer has segments [from, to) beyond a hole, counted from the first. */
function sacks(bench: TcpBench, from: number, to: number): void {
  const edge = (n: number): number[] => {
    const at = (bench.iss + 1 + n * MSS) >>> 0;
    return [at >>> 24, (at >> 16) & 255, (at >> 8) & 255, at & 255];
  };
  bench.segment({ ack: 1, options: [1, 1, 5, 10, ...edge(from), ...edge(to)] });
}

describe('TCP_INFO', () => {
  test('what is under way, in segments, and what waits, in octets', () => {
    const info = sending().app.tcpInfo();
    expect(info).toMatchObject({ state: 1, caState: 0, unacked: 10, sacked: 0, lost: 0, retrans: 0 });
    expect(info).toMatchObject({
      notsentBytes: 10 * MSS,
      sndCwnd: 10,
      sndMss: MSS,
      sndSsthresh: 0x7fff_ffff,
    });
    expect(info).toMatchObject({ options: 2 | 4, sndWscale: 7, dataSegsOut: 10, bytesAcked: 1 });
  });

  test('one SACKed segment is disorder, three make a recovery of the hole before them', () => {
    const bench = sending();
    bench.run(50);
    sacks(bench, 1, 2);
    expect(bench.app.tcpInfo()).toMatchObject({ caState: 1, sacked: 1, lost: 0 });
    sacks(bench, 1, 4);
    expect(bench.app.tcpInfo()).toMatchObject({
      caState: 3,
      sacked: 3,
      lost: 1,
      retrans: 1,
      totalRetrans: 1,
    });
    bench.acks();
    expect(bench.app.tcpInfo()).toMatchObject({
      caState: 0,
      sacked: 0,
      lost: 0,
      retrans: 0,
      totalRetrans: 1,
    });
  });

  test('a timeout is a loss, with its backoff', () => {
    const bench = sending();
    bench.run(300);
    expect(bench.app.tcpInfo()).toMatchObject({ caState: 4, retransmits: 1, backoff: 1, sndCwnd: 1 });
  });

  test('octets are counted beyond what sequence numbers hold', () => {
    const bench = sending();
    const { bytesAcked, bytesReceived } = bench.app.tcpInfo();
    bench.acks();
    bench.sends(new Uint8Array(300));
    expect(bench.app.tcpInfo().bytesAcked - bytesAcked).toBe(20 * MSS);
    expect(bench.app.tcpInfo().bytesReceived - bytesReceived).toBe(300);
  });

  test('there is none before a connection', () => {
    expect(() => tcpIn('CLOSED').stack.tcpSocket({}).tcpInfo()).toThrow('ENOTCONN');
  });
});

describe('the send buffer', () => {
  const OPTIONS = { tcpSendBytes: 20 * MSS, tcpSendBytesMax: 100 * MSS };
  /** The peer takes all, some ten times; how much room there is then. */
  const grown = (set?: number): number => {
    const bench = tcpIn('ESTABLISHED', { mss: MSS, windowScale: 7, options: OPTIONS });
    if (set !== undefined) bench.app.sendBuffer = set;
    for (let turn = 0; turn < 10; turn++) {
      bench.app.send(new Uint8Array(200 * MSS));
      bench.pump();
      bench.acks();
    }
    bench.acks();
    while (bench.app.queuedBytes > 0) bench.acks();
    return bench.app.sendRoom;
  };

  test('grows with the window of who gives more than it holds, up to its limit', () => {
    expect(grown()).toBe(100 * MSS);
  });

  test('stays as large as it was set', () => {
    expect(grown(30 * MSS)).toBe(30 * MSS);
  });

  test('stays as it is for who asks little', () => {
    const bench = tcpIn('ESTABLISHED', { mss: MSS, windowScale: 7, options: OPTIONS });
    for (let turn = 0; turn < 30; turn++) {
      bench.app.send(new Uint8Array(MSS));
      bench.pump();
      bench.acks();
    }
    expect(bench.app.sendRoom).toBe(20 * MSS);
  });
});

describe('the congestion controller of a connection', () => {
  test('is that of the stack, or another by its name', () => {
    const bench = tcpIn('ESTABLISHED', { options: { tcpCongestion: 'reno' } });
    expect(bench.app.congestion).toBe('reno');
    bench.app.congestion = 'bbr';
    bench.app.send(new Uint8Array(10));
    bench.pump();
    expect(bench.tcb()?.controller?.name).toBe('bbr');
    bench.acks();
    bench.app.congestion = 'cubic';
    bench.app.send(new Uint8Array(10));
    bench.pump();
    expect(bench.tcb()?.controller?.name).toBe('cubic');
  });

  test('has a name that exists', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(() => Object.assign(bench.app, { congestion: 'vegas' })).toThrow('cubic, reno, bbr');
    expect(() => tcpIn('ESTABLISHED', { options: { tcpCongestion: 'vegas' } })).toThrow(
      'options.tcpCongestion',
    );
  });
});
