// How system calls read and answer what is no plain number: option values, iovecs, msghdrs, ioctl's and fcntl's commands.

import * as k from './constants.ts';
import { type Descriptor, fileFlags, numberAt, payload, sockaddr } from './descriptor.ts';
import { done, failed } from './errors.ts';
import { isFields, isList } from './evaluate.ts';
import {
  ANY,
  type Call,
  type Fields,
  type Outcome,
  type Running,
  Unsupported,
  type Value,
} from './target.ts';
import type { TcpDescriptor } from './tcp-descriptor.ts';

export function fileControl(call: Call, descriptor: Descriptor): Outcome {
  const command = numberAt(call, 1);
  if (command === 3) return done(fileFlags(descriptor));
  if (command === 4) descriptor.nonblocking = (numberAt(call, 2) & k.O_NONBLOCK) !== 0;
  else if (command !== 1 && command !== 2) return failed('EINVAL');
  return done();
}

export function tcpName(tcp: TcpDescriptor, peer: boolean): Outcome {
  const { socket, bound } = tcp;
  if (peer && (socket === undefined || !tcp.established || socket.closed)) return failed('ENOTCONN');
  const address = peer ? socket?.remoteAddress() : bound;
  return { result: 0, outs: { 1: sockaddr(address ?? { address: '0.0.0.0', port: 0 }), 2: [16] } };
}

export function tcpControl(call: Call, tcp: TcpDescriptor): Outcome {
  const { socket, listener } = tcp;
  if (listener !== undefined) return failed('EINVAL');
  switch (numberAt(call, 1)) {
    case 0x541b:
      return { result: 0, outs: { 2: [socket?.unread ?? 0] } };
    case 0x5411:
      return { result: 0, outs: { 2: [socket?.queuedBytes ?? 0] } };
    case 0x894b: {
      if (socket === undefined || socket.closed) return { result: 0, outs: { 2: [0] } };
      const { sndNxt, sndUna, sendQueue } = socket.status();
      return { result: 0, outs: { 2: [Math.max(0, sendQueue - ((sndNxt - sndUna) | 0))] } };
    }
    case 0x5421:
      tcp.nonblocking = numberOf(call.args[2]) !== 0;
      return done();
  }
  throw new Unsupported(`ioctl ${numberAt(call, 1)}`);
}

export function optionOf(call: Call): number {
  return k.optionKey(numberAt(call, 1), numberAt(call, 2));
}

/** `[1]`, `1`, `"reno"`, `{onoff=1, linger=0}`. */
export function optionValue(call: Call): Value {
  const value = call.args[3];
  return isList(value) ? (value[0] ?? null) : (value ?? null);
}

export function option(value: Value): Outcome {
  return { result: 0, outs: { 3: isFields(value) || typeof value === 'string' ? value : [value] } };
}

function numberOf(value: Value | undefined): number {
  const inner = isList(value) ? value[0] : value;
  if (typeof inner !== 'number') throw new Unsupported('an argument that is no number');
  return inner;
}

export function writeFlags(call: Call): number {
  return call.name === 'write' ? 0 : checkFlags(numberAt(call, 3, 0));
}

/** MSG_NOSIGNAL and MSG_EOR change nothing here. */
export function checkFlags(flags: number): number {
  const other = flags & ~(k.MSG_OOB | k.MSG_DONTWAIT | k.MSG_MORE | 0x4000 | 0x80);
  if (other !== 0) throw new Unsupported(`send flags 0x${other.toString(16)}`);
  return flags;
}

/** iovec's octets in all: `[{..., 10}, {..., 20}]`. */
export function vectorLength(value: Value | undefined): number {
  let sum = 0;
  for (const [, length] of items(value)) sum += numberOf(length);
  return sum;
}

export function vectorOctets(value: Value | undefined): Uint8Array {
  const parts = items(value).map(([base, length]) => [...payload(base, numberOf(length))]);
  return Uint8Array.from(parts.flat());
}

function items(value: Value | undefined): (readonly [base: Value, length: Value])[] {
  if (!isList(value)) throw new Unsupported('an iovec');
  return value.map((item) => {
    if (isFields(item)) return [item.iov_base ?? ANY, item.iov_len ?? 0];
    if (isList(item)) return [item[0] ?? ANY, item[1] ?? 0];
    throw new Unsupported('an iovec');
  });
}

export function messageVector(call: Call): Value | undefined {
  const [, message] = call.args;
  if (!isFields(message)) throw new Unsupported(`argument 2 of ${call.name}`);
  const { msg_control: control } = message;
  if (isList(control)) {
    for (const item of control) if (!isInq(item)) throw new Unsupported('control messages');
  } else if (control !== undefined && control !== ANY && control !== null) {
    throw new Unsupported('control messages');
  }
  return message.msg_iov;
}

/** TCP_CM_INQ, the one kind of control message that we have. */
function isInq(item: Value): boolean {
  return isFields(item) && item.cmsg_level === k.SOL_TCP && item.cmsg_type === k.TCP_CM_INQ;
}

/** What recvmsg answers: all in the struct. */
export function messageOut(running: Running): Running {
  return {
    poll: (): Outcome | undefined => {
      const outcome = running.poll();
      if (outcome?.outs === undefined) return outcome;
      const { result, outs } = outcome;
      // What is read is not compared piece by piece.
      const message: Fields = {
        msg_name: outs[4] ?? ANY,
        msg_namelen: 16,
        msg_iov: ANY,
        msg_control: outcome.message?.control ?? [],
        msg_flags: outcome.message?.flags ?? 0,
      };
      return { result, outs: { 1: message } };
    },
  };
}

/** For readv: what was read is not compared piece by piece. */
export function withoutText(running: Running): Running {
  return {
    poll: (): Outcome | undefined => {
      const outcome = running.poll();
      return outcome === undefined || outcome.errno !== undefined ? outcome : done(outcome.result);
    },
  };
}
