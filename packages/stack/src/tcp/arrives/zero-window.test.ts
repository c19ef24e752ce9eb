// SEGMENT ARRIVES while our window is shut: RFC 9293 3.4 (MUST-66), 3.10.7.4 first.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type StateName, show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, TCP_URG } from '../../wire/tcp.ts';

const WINDOW = 4096;
const STATES = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'] as const;

/** The application reads nothing, the peer has filled the window. A hundred octets of ours are outstanding. */
function full(state: StateName): TcpBench {
  const bench = tcpIn(state, { receiveBuffer: WINDOW, reads: false, outstanding: 100 });
  bench.segment({ seq: 1, ack: bench.sndUna }, octets(WINDOW));
  bench.run(40);
  bench.peer.sndNxt = 1 + WINDOW;
  expect(bench.peer.edge).toBe(1 + WINDOW);
  bench.heard.length = 0;
  return bench;
}

/** <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
const here = (bench: TcpBench): string[] => {
  const { sndNxt } = bench;
  bench.pump();
  return [`<SEQ=${sndNxt}><ACK=${1 + WINDOW}><CTL=ACK>`];
};

test.each(STATES)('%s: an ACK at RCV.NXT counts: SND.UNA moves', (state) => {
  const bench = full(state);
  const una = bench.sndUna;
  const ack = Math.min(bench.sndNxt, una + 50);
  bench.pump();
  expect(bench.say({ ack })).toEqual([]);
  expect(bench.sndUna).toBe(ack);
});

test.each(STATES)('%s: text at RCV.NXT is answered and not taken, its ACK counts', (state) => {
  const bench = full(state);
  const ack = Math.min(bench.sndNxt, bench.sndUna + 50);
  const wanted = here(bench);
  expect(bench.say({ ack }, octets(100))).toEqual(wanted);
  expect(bench.sndUna).toBe(ack);
  expect(bench.rcvNxt).toBe(1 + WINDOW);
  expect(bench.state()).toBe(state);
});

test.each(STATES)('%s: a FIN at RCV.NXT has no room: answered, and not taken', (state) => {
  const bench = full(state);
  const wanted = here(bench);
  expect(bench.say({ ack: bench.sndUna, flags: TCP_FIN | TCP_ACK })).toEqual(wanted);
  expect(bench.rcvNxt).toBe(1 + WINDOW);
  expect(bench.heard).toEqual([]);
});

test.each(STATES)('%s: MUST-66: a RST at RCV.NXT counts, with text behind it, too', (state) => {
  for (const text of [0, 100]) {
    const bench = full(state);
    expect(bench.say({ flags: TCP_RST }, octets(text))).toEqual([]);
    expect(bench.tcb()).toBe(undefined);
    expect(bench.heard).toEqual(['error ECONNRESET', 'closed']);
    bench.end();
  }
});

test.each(STATES)('%s: a RST elsewhere is dropped in silence', (state) => {
  for (const seq of [WINDOW, WINDOW + 2, 1]) {
    const bench = full(state);
    expect(bench.say({ seq, flags: TCP_RST })).toEqual([]);
    expect(bench.state()).toBe(state);
  }
});

test.each(STATES)('%s: MUST-66: URG at RCV.NXT is told', (state) => {
  const bench = full(state);
  bench.say({ ack: bench.sndUna, flags: TCP_ACK | TCP_URG, urgent: 10 }, octets(10));
  expect(bench.heard).toContain('urgent');
});

test.each(STATES)('%s: a SYN at RCV.NXT is challenged', (state) => {
  const bench = full(state);
  const wanted = here(bench);
  expect(bench.say({ flags: TCP_SYN })).toEqual(wanted);
  expect(bench.state()).toBe(state);
});

test.each(STATES)('%s: what lies to the right of a shut window is answered, and dropped', (state) => {
  const bench = full(state);
  const wanted = here(bench);
  expect(bench.say({ seq: 2 + WINDOW, ack: bench.sndNxt }, octets(10))).toEqual(wanted);
  expect(bench.rcvNxt).toBe(1 + WINDOW);
});

test.each(STATES)('%s: an application that reads opens the window again, and says so', (state) => {
  const bench = full(state);
  const { sndNxt } = bench;
  bench.pump();
  bench.readAll();
  const [update] = bench.pump();
  expect(show(update)).toBe(`<SEQ=${sndNxt}><ACK=${1 + WINDOW}><CTL=ACK>`);
  expect(update.window).toBe(WINDOW);
});
