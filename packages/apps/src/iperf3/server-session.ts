// One test, as the server runs it: from the client's cookie to its IPERF_DONE.

import { DEFAULT_OPTIONS, type Stack } from '@tunstack/stack';
import { wr32 } from '@tunstack/stack/wire';
import type { Connection } from './connection.ts';
import type { ControlChannel } from './control-channel.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { Facts, Outcome } from './facts.ts';
import { jsonReport, printJson } from './json-report.ts';
import { Measurement } from './measurement.ts';
import { PARAMETERS_MAX, type Parameters, readParameters } from './parameters.ts';
import {
  CLIENT_TERMINATE,
  CREATE_STREAMS,
  DISPLAY_RESULTS,
  ERROR_PARAMETERS,
  EXCHANGE_RESULTS,
  IPERF_DONE,
  PARAM_EXCHANGE,
  SERVER_ERROR,
  SERVER_TERMINATE,
  TEST_END,
  TEST_RUNNING,
  TEST_START,
} from './protocol.ts';
import { RESULTS_MAX, type Results, readResults, type Side, writeResults } from './results.ts';
import { payload, type Stream } from './stream.ts';
import { StreamRecord } from './stream-record.ts';
import { TcpStream, tuneTcp } from './tcp-stream.ts';
import { type TextOptions, TextReport } from './text-report.ts';
import type { Timing } from './timing.ts';
import { UdpPort } from './udp-port.ts';
import { UdpStream } from './udp-stream.ts';

/** What a client may take for each step that is no measurement. */
export const STEP_MS = 10_000;
/** What a test may take longer than it was to. */
const GRACE_MS = 10_000;
/** A test without a time ends when nothing moved for so long: iperf3's --rcv-timeout. */
const SILENCE_MS = 120_000;
/** Octets of its own output that a server sends to the client that asked for them; control talk must fit the send buffer. */
const OUTPUT_MAX = 131_072;

export interface ServerOptions {
  readonly stack: Stack;
  readonly timing: Timing;
  readonly address: string;
  readonly port: number;
  readonly version: string;
  readonly systemInfo: string;
  readonly intervalMs: number;
  readonly json: boolean;
  readonly text: TextOptions;
  /** Milliseconds since 1970. */
  readonly dateMs: () => number;
  readonly print: (text: string) => void;
  /** A line about a client that does not behave, without its end. */
  readonly complain: (line: string) => void;
}

/** How it went on with the test. */
export interface SessionEvents {
  /** The streams of this test need a listener with these settings. */
  streamsWanted(parameters: Parameters): void;
  /** `failed`: before its end. */
  over(failed: boolean): void;
}

export class ServerSession {
  private readonly options: ServerOptions;
  private readonly events: SessionEvents;
  private readonly channel: ControlChannel;
  private readonly cookie: string;
  private readonly peer: { host: string; port: number };
  private parameters: Parameters | undefined = undefined;
  private facts: Facts | undefined = undefined;
  private text: TextReport | undefined = undefined;
  private readonly streams: Stream[] = [];
  /** In the order they were accepted in: the first half of a test both ways sends here. */
  private readonly waiting: { connection: Connection; order: number }[] = [];
  private block: Uint8Array = new Uint8Array(0);
  private udpPort: UdpPort | undefined = undefined;
  private measurement: Measurement | undefined = undefined;
  private cpu: CpuMeter | undefined = undefined;
  private congestion: string | undefined = undefined;
  private output = '';
  /** The last state we told, TEST_RUNNING while it runs. */
  private state: number = PARAM_EXCHANGE;
  private cancelTimer: () => void = () => {};
  private isOver = false;

  constructor(channel: ControlChannel, cookie: string, options: ServerOptions, events: SessionEvents) {
    this.options = options;
    this.events = events;
    this.channel = channel;
    this.cookie = cookie;
    const { address, port } = channel.connection.socket.remoteAddress();
    this.peer = { host: address, port };
    // A state must not wait for the acknowledgment of the one before.
    channel.connection.socket.noDelay = true;
    channel.onGone = () => this.gone();
    channel.onGarbage = (line) => this.refuse(line);
    this.limit(STEP_MS, 'its parameters');
    channel.sendState(PARAM_EXCHANGE);
    channel.awaitMessage(PARAMETERS_MAX, (json) => this.takeParameters(json));
  }

  /** A connection with this cookie would be a stream of this test. */
  wants(cookie: string): boolean {
    const { parameters } = this;
    return this.state === CREATE_STREAMS && cookie === this.cookie && parameters?.udp === false;
  }

  /** A stream's connection; `order` grows with each that was accepted. */
  addConnection(connection: Connection, order: number): void {
    const { parameters } = this;
    if (parameters === undefined) return;
    this.waiting.push({ connection, order });
    connection.owner = {
      readable: () => {},
      gone: () => this.fail('the client has closed a stream before the test'),
    };
    if (this.waiting.length < this.wanted) return;
    this.waiting.sort((a, b) => a.order - b.order);
    for (const each of this.waiting) this.streams.push(this.tcpStream(each.connection, parameters));
    this.begin(parameters);
  }

  /** The server ends: the client is told. */
  terminate(): void {
    this.channel.sendState(SERVER_TERMINATE);
    this.summary();
    this.finish(true);
  }

  private get wanted(): number {
    const { parallel, bidirectional } = this.parameters as Parameters;
    return bidirectional ? 2 * parallel : parallel;
  }

  private takeParameters(json: unknown): void {
    const parameters = readParameters(json);
    if (typeof parameters === 'string') {
      this.refuse(parameters);
      return;
    }
    const { options } = this;
    this.parameters = parameters;
    this.block = payload(parameters);
    const { windowBytes, udp } = parameters;
    this.facts = {
      ...{ role: 'server', parameters, ...this.peer, cookie: this.cookie },
      ...{ version: options.version, systemInfo: options.systemInfo, dateMs: options.dateMs() },
      mss: this.channel.connection.socket.tcpInfo().sndMss,
      sendBuffer: windowBytes || (udp ? DEFAULT_OPTIONS.udpSendBytes : DEFAULT_OPTIONS.tcpSendBytes),
      receiveBuffer: windowBytes || (udp ? DEFAULT_OPTIONS.udpReceiveBytes : DEFAULT_OPTIONS.tcpReceiveBytes),
    };
    if (!options.json) this.text = new TextReport(this.facts, options.text, (text) => this.print(text));
    this.text?.connecting();
    this.state = CREATE_STREAMS;
    this.limit(STEP_MS, 'its streams');
    try {
      if (udp) this.udpPort = this.openUdp(parameters);
      else this.events.streamsWanted(parameters);
    } catch (error) {
      this.refuse((error as Error).message);
      return;
    }
    this.channel.sendState(CREATE_STREAMS);
    this.channel.awaitState((state) => this.takeState(state));
  }

  private openUdp(parameters: Parameters): UdpPort {
    const { stack, address, port, timing } = this.options;
    const udpPort = new UdpPort(stack, address, port, timing, (socket, remote, remotePort) => {
      if (this.state !== CREATE_STREAMS) return undefined;
      const record = this.record(this.streams.length, parameters);
      const stream = new UdpStream(socket, record, this.block, timing, {
        wideCounters: parameters.wideCounters,
        to: { address: remote, port: remotePort },
        close: () => {},
        onError: () => this.streamGone(),
      });
      record.addresses = {
        ...{ localHost: this.channel.connection.socket.address().address, localPort: port },
        ...{ remoteHost: this.peer.host, remotePort },
      };
      this.streams.push(stream);
      // The reply goes first: the client waits for it.
      if (this.streams.length === this.wanted) timing.after(0, () => this.begin(parameters));
      return stream;
    });
    if (parameters.windowBytes > 0) {
      udpPort.socket.receiveBuffer = parameters.windowBytes;
      udpPort.socket.sendBuffer = parameters.windowBytes;
    }
    udpPort.socket.tos = parameters.tos;
    udpPort.socket.dontFragment = parameters.dontFragment;
    return udpPort;
  }

  private tcpStream(connection: Connection, parameters: Parameters): Stream {
    const known = tuneTcp(connection.socket, parameters);
    if (!known && this.streams.length === 0)
      this.options.complain(`there is no congestion control '${parameters.congestion}' here`);
    this.congestion ??= connection.socket.congestion;
    const record = this.record(this.streams.length, parameters);
    return new TcpStream(connection, record, this.block, () => this.streamGone());
  }

  private record(index: number, { parallel, reverse, bidirectional }: Parameters): StreamRecord {
    return new StreamRecord(index, bidirectional ? index >= parallel : reverse);
  }

  private begin(parameters: Parameters): void {
    if (this.isOver || this.state !== CREATE_STREAMS) return;
    const { timing, intervalMs } = this.options;
    const measurement = new Measurement(this.streams, parameters, timing, intervalMs);
    this.measurement = measurement;
    this.text?.started(measurement.records);
    measurement.onInterval = (interval, index) => this.text?.interval(interval, index);
    this.channel.sendState(TEST_START);
    this.channel.sendState(TEST_RUNNING);
    this.state = TEST_RUNNING;
    this.cpu = new CpuMeter();
    const { seconds, omitSeconds } = parameters;
    if (seconds > 0) this.limit((seconds + omitSeconds) * 1000 + GRACE_MS, 'the end of the test');
    else this.watch(measurement.progress);
    measurement.start();
  }

  private takeState(state: number): void {
    if (state === CLIENT_TERMINATE) {
      this.measurement?.stop();
      this.summary();
      this.fail('the client has terminated');
    } else if (state === TEST_END && this.state === TEST_RUNNING) this.exchange();
    else if (state === IPERF_DONE && this.state === DISPLAY_RESULTS) this.finish();
    else this.fail(`the client said state ${state} out of its turn`);
  }

  private exchange(): void {
    const { measurement, channel } = this;
    if (measurement === undefined) return;
    measurement.stop();
    const outcome = this.outcome(undefined);
    this.summary();
    this.state = EXCHANGE_RESULTS;
    this.limit(STEP_MS, 'its results');
    channel.sendState(EXCHANGE_RESULTS);
    channel.awaitMessage(RESULTS_MAX, (json) => {
      const theirs = readResults(json);
      if (typeof theirs === 'string') {
        this.refuse(theirs);
        return;
      }
      channel.sendMessage(writeResults(this.side(outcome), outcome.records));
      if (this.options.json) this.print(printJson(jsonReport(this.facts as Facts, this.outcome(theirs))));
      this.state = DISPLAY_RESULTS;
      this.limit(STEP_MS, 'its end');
      channel.sendState(DISPLAY_RESULTS);
      channel.awaitState((state) => this.takeState(state));
    });
  }

  private side(outcome: Outcome): Side {
    const parameters = this.parameters as Parameters;
    const sends = outcome.records.some((record) => record.sends);
    return {
      ...{ cpu: outcome.cpu, congestion: outcome.congestion },
      hasRetransmits: !sends ? -1 : parameters.udp ? 0 : 1,
      ...(parameters.getServerOutput &&
        (this.options.json
          ? { serverJson: jsonReport(this.facts as Facts, outcome) }
          : { serverText: this.output })),
    };
  }

  private outcome(remote: Results | undefined): Outcome {
    const { measurement, congestion } = this;
    return {
      records: measurement?.records ?? [],
      intervals: measurement?.intervals ?? [],
      cpu: this.cpu?.read() ?? { total: 0, user: 0, system: 0 },
      ...{ congestion, remote },
    };
  }

  private summary(): void {
    this.measurement?.stop();
    if (this.measurement !== undefined) this.text?.summary(this.outcome(undefined));
  }

  private print(text: string): void {
    this.options.print(text);
    if (this.parameters?.getServerOutput === true) this.output = (this.output + text).slice(-OUTPUT_MAX);
  }

  /** A stream broke. Most often its client did, and the control connection tells that next. */
  private streamGone(): void {
    if (this.state !== TEST_RUNNING) return;
    this.limit(1000, 'a stream that it closed');
  }

  private gone(): void {
    // Who has our results may leave without a word.
    if (this.state === DISPLAY_RESULTS) this.finish();
    else this.fail('the client has unexpectedly closed the connection');
  }

  /** The client is told that it cannot be. */
  private refuse(line: string): void {
    const words = new Uint8Array(8);
    wr32(words, 0, ERROR_PARAMETERS);
    this.channel.sendState(SERVER_ERROR);
    this.channel.sendOctets(words);
    this.fail(line);
  }

  private fail(line: string): void {
    if (this.isOver) return;
    const { facts, options } = this;
    this.measurement?.stop();
    if (options.json && facts !== undefined && this.measurement !== undefined)
      this.print(printJson(jsonReport(facts, this.outcome(undefined), line)));
    options.complain(`${this.peer.host}:${this.peer.port}: ${line}`);
    this.finish(true);
  }

  private finish(failed = false): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelTimer();
    this.measurement?.close();
    if (this.measurement === undefined) for (const { connection } of this.waiting) connection.abort();
    this.udpPort?.close();
    const { connection } = this.channel;
    this.channel.onGone = () => {};
    connection.leave();
    // A client that never closes its side does not keep the connection.
    this.options.timing.after(STEP_MS, () => connection.abort());
    this.events.over(failed);
  }

  private limit(ms: number, what: string): void {
    this.cancelTimer();
    this.cancelTimer = this.options.timing.after(ms, () =>
      this.fail(`waited ${ms / 1000} s for ${what} in vain`),
    );
  }

  /** A test without a time: something has to move. */
  private watch(before: number): void {
    this.cancelTimer();
    this.cancelTimer = this.options.timing.after(SILENCE_MS, () => {
      const now = this.measurement?.progress ?? 0;
      if (now === before) this.fail(`nothing has moved for ${SILENCE_MS / 1000} s`);
      else this.watch(now);
    });
  }
}
