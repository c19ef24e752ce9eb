// The iperf3 client: one test with a server, from the connection to the report.

import { DEFAULT_OPTIONS, type SocketError, type Stack } from '@tunstack/stack';
import { rd32 } from '@tunstack/stack/wire';
import { Connection } from './connection.ts';
import { ControlChannel } from './control-channel.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { Facts, Outcome } from './facts.ts';
import { jsonReport, printJson } from './json-report.ts';
import { Measurement } from './measurement.ts';
import { type Parameters, UDP_BLOCK_MAX, writeParameters } from './parameters.ts';
import {
  ACCESS_DENIED,
  CLIENT_TERMINATE,
  CREATE_STREAMS,
  cookieOctets,
  DISPLAY_RESULTS,
  EXCHANGE_RESULTS,
  errorText,
  IPERF_DONE,
  isReply,
  makeCookie,
  PARAM_EXCHANGE,
  SERVER_ERROR,
  SERVER_TERMINATE,
  TEST_END,
  TEST_RUNNING,
  TEST_START,
  UDP_HELLO,
  UDP_HELLO_LENGTH,
} from './protocol.ts';
import { RESULTS_MAX, type Results, readResults, writeResults } from './results.ts';
import { payload, type Stream } from './stream.ts';
import { StreamRecord } from './stream-record.ts';
import { TcpStream, tuneTcp } from './tcp-stream.ts';
import { type TextOptions, TextReport } from './text-report.ts';
import type { Timing } from './timing.ts';
import { UdpStream } from './udp-stream.ts';

const INTERRUPTED = 'interrupt - the client has terminated';
/** Our last word has so long to arrive before the streams are reset. */
const WORD_MS = 20;
/** What a server may take for each step that is no measurement; iperf3 waits as long for the reply to a hello. */
const STEP_MS = 30_000;
/** Datagrams that were lost at the end come no more: a test that waits for them ends. */
const QUIET_MS = 1000;

export interface ClientOptions {
  readonly stack: Stack;
  readonly timing: Timing;
  readonly host: string;
  readonly port: number;
  /** A datagram's octets 0: as many as one packet of this path holds. */
  readonly parameters: Parameters;
  readonly connectTimeoutMs: number;
  /** Port of our first data connection; the next have the next. 0: any. */
  readonly clientPort: number;
  readonly version: string;
  readonly systemInfo: string;
  readonly intervalMs: number;
  readonly json: boolean;
  readonly text: TextOptions;
  /** Milliseconds since 1970. */
  readonly dateMs: () => number;
  readonly print: (text: string) => void;
}

export class Client {
  private readonly options: ClientOptions;
  private readonly connection: Connection = new Connection();
  private readonly channel: ControlChannel;
  private readonly cookie: string = makeCookie();
  private readonly over: (error: string | undefined) => void;
  private parameters: Parameters;
  private facts: Facts | undefined = undefined;
  private text: TextReport | undefined = undefined;
  private readonly streams: Stream[] = [];
  private block: Uint8Array = new Uint8Array(0);
  private measurement: Measurement | undefined = undefined;
  private cpu: CpuMeter | undefined = undefined;
  private cpuUse: Outcome['cpu'] = { total: 0, user: 0, system: 0 };
  private congestion: string | undefined = undefined;
  private theirs: Results | undefined = undefined;
  private connected = false;
  private ended = false;
  private interrupted = false;
  private isOver = false;
  private cancelTimer: () => void = () => {};

  /** `over`: called once, with a line when it did not work. Throws what `connect` throws. */
  constructor(options: ClientOptions, over: (error: string | undefined) => void) {
    this.options = options;
    this.parameters = options.parameters;
    this.over = over;
    const { stack, host, port } = options;
    this.connection.bind(stack.tcpSocket(this.connection));
    this.channel = new ControlChannel(this.connection);
    this.channel.onGone = (error) => this.gone(error);
    this.channel.onGarbage = (line) => this.fail(`the server sent ${line}`);
    this.connection.socket.connect(host, port);
    this.connection.onConnected = () => this.begin();
    this.limit(options.connectTimeoutMs, 'unable to connect to server: no answer');
  }

  /** Ends the test before its time, and tells the server. */
  interrupt(): void {
    this.measurement?.stop();
    if (this.isOver || this.interrupted) return;
    this.interrupted = true;
    this.channel.sendState(CLIENT_TERMINATE);
    if (this.measurement !== undefined) this.report(INTERRUPTED);
    const end = (): void => this.fail(INTERRUPTED);
    if (!this.connected) {
      end();
      return;
    }
    // A server that hears of streams that were reset before it hears why calls it an error.
    this.cancelTimer();
    this.channel.onGone = end;
    this.cancelTimer = this.options.timing.after(WORD_MS, end);
  }

  /** The server has heard our last word, or left. */
  get isSilent(): boolean {
    const { socket } = this.connection;
    return socket.closed || !this.connected;
  }

  /** Octets sent and received. */
  get progress(): number {
    return this.measurement?.progress ?? 0;
  }

  private begin(): void {
    const { options, connection } = this;
    this.connected = true;
    connection.socket.noDelay = true;
    const { sndMss } = connection.socket.tcpInfo();
    const given = options.parameters;
    const blockBytes = given.blockBytes || Math.min(sndMss, UDP_BLOCK_MAX);
    this.parameters = { ...given, blockBytes };
    const { windowBytes, udp } = given;
    this.facts = {
      ...{ role: 'client', parameters: this.parameters, host: options.host, port: options.port },
      ...{ cookie: this.cookie, version: options.version, systemInfo: options.systemInfo },
      ...{ dateMs: options.dateMs(), mss: sndMss },
      sendBuffer: windowBytes || (udp ? DEFAULT_OPTIONS.udpSendBytes : DEFAULT_OPTIONS.tcpSendBytes),
      receiveBuffer: windowBytes || (udp ? DEFAULT_OPTIONS.udpReceiveBytes : DEFAULT_OPTIONS.tcpReceiveBytes),
    };
    this.block = payload(this.parameters);
    if (!options.json) this.text = new TextReport(this.facts, options.text, options.print);
    this.text?.connecting();
    this.channel.sendOctets(cookieOctets(this.cookie));
    this.awaitState();
  }

  private awaitState(): void {
    this.limit(STEP_MS, 'the server does not answer');
    this.channel.awaitState((state) => this.takeState(state));
  }

  private takeState(state: number): void {
    switch (state) {
      case PARAM_EXCHANGE:
        this.channel.sendMessage(writeParameters(this.parameters, this.options.version));
        this.awaitState();
        break;
      case CREATE_STREAMS:
        this.awaitState();
        this.nextStream();
        break;
      case TEST_START:
        this.awaitState();
        break;
      case TEST_RUNNING:
        this.channel.awaitState((next) => this.takeState(next));
        this.run();
        break;
      case EXCHANGE_RESULTS:
        this.exchange();
        break;
      case DISPLAY_RESULTS:
        this.report();
        this.channel.sendState(IPERF_DONE);
        this.finish(undefined);
        break;
      default:
        this.takeEnd(state);
    }
  }

  private takeEnd(state: number): void {
    if (state === ACCESS_DENIED) this.fail('the server is busy running a test. try again later');
    else if (state === SERVER_TERMINATE) {
      this.measurement?.stop();
      if (this.measurement !== undefined) this.report('the server has terminated');
      this.fail('the server has terminated');
    } else if (state === SERVER_ERROR)
      this.channel.await(8, (octets) => this.fail(`the server says: ${errorText(rd32(octets, 0))}`));
    else this.fail(`the server said state ${state}, which is none`);
  }

  private get wanted(): number {
    const { parallel, bidirectional } = this.parameters;
    return bidirectional ? 2 * parallel : parallel;
  }

  /** One after the other: the server counts them as they come. */
  private nextStream(): void {
    if (this.isOver || this.streams.length >= this.wanted || this.measurement !== undefined) return;
    const index = this.streams.length;
    const { parallel, reverse, bidirectional, udp } = this.parameters;
    const record = new StreamRecord(index, bidirectional ? index < parallel : !reverse);
    try {
      if (udp) this.openUdp(record, index);
      else this.openTcp(record, index);
    } catch (error) {
      this.fail(`unable to create a new stream: ${(error as Error).message}`);
    }
  }

  private openTcp(record: StreamRecord, index: number): void {
    const { stack, host, port, clientPort } = this.options;
    const connection = new Connection();
    const socket = stack.tcpSocket(connection);
    connection.bind(socket);
    socket.connect(host, port, clientPort === 0 ? {} : { localPort: clientPort + index });
    if (this.parameters.mss > 0) socket.maxSegment = this.parameters.mss;
    tuneTcp(socket, this.parameters);
    this.congestion ??= socket.congestion;
    const stream = new TcpStream(connection, record, this.block, (error) => this.streamGone(error));
    this.streams.push(stream);
    connection.onConnected = () => {
      socket.send(cookieOctets(this.cookie));
      this.nextStream();
    };
  }

  private openUdp(record: StreamRecord, index: number): void {
    const { stack, host, port, timing, clientPort } = this.options;
    const { wideCounters, windowBytes, tos, dontFragment } = this.parameters;
    let stream: UdpStream | undefined;
    const socket = stack.udpSocket({
      readable: (from) => {
        const nowMs = timing.nowMs();
        for (let d = from.receive(); d !== undefined; d = from.receive()) {
          if (d.length === UDP_HELLO_LENGTH && isReply(d.bytes, d.offset))
            timing.after(0, () => this.nextStream());
          else stream?.arrived(d, nowMs);
        }
        stream?.batchEnds();
      },
      writable: () => stream?.writable(),
      error: (_, error) => this.streamGone(error),
    });
    if (clientPort !== 0) socket.bind('0.0.0.0', clientPort + index);
    socket.connect(host, port);
    if (windowBytes > 0) {
      socket.receiveBuffer = windowBytes;
      socket.sendBuffer = windowBytes;
    }
    socket.tos = tos;
    socket.dontFragment = dontFragment;
    stream = new UdpStream(socket, record, this.block, timing, {
      wideCounters,
      close: () => socket.close(),
      onError: (error) => this.streamGone(error),
    });
    const local = socket.address();
    record.addresses = {
      ...{ localHost: local.address, localPort: local.port },
      ...{ remoteHost: host, remotePort: port },
    };
    this.streams.push(stream);
    socket.send(UDP_HELLO);
  }

  private run(): void {
    if (this.measurement !== undefined || this.streams.length < this.wanted) {
      this.fail('the server began before all streams were there');
      return;
    }
    const { timing, intervalMs } = this.options;
    const measurement = new Measurement(this.streams, this.parameters, timing, intervalMs);
    this.measurement = measurement;
    this.text?.started(measurement.records);
    measurement.onInterval = (interval, index) => this.text?.interval(interval, index);
    // Later, and not in the middle of what a stream does.
    measurement.onSpent = () => void timing.after(0, () => this.endWhenArrived());
    this.cpu = new CpuMeter();
    this.cancelTimer();
    const { seconds, omitSeconds, bytes, blocks } = this.parameters;
    if (bytes === 0 && blocks === 0)
      this.cancelTimer = timing.after((seconds + omitSeconds) * 1000, () => this.end());
    else if (this.parameters.udp) this.watch(-1);
    measurement.start();
  }

  /** All is sent: what the peer has not got yet belongs to the test, too. */
  private endWhenArrived(): void {
    const { timing } = this.options;
    if (this.streams.every(({ pendingBytes }) => pendingBytes === 0)) this.end();
    else timing.after(1, () => this.endWhenArrived());
  }

  /** The test is over: the server is told. */
  private end(): void {
    if (this.ended || this.isOver) return;
    this.ended = true;
    this.measurement?.stop();
    this.cpuUse = this.cpu?.read() ?? this.cpuUse;
    this.limit(STEP_MS, 'the server does not answer');
    this.channel.sendState(TEST_END);
  }

  private watch(before: number): void {
    this.cancelTimer = this.options.timing.after(QUIET_MS, () => {
      const now = this.progress;
      if (now === before) this.end();
      else this.watch(now);
    });
  }

  private exchange(): void {
    const records = this.measurement?.records ?? [];
    const { udp } = this.parameters;
    const sends = records.some((record) => record.sends);
    this.channel.sendMessage(
      writeResults(
        { cpu: this.cpuUse, congestion: this.congestion, hasRetransmits: !sends ? -1 : udp ? 0 : 1 },
        records,
      ),
    );
    this.channel.awaitMessage(RESULTS_MAX, (json) => {
      const theirs = readResults(json);
      if (typeof theirs === 'string') {
        this.fail(theirs);
        return;
      }
      this.theirs = theirs;
      this.awaitState();
    });
  }

  private report(error?: string): void {
    const { measurement, facts } = this;
    if (measurement === undefined || facts === undefined) return;
    const outcome: Outcome = {
      ...{ records: measurement.records, intervals: measurement.intervals, cpu: this.cpuUse },
      ...{ congestion: this.congestion, remote: this.theirs },
    };
    if (this.options.json) this.options.print(printJson(jsonReport(facts, outcome, error)));
    this.text?.summary(outcome);
    const { theirs } = this;
    if (this.parameters.getServerOutput && theirs !== undefined) {
      const json = theirs.serverJson === undefined ? undefined : printJson(theirs.serverJson);
      const output = theirs.serverText ?? json;
      if (output !== undefined) this.text?.serverOutput(output);
    }
    if (error === undefined) this.text?.done();
  }

  private streamGone(error: SocketError | undefined): void {
    if (this.ended || this.isOver) return;
    const why = error === undefined ? 'the server closed it' : error.message;
    // The control connection may tell more, and at once.
    this.limit(QUIET_MS, `a stream broke: ${why}`);
  }

  private gone(error: SocketError | undefined): void {
    if (!this.connected)
      this.fail(`unable to connect to server: ${error?.message ?? 'it closed the connection'}`);
    else this.fail('control socket has closed unexpectedly');
  }

  private limit(ms: number, line: string): void {
    this.cancelTimer();
    this.cancelTimer = this.options.timing.after(ms, () => this.fail(line));
  }

  private fail(line: string): void {
    this.finish(line);
  }

  private finish(error: string | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelTimer();
    this.channel.onGone = () => {};
    this.measurement?.stop();
    for (const stream of this.streams) stream.close();
    if (this.connected) this.connection.leave();
    else this.connection.abort();
    this.over(error);
  }
}
