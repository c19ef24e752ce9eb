// A connection that sends, its round trip known, and a peer that acknowledges and SACKs by segments: for tests of loss recovery.
//
//   const flight = new Flight({ rttMs: 100 });
//   flight.sends(10);                       // [0, 1, ... 9]: segments, counted from here
//   flight.tells(0, [[1, 4]]);              // 0 is missing, 1 to 3 arrived: answers what we send then
//   flight.waits(25);                       // [{ n: 0, atMs: 25 }]

import { add, diff } from '../../../base/int.ts';
import {
  type PeerSegment,
  type Sent,
  type TcpBench,
  type TcpBenchOptions,
  tcpIn,
} from '../../../testing/tcp-bench.ts';
import type { Controller } from '../../congestion/controller.ts';
import { WINDOW_MAX } from '../../congestion/window-limits.ts';
import type { Tcb } from '../../tcb.ts';
import type { LossRecord } from '../record.ts';

/** Octets of a full segment. */
export const MSS = 1000;
/** Segments of warming up: SRTT is then within a thousandth of the round trip. */
const WARM_UP = 60;
const TIMESTAMPS_OCTETS = 12;
const SEND_BYTES = 8 << 20;
const INITIAL_WINDOW = 10 * MSS;

/** First and behind the last, in segments. */
export type Block = readonly [from: number, to: number];

export interface FlightOptions extends TcpBenchOptions {
  /** 0: none was measured but that of the handshake, which is none. 100 */
  readonly rttMs?: number;
}

/** What left: segment and when. */
export interface Left {
  readonly n: number;
  readonly atMs: number;
}

/** See the head of this file. */
export class Flight {
  readonly bench: TcpBench;
  /** Relative sequence number of segment 0. */
  base = 1;
  private readonly timestamps: boolean;

  constructor({ rttMs = 100, ...config }: FlightOptions = {}) {
    this.timestamps = config.timestamps === true;
    this.bench = tcpIn('ESTABLISHED', {
      mss: MSS + (this.timestamps ? TIMESTAMPS_OCTETS : 0),
      windowScale: 7,
      sack: true,
      ...config,
      options: { tcpCongestion: 'reno', tcpSendBytes: SEND_BYTES, ...config.options },
    });
    if (rttMs > 0) this.warmUp(rttMs);
  }

  get tcb(): Tcb {
    return this.bench.known;
  }

  get loss(): LossRecord {
    return this.tcb.loss as LossRecord;
  }

  get cwnd(): number {
    return this.bench.app.status().cwnd / MSS;
  }

  get ssthresh(): number {
    return this.bench.app.status().ssthresh / MSS;
  }

  /** SND.UNA and SND.NXT, in segments. */
  get una(): number {
    return (this.bench.sndUna - this.base) / MSS;
  }

  get nxt(): number {
    return (this.bench.sndNxt - this.base) / MSS;
  }

  counter(name: Parameters<TcpBench['stack']['stats']['get']>[0]): number {
    return this.bench.stack.stats.get(name);
  }

  /** The application sends so many segments: those that leave. */
  sends(segments: number): number[] {
    this.bench.app.send(new Uint8Array(segments * MSS));
    return this.numbers(this.bench.pump());
  }

  /** The peer acknowledges all before `ack`, and SACKs these: what we send then, in segments. */
  tells(ack: number, blocks: readonly Block[] = [], fields: PeerSegment = {}): number[] {
    return this.numbers(this.bench.batch(this.frame(ack, blocks, fields)));
  }

  /** The same segment for `bench.batch`; with text, if there is any. */
  frame(
    ack: number,
    blocks: readonly Block[] = [],
    fields: PeerSegment = {},
    text: Uint8Array = new Uint8Array(0),
  ): Uint8Array {
    return this.bench.frame(
      {
        ack: this.base + ack * MSS,
        options: this.options(
          blocks.map(([from, to]) => [this.base + from * MSS, this.base + to * MSS]),
          fields,
        ),
        ...fields,
      },
      text,
    );
  }

  /** Blocks by relative sequence numbers, and what else the options of a segment hold. */
  options(blocks: readonly Block[], fields: PeerSegment = {}): number[] {
    const { bench, timestamps } = this;
    const octets = timestamps
      ? [1, 1, 8, 10, ...word(bench.peer.tsVal), ...word(fields.tsEcr ?? bench.peer.tsRecent)]
      : [];
    return blocks.length > 0 ? octets.concat(sackOption(bench, blocks)) : octets;
  }

  /** The congestion window is so large from now on; in slow start unless `ssthresh` says otherwise. Octets. */
  opens(cwnd: number, ssthresh: number = WINDOW_MAX): void {
    Object.assign(this.tcb.controller as Controller, { cwnd, ssthresh });
    this.tcb.cwnd = cwnd;
  }

  /** Time passes: what leaves meanwhile. */
  waits(ms: number): Left[] {
    return this.bench
      .run(ms)
      .filter(({ payload }) => payload.length > 0)
      .map(({ seq, atMs }) => ({ n: (seq - this.base) / MSS, atMs }));
  }

  numbers(sent: readonly Sent[]): number[] {
    return sent.filter(({ payload }) => payload.length > 0).map(({ seq }) => (seq - this.base) / MSS);
  }

  /** Up to here, in segments, everything is acknowledged, and counting begins anew. */
  restart(): void {
    this.tells(this.nxt);
    this.base = diff(this.tcb.sndNxt, this.bench.iss);
  }

  private warmUp(rttMs: number): void {
    for (let round = 0; round < WARM_UP; round++) {
      this.sends(1);
      this.bench.run(rttMs);
      this.restart();
    }
    this.opens(INITIAL_WINDOW);
  }
}

/** RFC 2018 section 3. Blocks by relative sequence numbers. */
export function sackOption(bench: TcpBench, blocks: readonly Block[]): number[] {
  const words = blocks.flat().map((seq) => add(bench.iss, seq));
  return [1, 1, 5, 2 + 8 * blocks.length, ...words.flatMap(word)];
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
