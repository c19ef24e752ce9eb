// What both reports tell of a test, whoever ran it.

import type { Interval } from './measurement.ts';
import type { Parameters } from './parameters.ts';
import type { CpuUse, Results } from './results.ts';
import type { StreamRecord } from './stream-record.ts';

export interface Facts {
  readonly role: 'client' | 'server';
  readonly parameters: Parameters;
  /** The server a client connects to; or the client that came. */
  readonly host: string;
  readonly port: number;
  readonly cookie: string;
  readonly version: string;
  readonly systemInfo: string;
  /** Milliseconds since 1970. */
  readonly dateMs: number;
  /** The MSS of the control connection. */
  readonly mss: number;
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
}

/** What came of it. */
export interface Outcome {
  readonly records: readonly StreamRecord[];
  readonly intervals: readonly Interval[];
  readonly cpu: CpuUse;
  readonly congestion: string | undefined;
  /** What the far side said; undefined: not asked yet, or it cannot say any more. */
  readonly remote: Results | undefined;
}

/** One stream from both ends, in the terms of who sends and who receives. */
export interface StreamEnds {
  readonly record: StreamRecord;
  readonly sender: StreamEnd;
  readonly receiver: StreamEnd;
}

export interface StreamEnd {
  readonly bytes: number;
  readonly seconds: number;
  readonly packets: number;
  readonly lost: number;
  readonly jitterS: number;
  /** -1: not known. */
  readonly retransmits: number;
  /** False: nobody told. */
  readonly known: boolean;
}

const UNKNOWN = { bytes: 0, packets: 0, lost: 0, jitterS: 0, retransmits: -1, known: false };

/** Both ends of each stream. A far end that told nothing counts 0, in our time. */
export function streamEnds({ records, remote }: Outcome): StreamEnds[] {
  return records.map((record) => {
    const near: StreamEnd = { ...nearEnd(record), known: true };
    const told = remote?.streams.get(record.id);
    const far: StreamEnd =
      told === undefined ? { ...UNKNOWN, seconds: record.seconds } : { ...told, known: true };
    return record.sends ? { record, sender: near, receiver: far } : { record, sender: far, receiver: near };
  });
}

function nearEnd(record: StreamRecord): Omit<StreamEnd, 'known'> {
  const { bytes, seconds, packets, lost, jitterS, retransmits } = record;
  return { bytes, seconds, packets, lost, jitterS, retransmits };
}

/** The sum of ends that ran side by side; the jitter is the mean. */
export function sumOf(ends: readonly StreamEnd[]): StreamEnd {
  const sum = (of: (end: StreamEnd) => number): number => ends.reduce((total, end) => total + of(end), 0);
  return {
    bytes: sum((end) => end.bytes),
    seconds: Math.max(0, ...ends.map((end) => end.seconds)),
    packets: sum((end) => end.packets),
    lost: sum((end) => end.lost),
    jitterS: ends.length === 0 ? 0 : sum((end) => end.jitterS) / ends.length,
    retransmits: ends.every((end) => end.retransmits < 0) ? -1 : sum((end) => Math.max(0, end.retransmits)),
    known: ends.some((end) => end.known),
  };
}

export function bitsPerSecond(bytes: number, seconds: number): number {
  return seconds > 0 ? (bytes * 8) / seconds : 0;
}
