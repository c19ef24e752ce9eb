// Rows of docs/hostile-input.csv that wear a stack of connections down, guess its numbers, or lie about its peers: floods,
// crumbs, shut windows, ISN and ports, ICMP storms, both ends at once. RFC 9293 3.4.1, 3.5, 3.8.6; RFC 5927, RFC 6056.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { Prng } from '../base/prng.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { icmpFrame, ip, octets, PEER, US } from '../testing/frames.ts';
import { Ordeal } from '../testing/ordeal.ts';
import { stackWith } from '../testing/stack-with.ts';
import { type TcpBench, tcpIn } from '../testing/tcp-bench.ts';
import { readTcpFrame, tcpFrame } from '../testing/tcp-frames.ts';
import { formatIp4 } from '../wire/address.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/tcp.ts';

const INT32_MAX = 0x7fff_ffff;
const HOUR_MS = 3_600_000;
const SEEDS = fc.integer();

/** What a flood of SYNs, of their ACKs, or of anything else from strangers comes to. */
const FLOOD = {
  reasons: ['TCP_LISTEN_FULL', 'TCP_SYN_AGAIN', 'TCP_NO_CONNECTION', 'TCP_OUT_OF_WINDOW'],
  mayPass: true,
} as const;

describe('ICMP', () => {
  property.prop([
    fc.array(
      fc.record({
        type: fc.constantFrom(3, 11, 12, 4),
        code: fc.nat(15),
        mtu: fc.nat(65_535),
        // Nothing of it is outstanding: at, and beyond, both ends of 1 .. 101.
        seq: fc.oneof(fc.integer({ min: 101, max: INT32_MAX }), fc.integer({ min: -INT32_MAX, max: 0 })),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  ])(
    '[hostile 15, 16] a storm of errors that quote what is not outstanding changes nothing (RFC 5927 4.1)',
    (storm) => {
      const tcp = tcpIn('ESTABLISHED', { outstanding: 100 });
      const ordeal = new Ordeal(tcp.bench);
      const { mss, cwnd } = tcp.app.status();
      const frames = storm.map(({ type, code, mtu, seq }) => {
        const about = tcpFrame({ src: US, dst: PEER, sport: 7, dport: 4000, seq: (tcp.iss + seq) | 0 });
        return icmpFrame({ type, code, word4: 0, word6: mtu }, about.slice(0, 28));
      });
      ordeal.endure(frames, {
        reasons: ['ICMP_QUOTE_UNKNOWN', 'ICMP_UNANSWERED_TYPE', 'ICMP_SOFT_ERROR'],
        mayPass: true,
        silent: true,
      });
      const quenches = storm.filter(({ type }) => type === 4).length;
      // Each came twice.
      expect(tcp.stack.stats.get('TcpExtOutOfWindowIcmps')).toBe(2 * (storm.length - quenches));
      expect(tcp.heard).toEqual([]);
      expect(tcp.app.status()).toMatchObject({ state: 'ESTABLISHED', mss, cwnd });
      ordeal.end();
    },
  );
});

describe('options of a SYN', () => {
  property.prop([fc.oneof(fc.nat(64), fc.nat(65_535)), fc.nat(255), fc.boolean()])(
    '[hostile 20] whatever MSS and shift a peer says, no segment is a crumb, and no window larger than 2^30',
    (mss, windowScale, timestamps) => {
      const tcp = tcpIn('ESTABLISHED', { mss, windowScale, timestamps });
      const ordeal = new Ordeal(tcp.bench);
      const { windowScale: agreed } = tcp.app.status();
      expect(agreed[0]).toBeLessThanOrEqual(14);
      tcp.app.send(octets(4000));
      const [first] = tcp.pump();
      // Linux tcp_min_snd_mss, options included.
      expect(first.payload.length).toBeGreaterThanOrEqual(48 - (timestamps ? 12 : 0));
      expect(first.payload.length).toBeLessThanOrEqual(1460);
      ordeal.end();
    },
  );
});

describe('crumbs', () => {
  property.prop([fc.integer({ min: 2, max: 5 }), SEEDS, fc.integer({ min: 1, max: 64 })], { numRuns: 8 })(
    '[hostile 22] SegmentSmack: single octets out of order lie in a bounded number of runs, and the stream comes out right',
    (stride, seed, runsMax) => {
      const tcp = tcpIn('ESTABLISHED', { options: { tcpReassemblyRunsMax: runsMax } });
      const ordeal = new Ordeal(tcp.bench);
      const places = Array.from({ length: 600 }, (_, i) => 2 + i * stride);
      shuffle(places, new Prng(seed));
      let most = 0;
      for (const place of places) {
        ordeal.withstand([tcp.frame({ seq: place }, Uint8Array.of(place & 255))], {
          reasons: ['TCP_REASSEMBLY_FULL'],
          mayPass: true,
        });
        most = Math.max(most, tcp.known.reassembly?.count ?? 0);
      }
      expect(most).toBe(runsMax);
      expect(tcp.stack.stats.reason('TCP_REASSEMBLY_FULL')).toBeGreaterThan(0);
      const end = 2 + 600 * stride;
      const honest = Uint8Array.from({ length: end }, (_, i) => (1 + i) & 255);
      for (let at = 0; at < end; at += 1000) tcp.segment({ seq: 1 + at }, honest.slice(at, at + 1000));
      expect(Uint8Array.from(tcp.read)).toEqual(honest);
      ordeal.end();
    },
  );
});

describe('what is to be guessed', () => {
  property.prop([SEEDS], { numRuns: 10 })(
    '[hostile 28] the first sequence numbers of 1000 connections follow no step, and each its clock (RFC 6528)',
    (seed) => {
      const bench = stackWith({ seed });
      const ordeal = new Ordeal(bench);
      bench.stack.tcpListener({}).listen(US, 80, { backlog: 2000 });
      const numbers = Array.from({ length: 1000 }, (_, i) => issOf(ordeal, { sport: 1024 + i }));
      const steps = numbers.slice(1).map((number, i) => (number - numbers[i]) | 0);
      expect(new Set(steps).size).toBeGreaterThan(990);
      expect(new Set(steps.slice(1).map((step, i) => (step - steps[i]) | 0)).size).toBeGreaterThan(990);
      // Half of them go forward, as chance has it.
      const forward = steps.filter((step) => step > 0).length;
      expect(Math.abs(forward - 500)).toBeLessThan(150);
      // One tuple again: reset, and a second later it is 250,000 ticks of 4 us further.
      ordeal.withstand([tcpFrame({ sport: 1024, dport: 80, seq: 1, flags: TCP_RST })], FLOOD);
      ordeal.pass(1000);
      expect((issOf(ordeal, { sport: 1024 }) - numbers[0]) | 0).toBe(250_000);
      ordeal.end();
    },
  );

  property.prop([SEEDS], { numRuns: 20 })(
    '[hostile 29] ports that are chosen, and identifications, tell nothing of the next (RFC 6056, RFC 6864)',
    (seed) => {
      const bench = stackWith({ seed });
      const ordeal = new Ordeal(bench);
      const ports = Array.from({ length: 40 }, (_, i) => {
        const socket = bench.stack.tcpSocket({});
        socket.connect(PEER, 1000 + i);
        return socket.address().port;
      });
      const { ephemeralPortFirst, ephemeralPortLast } = DEFAULT_OPTIONS;
      expect(Math.min(...ports)).toBeGreaterThanOrEqual(ephemeralPortFirst);
      expect(Math.max(...ports)).toBeLessThanOrEqual(ephemeralPortLast);
      expectNoOrder(ports);
      const syns = ordeal.pass(0).map(readTcpFrame);
      expect(syns.length).toBe(40);
      // Atomic datagrams have none to guess.
      for (const { id, ipFlags } of syns) expect([id, ipFlags & 0x4000]).toEqual([0, 0x4000]);
      ordeal.end();
    },
  );
});

describe('floods', () => {
  property.prop([SEEDS, fc.integer({ min: 1, max: 64 })], { numRuns: 4 })(
    '[hostile 31] connections in FIN-WAIT-2 and TIME-WAIT pile up to their limits, and are gone in time',
    (seed, timeWaitMax) => {
      const connectionsMax = 40;
      const bench = stackWith({
        seed,
        options: { tcpTimeWaitMax: timeWaitMax, tcpConnectionsMax: connectionsMax, tcpSynBacklogMax: 40 },
      });
      const ordeal = new Ordeal(bench);
      bench.stack.tcpListener({ acceptable: (l) => l.accept({})?.close() }).listen(US, 80, { backlog: 500 });
      const prng = new Prng(seed);
      let most = 0;
      for (let i = 0; i < 200; i++) {
        const from = { sport: 1024 + i, dport: 80 };
        const [answer] = ordeal.withstand([tcpFrame({ ...from, flags: TCP_SYN })], FLOOD);
        most = Math.max(most, bench.stack.tcpConnectionCount);
        if (answer === undefined) continue;
        const iss = readTcpFrame(answer).seq;
        const said = { ...from, ack: (iss + 1) | 0 };
        // The stack closes at once: FIN-WAIT-1. Half of them go on to TIME-WAIT, the others stay in FIN-WAIT-2.
        ordeal.withstand([tcpFrame({ ...said, seq: 1 })], FLOOD);
        const fin = prng.chance(0.5) ? TCP_FIN | TCP_ACK : TCP_ACK;
        ordeal.withstand([tcpFrame({ ...said, seq: 1, ack: (iss + 2) | 0, flags: fin })], FLOOD);
      }
      expect(most).toBeGreaterThan(timeWaitMax);
      expect(most).toBeLessThanOrEqual(connectionsMax + timeWaitMax + 40);
      ordeal.serve();
      ordeal.pass(2 * HOUR_MS);
      expect(bench.stack.tcpConnectionCount).toBe(1);
      ordeal.end();
    },
  );

  property.prop([SEEDS], { numRuns: 2 })(
    '[hostile 48] ten thousand half-open connections fill the backlog and no more, and whoever is established is served',
    (seed) => {
      const bench = stackWith({ seed, options: { tcpSynBacklogMax: 256 } });
      const ordeal = new Ordeal(bench);
      bench.stack.tcpListener({}).listen(US, 80, { backlog: 16 });
      const prng = new Prng(seed);
      for (let i = 0; i < 100; i++) {
        const frames = Array.from({ length: 100 }, () => synOfAnybody(prng));
        ordeal.withstand(frames, FLOOD);
        expect(bench.stack.tcpConnectionCount).toBeLessThanOrEqual(256 + 1);
        if (i % 25 === 0) ordeal.serve();
      }
      // Whether the oldest makes room or a cookie is sent, it is counted.
      const counted: Record<string, number> = bench.stack.stats.nstat();
      const { TcpExtListenDrops = 0, TcpExtTCPReqQFullDoCookies = 0 } = counted;
      expect(TcpExtListenDrops + TcpExtTCPReqQFullDoCookies).toBeGreaterThan(9000);
      ordeal.pass(200_000);
      expect(bench.stack.tcpConnectionCount).toBe(1);
      ordeal.end();
    },
  );

  property.prop([SEEDS, fc.integer({ min: 1, max: 20 })], { numRuns: 10 })(
    '[hostile 48] slow-loris: an application that accepts nobody has as many waiting as it asked for, and no more',
    (seed, backlog) => {
      const bench = stackWith({ seed });
      const ordeal = new Ordeal(bench);
      bench.stack.tcpListener({}).listen(US, 80, { backlog });
      let open = 0;
      for (let i = 0; i < 100; i++) {
        const from = { sport: 1024 + i, dport: 80 };
        const [answer] = ordeal.withstand([tcpFrame({ ...from, flags: TCP_SYN })], FLOOD);
        if (answer === undefined) continue;
        const ack = (readTcpFrame(answer).seq + 1) | 0;
        ordeal.withstand([tcpFrame({ ...from, seq: 1, ack })], FLOOD);
        open++;
      }
      expect(open).toBe(backlog);
      expect(bench.stack.stats.reason('TCP_LISTEN_FULL')).toBe(100 - backlog);
      ordeal.end();
    },
  );
});

describe('a window that stays shut', () => {
  property.prop([fc.array(fc.nat(1), { maxLength: 10 }), fc.integer({ min: 10_000, max: 600_000 })], {
    numRuns: 20,
  })(
    '[hostile 32] sockstress: probes get rarer, memory stays within the send buffer, and a peer that falls silent is given up',
    (windows, userTimeoutMs) => {
      const tcp = tcpIn('ESTABLISHED', { options: { tcpSendBytes: 20_000 } });
      const ordeal = new Ordeal(tcp.bench);
      tcp.acks(1, 0);
      let given = 0;
      while (tcp.app.send(new Uint8Array(1000)) === 1000) given += 1000;
      expect(given).toBe(20_000);
      let acked = 1;
      for (const window of windows) {
        ordeal.withstand([tcp.frame({ ack: acked, window })], { reasons: [], mayPass: true });
        tcp.run(5000);
        acked = tcp.sndNxt;
      }
      ordeal.withstand([tcp.frame({ ack: acked, window: 0 })], { reasons: [], mayPass: true });
      // Two minutes apart at last, answered every time.
      expect(probed(tcp, ordeal, HOUR_MS)).toBeLessThan(60);
      expect(tcp.app.status().sendQueue).toBeLessThanOrEqual(20_000);
      expect(tcp.state()).toBe('ESTABLISHED');
      tcp.app.userTimeoutMs = userTimeoutMs;
      // Long before 15 probes in vain, at the first probe behind it.
      ordeal.pass(userTimeoutMs + 125_000);
      expect(tcp.heard).toContain('error ETIMEDOUT');
      expect(tcp.state()).toBe('LISTEN');
      ordeal.end();
    },
  );
});

describe('both at once', () => {
  property.prop([fc.boolean(), fc.integer(), fc.integer()])(
    '[hostile 40] SYN crosses SYN, FIN crosses FIN, each once or twice: ESTABLISHED, CLOSING, TIME-WAIT, and nothing left',
    (twice, iss, peerIss) => {
      const tcp = tcpIn('SYN-SENT', { iss, peerIss });
      const ordeal = new Ordeal(tcp.bench);
      const outcome = {
        reasons: ['TCP_SYN_AGAIN', 'TCP_OUT_OF_WINDOW', 'TCP_SYN_CHALLENGED'],
        mayPass: true,
      } as const;
      const say = (frame: Uint8Array): void => {
        ordeal.withstand(twice ? [frame, frame] : [frame], outcome);
      };
      tcp.peer.rcvNxt = 1;
      say(tcp.frame({ seq: 0, flags: TCP_SYN }));
      expect(tcp.state()).toBe('SYN-RECEIVED');
      say(tcp.frame({ seq: 0, flags: TCP_SYN | TCP_ACK }));
      expect(tcp.state()).toBe('ESTABLISHED');
      tcp.app.end();
      tcp.pump();
      say(tcp.frame({ seq: 1, ack: 1, flags: TCP_FIN | TCP_ACK }));
      expect(tcp.state()).toBe('CLOSING');
      say(tcp.frame({ seq: 2, ack: 2 }));
      expect(tcp.state()).toBe('TIME-WAIT');
      ordeal.end();
    },
  );

  property.prop([fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 3000 }), SEEDS], {
    numRuns: 30,
  })(
    '[hostile 40] a socket that connects to itself is one connection, which hears what it says',
    (port, length, seed) => {
      const bench = stackWith({ seed });
      const ordeal = new Ordeal(bench);
      const heard: number[] = [];
      const socket = bench.stack.tcpSocket({
        readable(s) {
          for (let t = s.receive(); t !== undefined; t = s.receive()) {
            heard.push(...t.bytes.subarray(t.offset, t.offset + t.length));
            s.consume(t.length);
          }
        },
      });
      socket.connect(US, port, { localPort: port });
      ordeal.pass(10);
      expect(socket.status().state).toBe('ESTABLISHED');
      socket.send(octets(length));
      ordeal.pass(1000);
      expect(Uint8Array.from(heard)).toEqual(octets(length));
      socket.close();
      ordeal.pass(1000);
      ordeal.end();
    },
  );
});

/** The first sequence number that we answer a SYN to port 80 with. */
function issOf(ordeal: Ordeal, from: { readonly sport: number }): number {
  const [answer] = ordeal.withstand([tcpFrame({ ...from, dport: 80, flags: TCP_SYN })], FLOOD);
  return readTcpFrame(answer).seq;
}

function synOfAnybody(prng: Prng): Uint8Array {
  const src = formatIp4(ip('11.0.0.0') + prng.below(1 << 24));
  return tcpFrame({ src, sport: 1 + prng.below(65_535), dport: 80, seq: prng.int32(), flags: TCP_SYN });
}

/** Each probe is answered: shut. How many there were. */
function probed(tcp: TcpBench, ordeal: Ordeal, ms: number): number {
  let probes = 0;
  const { stack, clock } = tcp.bench;
  for (let left = ms; left > 0; ) {
    const step = Math.min(left, Math.max(1, stack.msUntilNext(clock.ms)));
    left -= step;
    if (ordeal.pass(step).length === 0) continue;
    probes++;
    ordeal.withstand([tcp.frame({ ack: tcp.sndNxt, window: 0 })], { reasons: [], mayPass: true });
  }
  return probes;
}

function shuffle(list: number[], prng: Prng): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
}

/** Different ones, and hardly any the next of the one before. */
function expectNoOrder(numbers: readonly number[]): void {
  expect(new Set(numbers).size).toBe(numbers.length);
  const steps = numbers.slice(1).map((number, i) => number - numbers[i]);
  expect(new Set(steps).size).toBeGreaterThan(steps.length * 0.9);
}
