// The report as JSON, under iperf3's keys.

import {
  bitsPerSecond,
  type Facts,
  type Outcome,
  type StreamEnd,
  type StreamEnds,
  streamEnds,
  sumOf,
} from './facts.ts';
import type { Interval, IntervalRow } from './measurement.ts';
import type { StreamRecord } from './stream-record.ts';

type Json = Record<string, unknown>;

/** What `-J` prints of a whole test. `error`: why it ended early. */
export function jsonReport(facts: Facts, outcome: Outcome, error?: string): Json {
  const { parameters, role } = facts;
  const { remote } = outcome;
  return {
    start: startOf(facts, outcome.records),
    intervals: outcome.intervals.map((interval) => intervalOf(facts, interval)),
    end: endOf(facts, outcome),
    ...(parameters.title !== undefined && { title: parameters.title }),
    ...(parameters.extraData !== undefined && { extra_data: parameters.extraData }),
    ...(role === 'client' && remote?.serverText !== undefined && { server_output_text: remote.serverText }),
    ...(role === 'client' && remote?.serverJson !== undefined && { server_output_json: remote.serverJson }),
    ...(error !== undefined && { error }),
  };
}

/** Tabs and all, as cJSON prints. */
export function printJson(json: unknown): string {
  return `${JSON.stringify(json, undefined, '\t').replace(/^(\t*"[^"]*":) /gm, '$1\t')}\n`;
}

function startOf(facts: Facts, records: readonly StreamRecord[]): Json {
  const p = facts.parameters;
  const at = { host: facts.host, port: facts.port };
  return {
    connected: records.map(({ socket, addresses: a }) => ({
      socket,
      local_host: a.localHost,
      local_port: a.localPort,
      remote_host: a.remoteHost,
      remote_port: a.remotePort,
    })),
    version: facts.version,
    system_info: facts.systemInfo,
    timestamp: {
      time: new Date(facts.dateMs).toUTCString(),
      timesecs: Math.floor(facts.dateMs / 1000),
    },
    ...(facts.role === 'client' ? { connecting_to: at } : { accepted_connection: at }),
    cookie: facts.cookie,
    ...(!p.udp && (p.mss > 0 ? { tcp_mss: p.mss } : { tcp_mss_default: facts.mss })),
    target_bitrate: p.bitrate,
    sock_bufsize: p.windowBytes,
    sndbuf_actual: facts.sendBuffer,
    rcvbuf_actual: facts.receiveBuffer,
    test_start: {
      protocol: p.udp ? 'UDP' : 'TCP',
      num_streams: p.parallel,
      blksize: p.blockBytes,
      omit: p.omitSeconds,
      duration: p.bytes > 0 || p.blocks > 0 ? 0 : p.seconds,
      bytes: p.bytes,
      blocks: p.blocks,
      reverse: p.reverse ? 1 : 0,
      tos: p.tos,
      target_bitrate: p.bitrate,
    },
  };
}

function intervalOf(facts: Facts, interval: Interval): Json {
  const { bidirectional } = facts.parameters;
  const { rows } = interval;
  const groups = directions(rows, bidirectional, ({ record }) => record);
  const [first, second] = groups;
  return {
    streams: rows.map((row) => ({
      socket: row.record.socket,
      ...rowOf(facts, interval, [row]),
      ...flags(interval, row.record.sends),
    })),
    sum: { ...rowOf(facts, interval, first, true), ...flags(interval, first[0].record.sends) },
    ...(second !== undefined && {
      sum_bidir_reverse: {
        ...rowOf(facts, interval, second, true),
        ...flags(interval, second[0].record.sends),
      },
    }),
  };
}

const flags = (interval: Interval, sender: boolean): Json => ({ omitted: interval.omitted, sender });

/** A row, or the sum of some. */
function rowOf(facts: Facts, interval: Interval, rows: readonly IntervalRow[], isSum = false): Json {
  const sum = (of: (row: IntervalRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const bytes = sum((row) => row.bytes);
  const packets = sum((row) => row.packets);
  const lost = sum((row) => row.lost);
  const { record, sample } = rows[0];
  const front = {
    start: interval.start,
    end: interval.end,
    seconds: interval.seconds,
    bytes,
    bits_per_second: bitsPerSecond(bytes, interval.seconds),
  };
  if (facts.parameters.udp) {
    if (record.sends) return { ...front, packets };
    return {
      ...front,
      jitter_ms: (sum((row) => row.jitterS) / rows.length) * 1000,
      lost_packets: lost,
      packets,
      lost_percent: percent(lost, packets),
    };
  }
  if (!record.sends) return front;
  const retransmits = sum((row) => row.retransmits);
  if (isSum || sample === undefined) return { ...front, retransmits };
  return {
    ...front,
    retransmits,
    snd_cwnd: sample.cwnd,
    snd_wnd: sample.wnd,
    rtt: sample.rttUs,
    rttvar: sample.rttvarUs,
    pmtu: sample.pmtu,
  };
}

function endOf(facts: Facts, outcome: Outcome): Json {
  const { udp, bidirectional } = facts.parameters;
  const { cpu, remote, records } = outcome;
  const ends = streamEnds(outcome);
  const groups = directions(ends, bidirectional, ({ record }) => record);
  const sums = Object.assign(
    {},
    ...groups.map((group, i) => (udp ? udpSums(group, i) : tcpSums(group, i))),
  ) as Json;
  const sends = records.some((record) => record.sends);
  const receives = records.some((record) => !record.sends);
  const [ours, theirs] = [outcome.congestion, remote?.congestion];
  const sender = sends ? ours : theirs;
  const receiver = receives && !bidirectional ? ours : theirs;
  return {
    streams: ends.map((each) => (udp ? udpStream(each) : tcpStream(outcome, each))),
    ...sums,
    cpu_utilization_percent: {
      host_total: cpu.total,
      host_user: cpu.user,
      host_system: cpu.system,
      remote_total: remote?.cpu.total ?? 0,
      remote_user: remote?.cpu.user ?? 0,
      remote_system: remote?.cpu.system ?? 0,
    },
    ...(!udp && sender !== undefined && { sender_tcp_congestion: sender }),
    ...(!udp && receiver !== undefined && { receiver_tcp_congestion: receiver }),
  };
}

/** In a test both ways: the streams that go from the client to the server, then the others. */
function directions<T>(all: readonly T[], both: boolean, recordOf: (each: T) => StreamRecord): T[][] {
  if (!both) return [[...all]];
  const way = recordOf(all[0]).sends;
  return [true, false].map((same) => all.filter((each) => (recordOf(each).sends === way) === same));
}

function tcpEnd(end: StreamEnd): Json {
  return {
    start: 0,
    end: end.seconds,
    seconds: end.seconds,
    bytes: end.bytes,
    bits_per_second: bitsPerSecond(end.bytes, end.seconds),
  };
}

const retransmitsOf = ({ retransmits }: StreamEnd): Json => (retransmits < 0 ? {} : { retransmits });

function tcpStream({ intervals }: Outcome, { record, sender, receiver }: StreamEnds): Json {
  const { socket, sends } = record;
  return {
    sender: {
      socket,
      ...tcpEnd(sender),
      ...retransmitsOf(sender),
      ...extremes(intervals, record, sender),
      sender: sends,
    },
    receiver: { socket, ...tcpEnd(receiver), sender: sends },
  };
}

/** Extremes of the samples. Who receives has none: 0, as iperf3 says of a sender far away. */
function extremes(intervals: readonly Interval[], record: StreamRecord, sender: StreamEnd): Json {
  if (!record.sends && sender.retransmits < 0) return {};
  const samples = intervals.flatMap(({ rows, omitted }) =>
    rows.flatMap((row) =>
      row.record === record && row.sample !== undefined && !omitted ? [row.sample] : [],
    ),
  );
  const rtts = samples.map(({ rttUs }) => rttUs);
  const mean = rtts.reduce((sum, rtt) => sum + rtt, 0) / Math.max(1, rtts.length);
  return {
    max_snd_cwnd: Math.max(0, ...samples.map(({ cwnd }) => cwnd)),
    max_snd_wnd: Math.max(0, ...samples.map(({ wnd }) => wnd)),
    max_rtt: Math.max(0, ...rtts),
    min_rtt: rtts.length === 0 ? 0 : Math.min(...rtts),
    mean_rtt: Math.round(mean),
  };
}

function tcpSums(group: readonly StreamEnds[], index: number): Json {
  const suffix = index === 0 ? '' : '_bidir_reverse';
  const sender = sumOf(group.map((each) => each.sender));
  const receiver = sumOf(group.map((each) => each.receiver));
  const { sends } = group[0].record;
  return {
    [`sum_sent${suffix}`]: { ...tcpEnd(sender), ...retransmitsOf(sender), sender: sends },
    [`sum_received${suffix}`]: { ...tcpEnd(receiver), sender: sends },
  };
}

function udpEnd(end: StreamEnd, jitterS: number, lost: number, packets: number): Json {
  return {
    ...tcpEnd(end),
    jitter_ms: jitterS * 1000,
    lost_packets: lost,
    packets,
    lost_percent: percent(lost, packets),
  };
}

function udpStream({ record, sender, receiver }: StreamEnds): Json {
  const packets = sender.known ? sender.packets : receiver.packets;
  return {
    udp: {
      socket: record.socket,
      ...udpEnd(sender.known ? sender : receiver, receiver.jitterS, receiver.lost, packets),
      out_of_order: record.outOfOrder,
      sender: record.sends,
    },
  };
}

function udpSums(group: readonly StreamEnds[], index: number): Json {
  const suffix = index === 0 ? '' : '_bidir_reverse';
  const sender = sumOf(group.map((each) => each.sender));
  const receiver = sumOf(group.map((each) => each.receiver));
  const { sends } = group[0].record;
  const whole = sender.known ? sender : receiver;
  return {
    [`sum${suffix}`]: {
      ...udpEnd(whole, receiver.jitterS, receiver.lost, whole.packets),
      sender: sends,
    },
    [`sum_sent${suffix}`]: { ...udpEnd(sender, 0, 0, sender.packets), sender: true },
    [`sum_received${suffix}`]: {
      ...udpEnd(receiver, receiver.jitterS, receiver.lost, receiver.packets),
      sender: false,
    },
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}
