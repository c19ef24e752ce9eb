// The measurement itself, the same for both sides: streams that send by the load's rules, counted in intervals.
//
//   start --omitted-->| begins --interval--|--interval--| ... end

import type { Parameters } from './parameters.ts';
import type { Load, Stream } from './stream.ts';
import type { StreamRecord, TcpSample } from './stream-record.ts';
import type { Timing } from './timing.ts';

/** Blocks that one stream sends in a row before the others have their turn. */
const TURN_BLOCKS = 16;
/** Timers know milliseconds. */
const PACE_MS = 1;
/** A last interval that is shorter than this share of the others is told only if something came in it: iperf3's rule. */
const SHORT_INTERVAL = 0.1;

/** One stream in one interval. */
export interface IntervalRow {
  readonly record: StreamRecord;
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
  readonly outOfOrder: number;
  readonly jitterS: number;
  readonly retransmits: number;
  readonly sample: TcpSample | undefined;
}

export interface Interval {
  /** Seconds since the start, and how long. */
  readonly start: number;
  readonly end: number;
  readonly seconds: number;
  readonly omitted: boolean;
  readonly rows: readonly IntervalRow[];
}

/** Counts at the last interval's end. */
type Base = Omit<IntervalRow, 'record' | 'jitterS' | 'sample'>;
const ZERO: Base = { bytes: 0, packets: 0, lost: 0, outOfOrder: 0, retransmits: 0 };

export class Measurement implements Load {
  readonly streams: readonly Stream[];
  readonly intervals: Interval[] = [];
  /** Called at each interval's end. */
  onInterval: (interval: Interval, index: number) => void = () => {};
  /** Called when as many octets or blocks as were asked for were sent, or came: once. */
  onSpent: () => void = () => {};
  private readonly p: Parameters;
  private readonly timing: Timing;
  private readonly intervalMs: number;
  private readonly bases: Map<StreamRecord, Base> = new Map();
  private startMs = 0;
  private lastMs = 0;
  private marks = 0;
  private omitting = false;
  private running = false;
  private sentBytes = 0;
  private sentBlocks = 0;
  private spentTold = false;
  private cancelMark: () => void = nothing;
  private cancelOmit: () => void = nothing;
  private cancelPace: (() => void) | undefined = undefined;

  /** `intervalMs` 0: one interval, the whole. */
  constructor(streams: readonly Stream[], p: Parameters, timing: Timing, intervalMs: number) {
    this.streams = streams;
    this.p = p;
    this.timing = timing;
    this.intervalMs = intervalMs;
  }

  get records(): StreamRecord[] {
    return this.streams.map(({ record }) => record);
  }

  /** Octets that were sent or received since the start, what is omitted included: whether something moves. */
  get progress(): number {
    return this.streams.reduce((sum, { record }) => sum + record.bytes, 0);
  }

  start(): void {
    this.running = true;
    this.omitting = this.p.omitSeconds > 0;
    this.begin();
    if (this.omitting) this.cancelOmit = this.timing.after(this.p.omitSeconds * 1000, () => this.endOmit());
    for (const stream of this.streams) stream.start(this);
    this.sweep();
  }

  /** Sends no more, and closes the last interval. */
  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.cancelMark();
    this.cancelOmit();
    this.cancelPace?.();
    for (const stream of this.streams) stream.stop();
    const nowMs = this.timing.nowMs();
    this.mark(nowMs, true);
    for (const { record } of this.streams) record.seconds = (nowMs - this.startMs) / 1000;
  }

  close(): void {
    this.stop();
    for (const stream of this.streams) stream.close();
  }

  /** A stream has room again. */
  room(stream: Stream): void {
    if (this.p.bitrate > 0) this.sweep();
    else while (this.mayOne(stream) && stream.sendBlock()) this.sentOne();
  }

  roomForAll(): void {
    this.sweep();
  }

  /** Something came. The side that receives sees by this when all of it is there; of datagrams, lost ones count. */
  arrived(): void {
    const { udp, bytes, blocks, blockBytes } = this.p;
    if (!this.running || this.spentTold || (bytes === 0 && blocks === 0)) return;
    let octets = 0;
    for (const { record } of this.streams)
      if (!record.sends) octets += udp ? record.packets * blockBytes : record.bytes;
    if (this.isSpent(octets, octets / blockBytes)) this.tellSpent();
  }

  /** All senders in turn, until none may, or none can. */
  private sweep(): void {
    const senders = this.streams.filter(({ record }) => record.sends);
    for (let progress = true; progress; ) {
      progress = false;
      for (const stream of senders) {
        for (let i = 0; i < TURN_BLOCKS && this.mayOne(stream) && stream.sendBlock(); i++) {
          this.sentOne();
          progress = true;
        }
      }
    }
    if (this.p.bitrate > 0) this.pace(senders);
  }

  /** Below the rate, and not all is sent. */
  private mayOne({ record }: Stream): boolean {
    const { bitrate } = this.p;
    if (!this.running || this.isSpent(this.sentBytes, this.sentBlocks)) return false;
    return bitrate === 0 || this.dueMs(record) <= this.timing.nowMs();
  }

  private sentOne(): void {
    this.sentBytes += this.p.blockBytes;
    this.sentBlocks++;
    if (this.isSpent(this.sentBytes, this.sentBlocks)) this.tellSpent();
  }

  private tellSpent(): void {
    if (this.spentTold) return;
    this.spentTold = true;
    this.onSpent();
  }

  private isSpent(sentBytes: number, sentBlocks: number): boolean {
    const { bytes, blocks } = this.p;
    return (bytes > 0 && sentBytes >= bytes) || (blocks > 0 && sentBlocks >= blocks);
  }

  /** When this stream's next block may leave: what was sent is what the rate gives in that time. A burst is one thing to it. */
  private dueMs({ bytes }: StreamRecord): number {
    const { bitrate, burst, blockBytes } = this.p;
    const unit = Math.max(1, burst) * blockBytes;
    return this.startMs + (Math.floor(bytes / unit) * unit * 8000) / bitrate;
  }

  private pace(senders: readonly Stream[]): void {
    if (!this.running || senders.length === 0 || this.cancelPace !== undefined) return;
    const dueMs = Math.min(...senders.map(({ record }) => this.dueMs(record)));
    const waitMs = Math.max(PACE_MS, dueMs - this.timing.nowMs());
    this.cancelPace = this.timing.after(waitMs, () => {
      this.cancelPace = undefined;
      this.sweep();
    });
  }

  private begin(): void {
    this.startMs = this.timing.nowMs();
    this.lastMs = this.startMs;
    this.marks = 0;
    this.sentBytes = 0;
    this.sentBlocks = 0;
    for (const { record } of this.streams) this.bases.set(record, ZERO);
    this.cancelMark();
    this.awaitMark();
  }

  private awaitMark(): void {
    if (this.intervalMs === 0) return;
    const dueMs = this.startMs + (this.marks + 1) * this.intervalMs;
    this.cancelMark = this.timing.after(Math.max(0, dueMs - this.timing.nowMs()), () => {
      this.marks++;
      // The last moment of what is omitted is told when that ends.
      if (!this.omitting || this.marks * this.intervalMs < this.p.omitSeconds * 1000)
        this.mark(this.timing.nowMs(), false);
      this.awaitMark();
    });
  }

  /** What is omitted is over: all counts begin anew. */
  private endOmit(): void {
    this.mark(this.timing.nowMs(), true);
    this.omitting = false;
    for (const { record } of this.streams) record.restart();
    this.begin();
    if (this.p.bitrate > 0) this.sweep();
  }

  private mark(nowMs: number, last: boolean): void {
    for (const stream of this.streams) stream.sample();
    const rows = this.streams.map((stream) => this.row(stream));
    const seconds = (nowMs - this.lastMs) / 1000;
    const moved = rows.some(({ bytes }) => bytes > 0);
    const short = seconds * 1000 < this.intervalMs * SHORT_INTERVAL;
    if (last && !moved && short) return;
    const interval: Interval = {
      start: (this.lastMs - this.startMs) / 1000,
      end: (nowMs - this.startMs) / 1000,
      seconds,
      omitted: this.omitting,
      rows,
    };
    this.lastMs = nowMs;
    for (const { record } of this.streams) this.bases.set(record, baseOf(record));
    this.intervals.push(interval);
    this.onInterval(interval, this.intervals.length - 1);
  }

  private row(stream: Stream): IntervalRow {
    const { record } = stream;
    const base = this.bases.get(record) ?? ZERO;
    const now = baseOf(record);
    return {
      record,
      bytes: now.bytes - base.bytes,
      packets: now.packets - base.packets,
      lost: now.lost - base.lost,
      outOfOrder: now.outOfOrder - base.outOfOrder,
      retransmits: now.retransmits - base.retransmits,
      jitterS: record.jitterS,
      sample: stream.sample(),
    };
  }
}

function nothing(): void {}

function baseOf({ bytes, packets, lost, outOfOrder, retransmits }: StreamRecord): Base {
  return { bytes, packets, lost, outOfOrder, retransmits: Math.max(0, retransmits) };
}
