// Plays a packet script to a target: events in their order, each at its time; what comes out against what the script says.
// The rules are packetdrill's (Cardwell et al., USENIX ATC 2013); where a kernel needs real time, this needs none.

import type { CodeAction, PacketAction, Script, ScriptEvent, SyscallAction } from './ast.ts';
import { difference } from './compare.ts';
import type { Connection } from './connection.ts';
import { errnoText } from './errors.ts';
import { agrees, evaluate, showValue } from './evaluate.ts';
import { formatPacket } from './format.ts';
import { belongs, fromWire, type LivePacket, readLive } from './from-wire.ts';
import { continues, isPartOf, joined } from './join.ts';
import { PythonError, runPython } from './python.ts';
import type { PythonValue } from './python-values.ts';
import { SocketsUnderTest } from './script-sockets.ts';
import type { ScriptSettings } from './settings.ts';
import {
  ANY,
  type Call,
  type Outcome,
  type Running,
  type Sent,
  type Target,
  Unsupported,
  type Value,
} from './target.ts';
import { requireKnown, toWire } from './to-wire.ts';

/** The script does not hold; the message is complete, with file and line. */
export class ScriptFailure extends Error {}

/** When a thing is to happen, microseconds since the script began. */
interface Window {
  readonly fromUs: number;
  readonly toUs: number;
  readonly kind: ScriptEvent['time']['kind'];
}

/** A call that has not returned. */
interface Blocked {
  readonly action: SyscallAction;
  readonly call: Call;
  readonly running: Running;
  readonly endUs: number;
}

/** Runs one script. See the head of this file. */
export class ScriptRun {
  /** What `print` in Python blocks printed. */
  readonly output: string[] = [];
  private readonly script: Script;
  private readonly settings: ScriptSettings;
  private readonly target: Target;
  private readonly sockets: SocketsUnderTest;
  private readonly symbols: Map<string, Value> = new Map();
  private readonly variables: Map<string, PythonValue> = new Map();
  private readonly waiting: Sent[] = [];
  private blocked: Blocked | undefined = undefined;

  constructor(script: Script, settings: ScriptSettings, target: Target) {
    this.script = script;
    const toleranceUs = Math.max(settings.toleranceUs, target.leastToleranceUs);
    this.settings = { ...settings, toleranceUs };
    this.target = target;
    this.sockets = new SocketsUnderTest(settings, (fd) => portOf(target, fd));
  }

  /** Throws ScriptFailure, or Unsupported. */
  run(): void {
    for (const { text } of this.script.initCommands) this.target.command(text);
    for (const event of this.script.events) this.event(event);
    if (this.blocked !== undefined) this.awaitBlocked();
  }

  private event(event: ScriptEvent): void {
    const { action } = event;
    const window = this.windowOf(event);
    if (action.kind === 'packet' && action.direction === 'out') {
      this.expect(event, action, window);
      return;
    }
    this.runUntil(() => false, window.fromUs);
    if (action.kind === 'syscall' && this.blocked !== undefined) this.awaitBlocked();
    this.checkTime(event, window, this.target.nowUs(), 'event');
    switch (action.kind) {
      case 'packet':
        this.target.inject(toWire(action, this.sockets.forInbound(action)));
        break;
      case 'syscall':
        this.call(event, action, window);
        break;
      case 'command':
        this.target.command(action.text);
        break;
      case 'code':
        this.code(action);
    }
    this.pollBlocked();
  }

  /** Relative times count from when the event before was over. */
  private windowOf({ time }: ScriptEvent): Window {
    if (time.kind === 'any') return { kind: 'any', fromUs: 0, toUs: this.target.patienceUs };
    const base = time.kind.startsWith('relative') ? this.target.nowUs() : 0;
    const toUs = 'toUs' in time ? time.toUs : time.fromUs;
    return { kind: time.kind, fromUs: base + time.fromUs, toUs: base + toUs };
  }

  private runUntil(stop: () => boolean, untilUs: number): boolean {
    return this.target.runUntil(() => {
      this.pollBlocked();
      return stop();
    }, untilUs);
  }

  // --- packets that must come out ------------------------------------------------------------------------------------

  private expect(event: ScriptEvent, action: PacketAction, window: Window): void {
    requireKnown(action);
    const connection = this.sockets.forOutbound(action);
    const sent = this.nextFor(connection, window);
    if (sent === undefined) {
      throw this.failure(event, 'error handling packet: timed out waiting for packet', [
        `script packet: ${scriptLine(window.fromUs, action)}`,
      ]);
    }
    const first = readLive(sent.bytes);
    this.learn(action, first, connection);
    const live = fromWire(this.gather(action, first, connection), connection);
    const { stampTickUs: tickUs, toleranceUs } = this.settings;
    const found = difference(action, live, { tickUs, toleranceUs, pushesBursts: this.target.pushesBursts });
    if (found !== undefined) this.failPacket(event, found, action, live, window, sent);
    this.checkTime(event, window, sent.atUs, 'outbound packet', () =>
      this.bothLines(action, live, window, sent),
    );
  }

  /** The segment, or it and those behind it that make up what the script expects. */
  private gather(
    action: PacketAction,
    first: LivePacket['layer'],
    connection: Connection,
  ): LivePacket['layer'] {
    let layer = first;
    while (!this.settings.strictSegments && isPartOf(action, layer)) {
      const limitUs = this.target.nowUs() + this.settings.toleranceUs;
      if (!this.runUntil(() => this.hasPacketOf(connection), limitUs)) return layer;
      const next = readLive(this.waiting[0].bytes);
      if (!continues(layer, next)) return layer;
      this.waiting.shift();
      layer = joined(layer, next, action);
    }
    return layer;
  }

  /** Forgets packets of others until there is one of this connection. */
  private hasPacketOf(connection: Connection): boolean {
    const { waiting } = this;
    waiting.push(...this.target.take());
    while (waiting.length > 0 && !belongs(readLive(waiting[0].bytes), connection)) waiting.shift();
    return waiting.length > 0;
  }

  private nextFor(connection: Connection, window: Window): Sent | undefined {
    const found = (): boolean => this.hasPacketOf(connection);
    const limitUs = (window.kind === 'any' ? this.target.nowUs() : window.toUs) + this.target.patienceUs;
    return found() || this.runUntil(found, limitUs) ? this.waiting.shift() : undefined;
  }

  /** What a first packet teaches: our port, our ISN, our clock of timestamps. */
  private learn(action: PacketAction, layer: LivePacket['layer'], connection: Connection): void {
    const { next } = layer;
    const { body } = action;
    if (next.layer === 'udp' || next.layer === 'tcp') {
      connection.localPort = next.sourcePort;
      if (connection.state === 'connecting') connection.state = 'open';
    }
    if (next.layer !== 'tcp' || body.protocol !== 'tcp') return;
    if (next.flags.includes('SYN') && body.flags.includes('S')) {
      connection.learnLocalIsn(next.seq, body.sequence.start);
    }
    if (body.options === 'any') return;
    for (const option of body.options) {
      const live = next.options.find((other) => other.option === 'timestamps');
      if (option.kind === 'TS' && option.value !== undefined && live?.option === 'timestamps')
        connection.learnStamp(live.value, option.value);
    }
  }

  private failPacket(
    event: ScriptEvent,
    found: string,
    action: PacketAction,
    live: LivePacket,
    window: Window,
    sent: Sent,
  ): never {
    throw this.failure(event, `error handling packet: ${found}`, this.bothLines(action, live, window, sent));
  }

  private bothLines(action: PacketAction, live: LivePacket, window: Window, sent: Sent): string[] {
    const shown = { ...live.packet, ip: shownIp(action, live.packet) };
    return [
      `script packet: ${scriptLine(window.kind === 'any' ? sent.atUs : window.fromUs, action)}`,
      `actual packet: ${scriptLine(sent.atUs, shown)}`,
    ];
  }

  // --- system calls --------------------------------------------------------------------------------------------------

  private call(event: ScriptEvent, action: SyscallAction, window: Window): void {
    const result = evaluate(action.result, this.symbols);
    const call: Call = {
      name: action.name,
      args: action.arguments.map((argument) => evaluate(argument, this.symbols)),
      expected: typeof result === 'number' ? result : undefined,
      blocks: action.endUs !== undefined,
    };
    const running = this.target.begin(call);
    const first = running.poll();
    this.sockets.began(call);
    const relative = event.time.kind === 'relative' ? window.fromUs - (event.time.fromUs ?? 0) : 0;
    const endUs = action.endUs === undefined ? Number.POSITIVE_INFINITY : relative + action.endUs;
    const blocked: Blocked = { action, call, running, endUs };
    if (first !== undefined) {
      this.finish(blocked, first);
      return;
    }
    this.blocked = blocked;
    if (action.endUs === undefined) this.awaitBlocked();
  }

  private pollBlocked(): void {
    const { blocked } = this;
    if (blocked === undefined) return;
    // Cleared first: the poll lets the target run, which asks again.
    this.blocked = undefined;
    const outcome = blocked.running.poll();
    if (outcome === undefined) this.blocked = blocked;
    else this.finish(blocked, outcome);
  }

  private awaitBlocked(): void {
    const { blocked } = this;
    if (blocked === undefined) return;
    this.runUntil(() => this.blocked === undefined, this.target.nowUs() + this.target.patienceUs);
    if (this.blocked !== undefined) throw this.callFailure(blocked, 'it blocks for ever');
  }

  private finish(blocked: Blocked, outcome: Outcome): void {
    const { action, call, endUs } = blocked;
    this.sockets.ended(call, outcome);
    const expected = evaluate(action.result, this.symbols);
    const errno = outcome.errno === undefined ? '' : ` with errno ${errnoText(outcome.errno)}`;
    if (!agrees(expected, outcome.result)) {
      const wanted = action.errno === undefined ? '' : ` with errno ${errnoText(action.errno)}`;
      throw this.callFailure(
        blocked,
        `Expected result ${showValue(expected)}${wanted} but got ${outcome.result}${errno}`,
      );
    }
    if (action.errno !== undefined && !sameErrno(action.errno, outcome.errno))
      throw this.callFailure(
        blocked,
        `Expected errno ${errnoText(action.errno)} but got ${outcome.errno === undefined ? 'none' : errnoText(outcome.errno)}`,
      );
    for (const [index, actual] of Object.entries(outcome.outs ?? {})) {
      const wanted = call.args[Number(index)] ?? ANY;
      if (!agrees(wanted, actual)) {
        const what = `argument ${Number(index) + 1}: Expected ${showValue(wanted)} but got ${showValue(actual)}`;
        throw this.callFailure(blocked, what);
      }
    }
    const now = this.target.nowUs();
    if (endUs !== Number.POSITIVE_INFINITY && Math.abs(now - endUs) > this.settings.toleranceUs) {
      throw this.callFailure(
        blocked,
        timingText('system call return', endUs, endUs, now, this.settings.toleranceUs),
      );
    }
  }

  private callFailure({ action }: Blocked, what: string): ScriptFailure {
    const { file } = this.script;
    return new ScriptFailure(`${file}:${action.at.line}: runtime error in ${action.name} call: ${what}`);
  }

  // --- the rest ------------------------------------------------------------------------------------------------------

  private code(action: CodeAction): void {
    const { fd } = this.sockets;
    const info = fd === undefined ? undefined : this.target.tcpInfo(fd);
    const lookup = (name: string): PythonValue | undefined =>
      info !== undefined && Object.hasOwn(info, name) ? info[name] : undefined;
    const print = (line: string): void => void this.output.push(line);
    try {
      runPython(
        action.text,
        { variables: this.variables, lookup, print },
        { file: this.script.file, line: action.at.line },
      );
    } catch (error) {
      if (!(error instanceof PythonError)) throw error;
      if (error.missing?.startsWith('tcpi_') === true) throw new Unsupported(`${error.missing} of TCP_INFO`);
      throw new ScriptFailure(error.message);
    }
  }

  private checkTime(
    event: ScriptEvent,
    { kind, fromUs, toUs }: Window,
    atUs: number,
    what: string,
    lines: () => readonly string[] = () => [],
  ): void {
    const { toleranceUs } = this.settings;
    if (kind === 'any' || (atUs >= fromUs - toleranceUs && atUs <= toUs + toleranceUs)) return;
    const context = what === 'event' ? '' : 'error handling packet: ';
    throw this.failure(event, `${context}${timingText(what, fromUs, toUs, atUs, toleranceUs)}`, lines());
  }

  private failure(event: ScriptEvent, what: string, lines: readonly string[]): ScriptFailure {
    return new ScriptFailure([`${this.script.file}:${event.at.line}: ${what}`, ...lines].join('\n'));
  }
}

function timingText(what: string, fromUs: number, toUs: number, atUs: number, toleranceUs: number): string {
  const range =
    fromUs === toUs ? `at ${seconds(fromUs)}` : `in time range ${seconds(fromUs)}~${seconds(toUs)}`;
  return `timing error: expected ${what} ${range} sec but happened at ${seconds(atUs)} sec; tolerance ${seconds(toleranceUs)} sec`;
}

function seconds(us: number): string {
  return (us / 1e6).toFixed(6);
}

function scriptLine(atUs: number, packet: PacketAction): string {
  return `${seconds(atUs)} ${formatPacket(packet)}`;
}

/** Of IP's fields, those that the script speaks of. */
function shownIp({ ip: expected }: PacketAction, { ip }: PacketAction): PacketAction['ip'] {
  return {
    ...(expected.tos !== undefined && { tos: ip.tos }),
    ...(expected.ecn !== undefined && { ecn: ip.ecn }),
    ...(expected.ttl !== undefined && { ttl: ip.ttl }),
  } as PacketAction['ip'];
}

function sameErrno(expected: string, actual: string | undefined): boolean {
  return expected.replace('EWOULDBLOCK', 'EAGAIN') === actual;
}

function portOf(target: Target, fd: number): number {
  const outcome = target
    .begin({ name: 'getsockname', args: [fd, ANY, ANY], expected: 0, blocks: false })
    .poll();
  const address = outcome?.outs?.[1];
  if (typeof address !== 'object' || address === null || !('sin_port' in address)) return 0;
  return Number(address.sin_port);
}
