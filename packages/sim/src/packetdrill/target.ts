// What a packet script is played to: a stack that is spoken to by packets and by system calls, with a clock of its own.
// One contract, so that the same script can be played to our stack and to another one.

/** A value of a system call: what a script wrote, evaluated, or what a call answered. `ANY` is the script's `...`. */
export type Value = number | string | null | typeof ANY | readonly Value[] | Fields;

/** The members of a struct, by their C names. */
export interface Fields {
  readonly [name: string]: Value;
}

/** `...`: whatever it is. */
export const ANY: unique symbol = Symbol('...');

/** A system call, its arguments evaluated. */
export interface Call {
  readonly name: string;
  readonly args: readonly Value[];
  /** The result that the script expects, when it is a number: a call that makes a descriptor gives it this number. */
  readonly expected: number | undefined;
  /** The script says that it blocks, and when it returns. */
  readonly blocks: boolean;
}

/** How a call came out. `outs`: what it wrote through its arguments, by their places. */
export interface Outcome {
  readonly result: number;
  /** The name of the error, where `result` is -1. */
  readonly errno?: string;
  readonly outs?: Readonly<Record<number, Value>>;
  /** Of recvmsg: msg_flags and msg_control. */
  readonly message?: { readonly flags?: number; readonly control?: readonly Value[] };
}

/** A call that was begun: `poll` answers undefined while it blocks. It is polled whenever something may have changed. */
export interface Running {
  poll(): Outcome | undefined;
}

/** A packet that came out. */
export interface Sent {
  readonly bytes: Uint8Array;
  /** Microseconds since the script began. */
  readonly atUs: number;
}

/** The script asks for what this target does not have: it is skipped, with the reason. */
export class Unsupported extends Error {}

/** See the head of this file. Times are microseconds since the script began. */
export interface Target {
  /** How long a packet is waited for, or a call that blocks, before it is said that it never comes. */
  readonly patienceUs: number;
  /** What it cannot do better, in real time: no script asks for less. */
  readonly leastToleranceUs: number;
  /** It pushes each burst that it hands to its device (Linux): a PSH that the script does not have is no difference. */
  readonly pushesBursts: boolean;
  nowUs(): number;
  /** Runs to this time, or until `stop` holds; never back. Answers whether it held. */
  runUntil(stop: () => boolean, untilUs: number): boolean;
  /** A packet arrives now. */
  inject(packet: Uint8Array): void;
  /** What came out since the last call, in order. */
  take(): readonly Sent[];
  /** Begins a call. Throws Unsupported. */
  begin(call: Call): Running;
  /** Runs a command of the shell, as far as it means something here. Throws Unsupported. */
  command(line: string): void;
  /** The members of Linux's struct tcp_info for a descriptor, by their names with `tcpi_`; undefined: there are none. */
  tcpInfo(fd: number): Readonly<Record<string, number>> | undefined;
  close(): void;
}
