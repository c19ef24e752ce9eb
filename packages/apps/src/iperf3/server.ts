// The iperf3 server: one test at a time, as iperf3 does it, and clients of any kind at its port.

import type { Stack, TcpListener } from '@tunstack/stack';
import { Connection } from './connection.ts';
import { ControlChannel } from './control-channel.ts';
import type { Parameters } from './parameters.ts';
import { ACCESS_DENIED, COOKIE_LENGTH, readCookie } from './protocol.ts';
import { type ServerOptions, ServerSession, STEP_MS } from './server-session.ts';

/** Connections that have not said their cookie yet. More are reset. */
const NAMELESS_MAX = 256;
const BANNER_RULE = `${'-'.repeat(59)}\n`;

/**
 * Listens until `close`.
 *
 * @example
 * const server = new Server({ stack, timing: NODE_TIMING, address: '10.9.0.2', port: 5201, ... });
 * server.onTestOver = () => server.close();
 */
export class Server {
  /** Called after each test. */
  onTestOver: () => void = () => {};
  /** Tests that were done or tried. */
  tests = 0;
  /** The last of them did not come to its end. */
  failed = false;
  private readonly options: ServerOptions;
  private readonly stack: Stack;
  private listener: TcpListener;
  /** The listener has the settings of one test. */
  private tuned = false;
  private session: ServerSession | undefined = undefined;
  private readonly nameless = new Set<Connection>();
  private order = 0;
  private isClosed = false;

  /** Throws what `listen` throws. */
  constructor(options: ServerOptions) {
    this.options = options;
    this.stack = options.stack;
    this.listener = this.listen(undefined);
    this.announce();
  }

  /** Ends: who is in a test is told. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.session?.terminate();
    this.listener.close();
    for (const connection of this.nameless) connection.abort();
    this.nameless.clear();
  }

  private listen(parameters: Parameters | undefined): TcpListener {
    const listener = this.stack.tcpListener({ acceptable: (from) => this.accept(from) });
    if (parameters !== undefined && parameters.mss > 0) listener.maxSegment = parameters.mss;
    if (parameters !== undefined && parameters.windowBytes > 0)
      listener.receiveBuffer = parameters.windowBytes;
    listener.listen(this.options.address, this.options.port);
    return listener;
  }

  private announce(): void {
    const { json, print, port } = this.options;
    if (json) return;
    print(`${BANNER_RULE}Server listening on ${port} (test #${this.tests + 1})\n${BANNER_RULE}`);
  }

  private accept(from: TcpListener): void {
    for (;;) {
      const connection = new Connection();
      const socket = from.accept(connection);
      if (socket === undefined) return;
      connection.bind(socket);
      if (this.nameless.size >= NAMELESS_MAX) connection.abort();
      else this.hearName(connection);
    }
  }

  /** What anybody says first. */
  private hearName(connection: Connection): void {
    const { timing, complain } = this.options;
    const order = this.order++;
    const { peer } = connection;
    const channel = new ControlChannel(connection);
    this.nameless.add(connection);
    const cancel = timing.after(STEP_MS, () => refuse(`said nothing for ${STEP_MS / 1000} s`));
    const named = (): void => {
      cancel();
      this.nameless.delete(connection);
    };
    const refuse = (line: string): void => {
      named();
      connection.abort();
      complain(`${peer}: ${line}`);
    };
    channel.onGone = () => refuse('left before it said its cookie');
    channel.await(COOKIE_LENGTH, (octets) => {
      const cookie = readCookie(octets);
      if (cookie === undefined) refuse('speaks something else than iperf3');
      else {
        named();
        this.admit(channel, cookie, order);
      }
    });
  }

  private admit(channel: ControlChannel, cookie: string, order: number): void {
    const { session, options } = this;
    if (this.isClosed) channel.connection.abort();
    else if (session === undefined) {
      this.session = new ServerSession(channel, cookie, options, {
        streamsWanted: (parameters) => this.tune(parameters),
        over: (failed) => this.testOver(failed),
      });
    } else if (session.wants(cookie)) session.addConnection(channel.connection, order);
    else {
      options.complain(`${channel.connection.peer}: was told that the server is busy`);
      channel.sendState(ACCESS_DENIED);
      channel.onGone = () => {};
      channel.connection.leave();
      options.timing.after(STEP_MS, () => channel.connection.abort());
    }
  }

  /** The SYN,ACKs of a test's streams tell its window and segment size: a listener anew has them. */
  private tune(parameters: Parameters): void {
    if (parameters.mss > 0 || parameters.windowBytes > 0) this.relisten(true, parameters);
  }

  private relisten(tuned: boolean, parameters: Parameters | undefined): void {
    this.listener.close();
    this.listener = this.listen(parameters);
    this.tuned = tuned;
  }

  private testOver(failed: boolean): void {
    this.session = undefined;
    this.failed = failed;
    this.tests++;
    if (this.isClosed) return;
    if (this.tuned) this.relisten(false, undefined);
    this.onTestOver();
    if (!this.isClosed) this.announce();
  }
}
