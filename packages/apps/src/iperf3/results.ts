// What both sides tell each other after the test, as JSON: how much each stream sent or received.

import type { StreamRecord } from './stream-record.ts';

/** Octets of the results' JSON: those of 256 streams, and a long output of the server's. */
export const RESULTS_MAX: number = 1 << 20;

/** Percent of a CPU. */
export interface CpuUse {
  readonly total: number;
  readonly user: number;
  readonly system: number;
}

/** One stream, as its far end saw it. */
export interface StreamResult {
  readonly bytes: number;
  /** -1: not counted there. */
  readonly retransmits: number;
  readonly jitterS: number;
  readonly lost: number;
  readonly packets: number;
  readonly seconds: number;
}

export interface Results {
  readonly cpu: CpuUse;
  readonly congestion: string | undefined;
  readonly streams: ReadonlyMap<number, StreamResult>;
  readonly serverText: string | undefined;
  readonly serverJson: unknown;
}

/** What a side has to tell besides its streams. */
export interface Side {
  readonly cpu: CpuUse;
  readonly congestion: string | undefined;
  /** 1: it sends and counts retransmissions, 0: it sends and does not, -1: it does not send. */
  readonly hasRetransmits: number;
  readonly serverText?: string;
  readonly serverJson?: unknown;
}

export function writeResults(side: Side, records: readonly StreamRecord[]): Record<string, unknown> {
  const { cpu, congestion, hasRetransmits, serverText, serverJson } = side;
  return {
    cpu_util_total: cpu.total,
    cpu_util_user: cpu.user,
    cpu_util_system: cpu.system,
    sender_has_retransmits: hasRetransmits,
    ...(congestion !== undefined && { congestion_used: congestion }),
    ...(serverText !== undefined && { server_output_text: serverText }),
    ...(serverJson !== undefined && { server_output_json: serverJson }),
    streams: records.map((record) => ({
      id: record.id,
      bytes: record.bytes,
      retransmits: record.retransmits,
      jitter: record.jitterS,
      errors: record.lost,
      packets: record.packets,
      start_time: 0,
      end_time: record.seconds,
    })),
  };
}

/** Reads the far side's; a line of text: it cannot be used. Numbers that are none count as 0. */
export function readResults(json: unknown): Results | string {
  if (typeof json !== 'object' || json === null) return 'the results are no object';
  const given = json as Record<string, unknown>;
  if (!Array.isArray(given.streams)) return 'the results name no streams';
  const streams = new Map<number, StreamResult>();
  for (const each of given.streams as unknown[]) {
    if (typeof each !== 'object' || each === null) return 'a stream of the results is no object';
    const stream = each as Record<string, unknown>;
    streams.set(numberOf(stream.id), {
      bytes: numberOf(stream.bytes),
      retransmits: signed(stream.retransmits),
      jitterS: numberOf(stream.jitter),
      lost: numberOf(stream.errors),
      packets: numberOf(stream.packets),
      seconds: Math.max(0, numberOf(stream.end_time) - numberOf(stream.start_time)),
    });
  }
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return {
    cpu: {
      total: numberOf(given.cpu_util_total),
      user: numberOf(given.cpu_util_user),
      system: numberOf(given.cpu_util_system),
    },
    congestion: text(given.congestion_used),
    streams,
    serverText: text(given.server_output_text),
    serverJson: given.server_output_json,
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** iperf3 3.12 writes -1 as 2^64 - 1. */
function signed(value: unknown): number {
  const number = typeof value === 'number' ? value : -1;
  return number >= 2 ** 63 ? -1 : number;
}
