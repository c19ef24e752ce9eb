// Explicit congestion notification on segments: RFC 3168 6.1.

import { describe, expect, test } from 'vitest';
import { type Sent, type TcpBench, type TcpBenchOptions, tcpIn } from '../testing/tcp-bench.ts';
import { TCP_ACK, TCP_CWR, TCP_ECE, TCP_PSH, TCP_SYN } from '../wire/tcp.ts';

const MSS = 1460;
const ECN_FLAGS = TCP_ECE | TCP_CWR;

const marks = (sent: readonly Sent[]): number[] => sent.map(({ flags }) => flags & ECN_FLAGS);
const codepoints = (sent: readonly Sent[]): number[] => sent.map(({ tos }) => tos & 3);

/** The frame as a router hands it on that marks instead of dropping. */
function marked(frame: Uint8Array): Uint8Array {
  frame[1] |= 3;
  frame[10] = 0;
  frame[11] = 0;
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (frame[i] << 8) | frame[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  frame[10] = (~sum >> 8) & 255;
  frame[11] = ~sum & 255;
  return frame;
}

/** An established connection that agreed to it, opened by us. */
function agreed(config: TcpBenchOptions = {}): TcpBench {
  const bench = tcpIn('SYN-SENT', { open: 'active', ...config, options: { tcpEcn: 1, ...config.options } });
  bench.peer.sndNxt = 1;
  bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK | TCP_ECE });
  return bench;
}

describe('SHLD-8: the handshake (6.1.1)', () => {
  const asked = (tcpEcn: number): number[] => {
    const bench = tcpIn('CLOSED', { options: { tcpEcn } });
    bench.stack.tcpSocket({}).connect('10.0.0.1', 4000, { localPort: 7 });
    return marks(bench.pump());
  };

  test('a SYN asks only where the option says so', () => {
    expect([0, 1, 2].map(asked)).toEqual([[0], [ECN_FLAGS], [0]]);
  });

  test('a SYN that got no answer goes again without it (6.1.1.1)', () => {
    const bench = tcpIn('SYN-SENT', { open: 'active', options: { tcpEcn: 1 } });
    expect(marks(bench.run(1100)).at(-1)).toBe(0);
  });

  // R3168.1
  test.each([
    ['says both flags, and we accept', 2, ECN_FLAGS, TCP_ECE],
    ['says both flags, and we ask for it, too', 1, ECN_FLAGS, TCP_ECE],
    ['says both flags, and we never do', 0, ECN_FLAGS, 0],
    ['says ECE alone', 2, TCP_ECE, 0],
    ['says nothing', 2, 0, 0],
  ])('a SYN that %s', (_, tcpEcn, flags, answer) => {
    const bench = tcpIn('LISTEN', { options: { tcpEcn } });
    bench.peer.sndNxt = 1;
    expect(marks(bench.segment({ seq: 0, flags: TCP_SYN | flags }))).toEqual([answer]);
    // Half-open it was a row of 64 octets, and knows it still.
    bench.acks();
    bench.app.send(new Uint8Array(10));
    expect(codepoints(bench.pump())).toEqual([answer === 0 ? 0 : 2]);
  });

  // R3168.1
  test.each([
    ['ECE alone', TCP_ECE, 2],
    ['both flags: a mirror', ECN_FLAGS, 0],
    ['nothing', 0, 0],
  ])('a SYN,ACK with %s', (_, flags, codepoint) => {
    const bench = tcpIn('SYN-SENT', { open: 'active', options: { tcpEcn: 1 } });
    bench.peer.sndNxt = 1;
    bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK | flags });
    bench.app.send(new Uint8Array(10));
    expect(codepoints(bench.pump())).toEqual([codepoint]);
  });
});

describe('the receiver (6.1.3)', () => {
  // R3168.3
  test('a mark is told at once, and in every acknowledgment until the peer says CWR', () => {
    const bench = agreed();
    const text = (flags: number, mark: boolean): number[] => {
      const frame = bench.frame({ flags: TCP_ACK | flags }, new Uint8Array(MSS));
      bench.peer.sndNxt += MSS;
      return marks(bench.batch(mark ? marked(frame) : frame));
    };
    expect(text(0, false)).toEqual([0]);
    expect(text(0, true)).toEqual([TCP_ECE]);
    expect([text(0, false), text(0, false)].flat()).toContain(TCP_ECE);
    expect([text(TCP_CWR, false), text(0, false)].flat()).not.toContain(TCP_ECE);
    expect(text(TCP_CWR, true)).toEqual([TCP_ECE]);
  });

  test('who did not agree echoes nothing', () => {
    const bench = tcpIn('ESTABLISHED');
    const frame = marked(bench.frame({}, new Uint8Array(MSS)));
    expect(marks(bench.batch(frame))).toEqual([0]);
  });
});

describe('the sender (6.1.2, 6.1.4, 6.1.5)', () => {
  const sending = (config: TcpBenchOptions = {}): TcpBench => {
    const bench = agreed({ windowScale: 7, ...config });
    bench.app.send(new Uint8Array(40 * MSS));
    bench.pump();
    return bench;
  };
  const echo = (bench: TcpBench, ack: number): Sent[] => bench.segment({ ack, flags: TCP_ACK | TCP_ECE });

  // R3168.4
  test('new text may be marked, its repetition and a pure ACK may not', () => {
    const bench = agreed();
    bench.app.send(new Uint8Array(10));
    expect(codepoints(bench.pump())).toEqual([2]);
    expect(codepoints(bench.run(400))).toEqual([0]);
    const frames = [1, 1 + MSS].map((seq) => bench.frame({ seq }, new Uint8Array(MSS)));
    expect(codepoints(bench.batch(...frames))).toEqual([0]);
  });

  // R3168.2
  test('an echo brings the window down once in a window, however many come, and nothing is sent again', () => {
    const bench = sending({ options: { tcpCongestion: 'reno' } });
    const echoes = [1, 2, 3, 4].flatMap((n) => echo(bench, 1 + n * MSS));
    expect(bench.app.status().ssthresh).toBe(5 * MSS);
    expect(echoes.filter(({ seq }) => seq < 1 + 10 * MSS)).toEqual([]);
    const cwr = [...echoes, ...bench.acks()].filter(({ flags }) => (flags & TCP_CWR) !== 0);
    expect(cwr.length).toBe(1);
    expect(cwr[0].payload.length).toBeLessThanOrEqual(MSS);
  });

  test('an echo in the next window brings it down again', () => {
    const bench = sending({ options: { tcpCongestion: 'reno' } });
    echo(bench, 1 + MSS);
    const { ssthresh } = bench.app.status();
    bench.acks();
    bench.acks();
    echo(bench, bench.sndUna + MSS);
    expect(bench.app.status().ssthresh).toBeLessThan(ssthresh);
  });

  test('the echo that acknowledges just the window that was reduced is of the same mark: its sender has no CWR yet', () => {
    const bench = sending({ options: { tcpCongestion: 'reno' } });
    const echoes = [1, 2, 4, 6, 8, 10].flatMap((n) => echo(bench, 1 + n * MSS));
    expect(bench.app.status().ssthresh).toBe(5 * MSS);
    const cwr = [...echoes, ...bench.acks()].filter(({ flags }) => (flags & TCP_CWR) !== 0);
    expect(cwr.map(({ seq }) => seq)).toEqual([1 + 10 * MSS]);
    // What is echoed behind that segment is another mark.
    echo(bench, bench.sndUna + MSS);
    expect(bench.app.status().ssthresh).toBeLessThan(5 * MSS);
  });

  test('a loss, too, is told by CWR with the next new text', () => {
    const bench = sending({ sack: true });
    bench.run(1200);
    const sent = [1, 2, 3].flatMap(() => bench.acks());
    expect(sent.filter(({ flags }) => (flags & TCP_CWR) !== 0).length).toBe(1);
    expect(sent[0].flags & ~TCP_PSH).toBe(TCP_ACK | TCP_CWR);
  });

  test('who did not agree takes no echo', () => {
    const bench = tcpIn('ESTABLISHED', { windowScale: 7 });
    bench.app.send(new Uint8Array(40 * MSS));
    bench.pump();
    const { ssthresh } = bench.app.status();
    echo(bench, 1 + MSS);
    expect(bench.app.status().ssthresh).toBe(ssthresh);
  });
});
