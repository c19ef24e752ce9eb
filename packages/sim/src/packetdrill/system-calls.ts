// The system calls of scripts, by name: arguments in, a call that runs out. What a kernel would refuse is an errno; what we
// do not have is Unsupported.

import type { Stack } from '@tunstack/stack';
import * as values from './call-values.ts';
import * as k from './constants.ts';
import {
  type Address,
  addressAt,
  addressOf,
  at,
  Descriptors,
  numberAt,
  payload,
  sockaddr,
} from './descriptor.ts';
import { Epoll } from './epoll.ts';
import { done, failed } from './errors.ts';
import { isFields, isList } from './evaluate.ts';
import { ANY, type Call, type Outcome, type Running, Unsupported, type Value } from './target.ts';
import { TcpDescriptor } from './tcp-descriptor.ts';
import { UdpDescriptor } from './udp-descriptor.ts';

/** What `...` means in `bind` and `connect`. */
export interface DefaultAddresses {
  readonly bind: Address;
  readonly connect: Address;
}

/** Accepted, and of no consequence: whoever names it wants an environment that we are anyway. */
const NULL_CALLS: ReadonlySet<string> = new Set(['free', 'fsync']);

/** The calls of one script. */
export class SystemCalls {
  readonly descriptors: Descriptors = new Descriptors();
  private readonly stack: Stack;
  private readonly addresses: DefaultAddresses;
  /** Microseconds, and a way to be woken then. */
  private readonly nowUs: () => number;
  private readonly wakeAt: (us: number) => void;

  constructor(stack: Stack, addresses: DefaultAddresses, nowUs: () => number, wakeAt: (us: number) => void) {
    this.stack = stack;
    this.addresses = addresses;
    this.nowUs = nowUs;
    this.wakeAt = wakeAt;
  }

  begin(call: Call): Running {
    try {
      return this.start(call);
    } catch (error) {
      // Numbers that can be no length, no port, no backlog.
      if (error instanceof RangeError) return at(failed('EINVAL'));
      throw error;
    }
  }

  private start(call: Call): Running {
    switch (call.name) {
      case 'socket':
        return this.socket(call);
      case 'epoll_create':
      case 'epoll_create1':
        return at(done(this.descriptors.add(new Epoll(this.descriptors), call.expected)));
      case 'poll':
        return this.poll(call);
      case 'usleep':
        return this.sleep(numberAt(call, 0));
      case 'sleep':
        return this.sleep(numberAt(call, 0) * 1e6);
    }
    if (NULL_CALLS.has(call.name)) return at(done());
    const descriptor = this.descriptors.get(numberAt(call, 0));
    if (descriptor === undefined) return at(failed('EBADF'));
    switch (call.name) {
      case 'close':
        this.descriptors.remove(numberAt(call, 0));
        return descriptor.close((ms) => this.patience(ms));
      case 'fcntl':
        return at(values.fileControl(call, descriptor));
    }
    if (descriptor instanceof Epoll) return this.epollCall(call, descriptor);
    if (call.name.startsWith('epoll')) return at(failed('EINVAL'));
    if (descriptor instanceof TcpDescriptor) return this.timed(call, descriptor);
    return this.udpCall(call, descriptor as UdpDescriptor);
  }

  private socket(call: Call): Running {
    const family = numberAt(call, 0, k.AF_INET);
    const type = numberAt(call, 1) & 0xf;
    const flags = numberAt(call, 1) & ~0xf;
    const protocol = numberAt(call, 2, 0);
    if (family === 10) throw new Unsupported('IPv6');
    if (family !== k.AF_INET) return at(failed('EAFNOSUPPORT'));
    const stream = type === k.SOCK_STREAM && (protocol === 6 || protocol === 0);
    if (!stream && !(type === k.SOCK_DGRAM && (protocol === 17 || protocol === 0))) {
      if (type === k.SOCK_STREAM && protocol === 17) return at(failed('EPROTONOSUPPORT'));
      throw new Unsupported(`a socket of type ${type} and protocol ${protocol}`);
    }
    const made = stream ? new TcpDescriptor(this.stack) : new UdpDescriptor(this.stack);
    made.nonblocking = (flags & k.O_NONBLOCK) !== 0;
    return at(done(this.descriptors.add(made, call.expected)));
  }

  /** SO_RCVTIMEO, SO_SNDTIMEO: what blocks for longer is EAGAIN, or EINPROGRESS of a connect. */
  private timed(call: Call, tcp: TcpDescriptor): Running {
    const running = this.tcpCall(call, tcp);
    const sending = /^(connect|write|send)/.test(call.name);
    const ms = tcp.settings.patienceMs(sending);
    if (ms < 0 || !/^(connect|accept|read|recv|write|send)/.test(call.name)) return running;
    const isOver = this.patience(ms);
    const late = failed(call.name === 'connect' ? 'EINPROGRESS' : 'EAGAIN');
    return { poll: () => running.poll() ?? (isOver() ? late : undefined) };
  }

  private tcpCall(call: Call, tcp: TcpDescriptor): Running {
    switch (call.name) {
      case 'bind':
        return this.withAddress(call, 1, this.addresses.bind, (address) => at(this.bind(tcp, address)));
      case 'connect':
        return this.withAddress(call, 1, this.addresses.connect, (address) => tcp.connect(address));
      case 'listen':
        return at(tcp.listen(numberAt(call, 1, 128)));
      case 'accept':
      case 'accept4':
        return this.accept(call, tcp);
      case 'shutdown':
        return at(tcp.shutdown(numberAt(call, 1)));
      case 'getsockname':
      case 'getpeername':
        return at(values.tcpName(tcp, call.name === 'getpeername'));
      case 'setsockopt':
        return at(
          tcp.settings.set(values.optionOf(call), values.optionValue(call), tcp.socket, tcp.listener),
        );
      case 'getsockopt': {
        const listening = tcp.listener !== undefined;
        return at(
          values.option(
            tcp.settings.get(values.optionOf(call), tcp.socket, listening, () => tcp.takeError()),
          ),
        );
      }
      case 'ioctl':
        return at(values.tcpControl(call, tcp));
      case 'read':
      case 'recv':
      case 'recvfrom':
        return tcp.read(numberAt(call, 2), numberAt(call, 3, 0));
      case 'readv':
        return values.withoutText(tcp.read(values.vectorLength(call.args[1]), 0));
      case 'recvmsg':
        return values.messageOut(
          tcp.read(values.vectorLength(values.messageVector(call)), numberAt(call, 2, 0)),
        );
      case 'write':
      case 'send':
      case 'sendto':
        return tcp.write(payload(call.args[1], numberAt(call, 2)), values.writeFlags(call));
      case 'writev':
        return tcp.write(values.vectorOctets(call.args[1]), 0);
      case 'sendmsg':
        return tcp.write(
          values.vectorOctets(values.messageVector(call)),
          values.checkFlags(numberAt(call, 2, 0)),
        );
    }
    throw new Unsupported(`${call.name}()`);
  }

  /** inet_csk_bind_conflict: a port has one owner, unless both would share it (SO_REUSEADDR) and none listens. */
  private bind(tcp: TcpDescriptor, address: Address): Outcome {
    const others = this.descriptors.all().filter((other) => other instanceof TcpDescriptor && other !== tcp);
    for (const other of others as TcpDescriptor[]) {
      const { bound } = other;
      const shared =
        tcp.settings.sharesAddress && other.settings.sharesAddress && other.listener === undefined;
      if (bound === undefined || bound.port !== address.port || address.port === 0 || shared) continue;
      const any = bound.address === '0.0.0.0' || address.address === '0.0.0.0';
      if (any || bound.address === address.address) return failed('EADDRINUSE');
    }
    return tcp.bind(address);
  }

  private udpCall(call: Call, udp: UdpDescriptor): Running {
    switch (call.name) {
      case 'bind':
        return this.withAddress(call, 1, this.addresses.bind, (address) => at(udp.bind(address)));
      case 'connect': {
        const address = addressAt(call, 1, this.addresses.connect);
        if (address === 'EAFNOSUPPORT') return at(failed(address));
        return at(udp.connect(address === 'AF_UNSPEC' ? undefined : address));
      }
      case 'getsockname':
      case 'getpeername':
        return at(udp.name(call.name === 'getpeername'));
      case 'setsockopt':
        return at(udp.set(values.optionOf(call), values.optionValue(call)));
      case 'getsockopt':
        return at(values.option(udp.get(values.optionOf(call))));
      case 'ioctl':
        return at({ result: 0, outs: { 2: [udp.queued(numberAt(call, 1) === 0x541b)] } });
      case 'listen':
      case 'accept':
      case 'accept4':
        return at(failed('EOPNOTSUPP'));
      case 'read':
      case 'recv':
      case 'recvfrom':
        return udp.receive(numberAt(call, 2), numberAt(call, 3, 0));
      case 'recvmsg':
        return values.messageOut(
          udp.receive(values.vectorLength(values.messageVector(call)), numberAt(call, 2, 0)),
        );
      case 'write':
      case 'send':
      case 'sendto':
        return udp.send(
          payload(call.args[1], numberAt(call, 2)),
          values.writeFlags(call),
          this.destination(call, 4),
        );
      case 'sendmsg': {
        const [, message] = call.args;
        const name = isFields(message) ? message.msg_name : undefined;
        const to = name === undefined || name === null ? undefined : this.named(name);
        return udp.send(
          values.vectorOctets(values.messageVector(call)),
          values.checkFlags(numberAt(call, 2, 0)),
          to,
        );
      }
    }
    throw new Unsupported(`${call.name}() of a datagram socket`);
  }

  private destination(call: Call, index: number): Address | undefined {
    const value = call.args[index];
    return value === undefined || value === null ? undefined : this.named(value);
  }

  private named(value: Value): Address {
    if (value === ANY) return this.addresses.connect;
    const address = addressOf(value, 'the address of a datagram', this.addresses.connect);
    if (typeof address === 'string') throw new Unsupported('the address family of a datagram');
    return address;
  }

  private accept(call: Call, tcp: TcpDescriptor): Running {
    return {
      poll: () => {
        const accepted = tcp.accept(tcp.nonblocking);
        if (!(accepted instanceof TcpDescriptor)) return accepted;
        accepted.nonblocking = (numberAt(call, 3, 0) & k.O_NONBLOCK) !== 0;
        const peer = accepted.socket?.remoteAddress();
        const fd = this.descriptors.add(accepted, call.expected);
        return peer === undefined ? done(fd) : { result: fd, outs: { 1: sockaddr(peer), 2: [16] } };
      },
    };
  }

  private withAddress(
    call: Call,
    index: number,
    fallback: Address,
    then: (address: Address) => Running,
  ): Running {
    const address = addressAt(call, index, fallback);
    if (address === undefined) return at(failed('EFAULT'));
    if (address === 'EAFNOSUPPORT') return at(failed(address));
    if (address === 'AF_UNSPEC') throw new Unsupported('AF_UNSPEC');
    return then(address);
  }

  private poll(call: Call): Running {
    const [list] = call.args;
    const waited = this.patience(numberAt(call, 2));
    if (!isList(list)) throw new Unsupported('argument 1 of poll');
    return {
      poll: () => {
        let ready = 0;
        const answers = list.map((item): Value => {
          if (!isFields(item)) throw new Unsupported('argument 1 of poll');
          const { fd, events } = item;
          const wanted = (typeof events === 'number' ? events : 0) | k.POLLERR | k.POLLHUP | k.POLLNVAL;
          const revents = typeof fd === 'number' && fd >= 0 ? this.descriptors.mask(fd) & wanted : 0;
          if (revents !== 0) ready++;
          return { fd: fd ?? ANY, events: events ?? ANY, revents };
        });
        return ready > 0 || waited() ? { result: ready, outs: { 0: answers } } : undefined;
      },
    };
  }

  private epollCall(call: Call, epoll: Epoll): Running {
    if (call.name === 'epoll_ctl') {
      return at(epoll.control(numberAt(call, 1), numberAt(call, 2), call.args[3]));
    }
    if (call.name !== 'epoll_wait') return at(failed('EINVAL'));
    const most = numberAt(call, 2);
    const waited = this.patience(numberAt(call, 3));
    if (most <= 0) return at(failed('EINVAL'));
    return {
      poll: () => {
        if (epoll.ready(most, false).length === 0) return waited() ? done() : undefined;
        const found = epoll.ready(most, true);
        const [, shape] = call.args;
        return { result: found.length, outs: { 1: isList(shape) ? found : (found[0] ?? null) } };
      },
    };
  }

  private sleep(us: number): Running {
    const waited = this.patience(us / 1000);
    return { poll: () => (waited() ? done() : undefined) };
  }

  /** Answers whether so many milliseconds are over; negative: never. */
  private patience(ms: number): () => boolean {
    if (ms < 0) return () => false;
    const end = this.nowUs() + Math.round(ms * 1000);
    this.wakeAt(end);
    return () => this.nowUs() >= end;
  }
}
