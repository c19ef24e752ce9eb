// The table that iperf3 prints, line by line.

import { bitsPerSecond, type Facts, type Outcome, type StreamEnd, streamEnds, sumOf } from './facts.ts';
import type { Interval, IntervalRow } from './measurement.ts';
import type { StreamRecord } from './stream-record.ts';
import { formatBytes, formatRate, type UnitFormat } from './units.ts';

const RULE = `${'- '.repeat(25).trimEnd()}\n`;

export interface TextOptions {
  readonly verbose: boolean;
  readonly format: UnitFormat;
}

export class TextReport {
  private readonly facts: Facts;
  private readonly options: TextOptions;
  private readonly print: (text: string) => void;

  constructor(facts: Facts, options: TextOptions, print: (text: string) => void) {
    this.facts = facts;
    this.options = options;
    const { title } = facts.parameters;
    // `-T`: in front of each line.
    this.print = title === undefined ? print : (text) => print(text.replace(/^(?=.)/gm, `${title}:  `));
  }

  /** Who came, or where to. */
  connecting(): void {
    const { role, host, port, parameters, cookie, mss, dateMs } = this.facts;
    if (this.options.verbose) this.print(`Time: ${new Date(dateMs).toUTCString()}\n`);
    if (role === 'server') this.print(`Accepted connection from ${host}, port ${port}\n`);
    else {
      this.print(`Connecting to host ${host}, port ${port}\n`);
      if (parameters.reverse) this.print(`Reverse mode, remote host ${host} is sending\n`);
    }
    if (!this.options.verbose) return;
    this.print(`      Cookie: ${cookie}\n`);
    if (!parameters.udp)
      this.print(`      TCP MSS: ${parameters.mss > 0 ? parameters.mss : `${mss} (default)`}\n`);
    if (parameters.bitrate > 0) this.print(`      Target Bitrate: ${parameters.bitrate}\n`);
  }

  /** The streams are there. */
  started(records: readonly StreamRecord[]): void {
    for (const { socket, addresses: a } of records) {
      this.print(
        `${idOf(socket)} local ${a.localHost} port ${a.localPort} connected to ${a.remoteHost} port ${a.remotePort}\n`,
      );
    }
    const p = this.facts.parameters;
    if (this.options.verbose) {
      const end =
        p.bytes > 0
          ? `${p.bytes} bytes to send`
          : p.blocks > 0
            ? `${p.blocks} blocks to send`
            : `${p.seconds} second test`;
      const what = `${p.udp ? 'UDP' : 'TCP'}, ${p.parallel} streams, ${p.blockBytes} byte blocks`;
      this.print(
        `Starting Test: protocol: ${what}, omitting ${p.omitSeconds} seconds, ${end}, tos ${p.tos}\n`,
      );
    }
  }

  interval(interval: Interval, index: number): void {
    if (index === 0) this.print(this.header(interval.rows));
    else if (this.facts.parameters.parallel > 1) this.print(RULE);
    for (const rows of this.groups(interval.rows, ({ record }) => record)) {
      for (const row of rows) this.print(this.intervalLine(interval, [row], idOf(row.record.socket)));
      if (rows.length > 1) this.print(this.intervalLine(interval, rows, '[SUM]'));
    }
  }

  /** The last lines, of the ends that are known. */
  summary(outcome: Outcome): void {
    const { verbose } = this.options;
    const { udp } = this.facts.parameters;
    this.print(RULE);
    if (verbose) this.print('Test Complete. Summary Results:\n');
    const ends = streamEnds(outcome);
    this.print(this.summaryHeader(outcome.records));
    for (const group of this.groups(ends, ({ record }) => record)) {
      const { record } = group[0];
      for (const { sender, receiver, record: each } of group)
        this.ends(idOf(each.socket), each, sender, receiver);
      if (group.length > 1) {
        const [sender, receiver] = [
          sumOf(group.map((each) => each.sender)),
          sumOf(group.map((each) => each.receiver)),
        ];
        this.ends('[SUM]', record, sender, receiver);
      }
    }
    if (verbose) this.machines(outcome, udp);
  }

  /** The server's output, which a client asked for. */
  serverOutput(text: string): void {
    this.print(`\nServer output:\n${text}\n`);
  }

  done(): void {
    this.print('\niperf Done.\n');
  }

  private machines({ cpu, congestion, remote, records }: Outcome, udp: boolean): void {
    const use = ({ total, user, system }: Outcome['cpu']): string =>
      `${total.toFixed(1)}% (${user.toFixed(1)}%u/${system.toFixed(1)}%s)`;
    const sends = records.some((record) => record.sends);
    const far = remote?.cpu ?? { total: 0, user: 0, system: 0 };
    const [ours, theirs] = sends ? ['sender', 'receiver'] : ['receiver', 'sender'];
    this.print(`CPU Utilization: local/${ours} ${use(cpu)}, remote/${theirs} ${use(far)}\n`);
    if (udp) return;
    const name = (end: string): string => (end === 'sender' ? 'snd' : 'rcv');
    if (congestion !== undefined) this.print(`${name(ours)}_tcp_congestion ${congestion}\n`);
    if (remote?.congestion !== undefined) this.print(`${name(theirs)}_tcp_congestion ${remote.congestion}\n`);
  }

  /** Those that send here and those that receive, apart. */
  private groups<T>(all: readonly T[], recordOf: (each: T) => StreamRecord): T[][] {
    return [true, false]
      .map((sends) => all.filter((each) => recordOf(each).sends === sends))
      .filter(({ length }) => length > 0)
      .sort((a, b) => recordOf(a[0]).id - recordOf(b[0]).id);
  }

  private role(record: StreamRecord): string {
    if (!this.facts.parameters.bidirectional) return '';
    return `[${record.sends ? 'TX' : 'RX'}-${this.facts.role === 'client' ? 'C' : 'S'}]`;
  }

  private get idHead(): string {
    return this.facts.parameters.bidirectional ? '[ ID][Role]' : '[ ID]';
  }

  private header(rows: readonly IntervalRow[]): string {
    const both = this.facts.parameters.bidirectional;
    const sends = rows.some(({ record }) => record.sends);
    if (this.facts.parameters.udp) {
      const last = both || !sends ? 'Jitter    Lost/Total Datagrams' : 'Total Datagrams';
      return `${this.idHead} Interval           Transfer     Bitrate         ${last}\n`;
    }
    return `${this.idHead} Interval           Transfer     Bitrate${both || sends ? '         Retr  Cwnd' : ''}\n`;
  }

  private summaryHeader(records: readonly StreamRecord[]): string {
    const { udp } = this.facts.parameters;
    const sends = this.facts.role === 'client' || records.some((record) => record.sends);
    const last = udp ? '         Jitter    Lost/Total Datagrams' : sends ? '         Retr' : '';
    return `${this.idHead} Interval           Transfer     Bitrate${last}\n`;
  }

  private front(
    id: string,
    record: StreamRecord,
    start: number,
    end: number,
    bytes: number,
    seconds: number,
  ): string {
    const time = `${start.toFixed(2).padStart(6)}-${end.toFixed(2).padEnd(6)} sec`;
    const rate = formatRate(bitsPerSecond(bytes, seconds), this.options.format);
    return `${id}${this.role(record)} ${time}  ${formatBytes(bytes)}  ${rate}`;
  }

  private intervalLine(interval: Interval, rows: readonly IntervalRow[], id: string): string {
    const sum = (of: (row: IntervalRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
    const { record, sample, jitterS } = rows[0];
    const front = this.front(
      id,
      record,
      interval.start,
      interval.end,
      sum((row) => row.bytes),
      interval.seconds,
    );
    const tail = interval.omitted ? '(omitted)' : '';
    const packets = sum((row) => row.packets);
    if (this.facts.parameters.udp) {
      if (record.sends) {
        const gap = this.facts.parameters.bidirectional ? '          ' : '';
        return `${front} ${gap} ${packets}  ${tail}\n`;
      }
      const jitter = rows.length > 1 ? sum((row) => row.jitterS) / rows.length : jitterS;
      return `${front}${datagrams(
        jitter,
        sum((row) => row.lost),
        packets,
      )}${tail}\n`;
    }
    if (!record.sends) return `${front}                  ${tail}\n`;
    const retransmits = String(sum((row) => row.retransmits)).padStart(3);
    if (rows.length > 1 || sample === undefined) return `${front}  ${retransmits}             ${tail}\n`;
    return `${front}  ${retransmits}   ${formatBytes(sample.cwnd)}       ${tail}\n`;
  }

  /** The lines of both ends of a stream, or of a sum; the server prints its own only. */
  private ends(id: string, record: StreamRecord, sender: StreamEnd, receiver: StreamEnd): void {
    const { udp } = this.facts.parameters;
    for (const [name, end] of [
      ['sender', sender],
      ['receiver', receiver],
    ] as const) {
      if (!end.known && this.facts.role === 'server') {
        if (this.options.verbose) this.print(`${id} (${name} statistics not available)\n`);
        continue;
      }
      const front = this.front(id, record, 0, end.seconds, end.bytes, end.seconds);
      if (udp) {
        const told =
          name === 'sender' ? datagrams(0, 0, end.packets) : datagrams(end.jitterS, end.lost, end.packets);
        this.print(`${front}${told}${name}\n`);
      } else if (name === 'sender' && end.retransmits >= 0)
        this.print(`${front}  ${String(end.retransmits).padStart(3)}             ${name}\n`);
      else this.print(`${front}                  ${name}\n`);
    }
  }
}

function idOf(socket: number): string {
  return `[${String(socket).padStart(3)}]`;
}

/** `  0.155 ms  0/125 (0%)  `. */
function datagrams(jitterS: number, lost: number, total: number): string {
  const share = total === 0 ? 0 : (100 * lost) / total;
  return `  ${(jitterS * 1000).toFixed(3)} ms  ${lost}/${total} (${Number(share.toPrecision(2))}%)  `;
}
