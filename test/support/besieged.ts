// A stack under fire: sockets open and busy, frames thrown at it in batches, every frame accounted for at the end.

import { BAD_FRAMES, type FrameGenerator, GOOD_FRAMES, Probe, type Target, World } from '@tunstack/sim';
import type { EchoSocket, ReasonName, Stack, TcpSocket, UdpSocket } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { ACCEPT, DROP, INPUT } from '@tunstack/stack/contract';
import { craftIcmpEcho, craftIpv4, craftUdp, repairChecksums } from '@tunstack/stack/craft';
import * as wire from '@tunstack/stack/wire';

const ADDRESS = wire.parseIp4('10.0.0.2') as number;
const PEER = wire.parseIp4('10.0.0.1') as number;
const ECHO_PORT = 7;
const LAZY_PORT = 9;
const CONNECTED_PORT = 5000;
const REMOTE_PORT = 6000;
const ECHO_ID = 77;
const LAZY_ECHO_ID = 78;
const TCP_PORT = 80;
const TCP_LOCAL_PORT = 5001;
const TCP_REMOTE_PORT = 6001;
const CANARY_ID = 4242;
const REASSEMBLY_BYTES = 4 * 2048;
const REASSEMBLY_MS = 500;
/** More than this in a batch, and answers may be dropped: no canary then. */
const ANSWERS_MAX = 7;

const CLASSES = Object.entries(BAD_FRAMES) as readonly (readonly [string, FrameGenerator])[];
const GOOD = Object.values(GOOD_FRAMES) as readonly FrameGenerator[];

/** Classes that are dropped in silence, and for which reasons: what a lone frame of them must come to. */
const SILENT: Partial<Record<string, readonly ReasonName[]>> = {
  pingOfDeath: ['IP_FRAGMENT_BEYOND', 'IP_FRAGMENT_RAGGED'],
  raggedFragment: ['IP_FRAGMENT_RAGGED'],
  emptyFragment: ['IP_FRAGMENT_EMPTY'],
  badTcpChecksum: ['TCP_BAD_CHECKSUM'],
  badHeaderLength: ['IP_BAD_HEADER', 'IP_BAD_VERSION'],
  badTotalLength: ['IP_TRUNCATED', 'IP_BAD_TOTAL_LENGTH'],
  badChecksum: ['IP_BAD_CHECKSUM', 'ICMP_BAD_CHECKSUM', 'UDP_BAD_CHECKSUM'],
  land: ['IP_MARTIAN_SOURCE'],
  martian: ['IP_MARTIAN_SOURCE', 'IP_MARTIAN_DESTINATION'],
  tcpToMany: ['IP_BROADCAST', 'IP_MULTICAST'],
  notForUs: ['IP_NOT_LOCAL'],
  smurf: ['IP_BROADCAST', 'IP_MULTICAST', 'UDP_NO_LISTENER'],
  redirect: ['ICMP_REDIRECT'],
  strayReply: ['ICMP_NO_ECHO_SOCKET'],
  runt: ['IP_TRUNCATED'],
  ipv6: ['IP_BAD_VERSION'],
};

/** What went wrong, with the frames of its batch. */
export class Breach extends Error {}

export class Besieged {
  readonly stack: Stack;
  readonly world: World;
  frames = 0;
  /** Datagrams and echo replies that applications read. */
  read = 0;
  canaries = 0;
  private readonly prng: Prng;
  private readonly probe: Probe;
  private readonly connected: UdpSocket;
  private readonly ping: EchoSocket;
  private lazy: UdpSocket;
  /** A connection that the peer never answers in earnest. */
  private opening: TcpSocket;
  private readonly lazyPing: EchoSocket;
  private seen = 0;
  /** Fragments that left, of datagrams of which the last one has not: what stands behind their headers. */
  private readonly leaving: Map<number, Uint8Array> = new Map();
  private batch: { name: string; frame: Uint8Array }[] = [];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    // Little of everything, so that every limit is met. What waits for other fragments has slots of its own.
    this.world = new World({
      seed,
      pool: {
        smallBytes: 10 * 256 + REASSEMBLY_BYTES,
        mediumBytes: 2 * 2048 + REASSEMBLY_BYTES,
        largeBytes: 66_048,
      },
    });
    this.stack = this.world.stack({
      answersMax: ANSWERS_MAX,
      icmpErrorsBurst: 10,
      icmpErrorsPerSecond: 25,
      udpReceiveBytes: 3000,
      reassemblyBytes: REASSEMBLY_BYTES,
      reassemblyDatagramsMax: 12,
      reassemblyTimeoutMs: REASSEMBLY_MS,
      tcpSynBacklogMax: 40,
    });
    this.probe = new Probe(this.world.pool, { mtu: 1000 });
    this.stack.addLink(this.probe, '10.0.0.2/24');
    this.stack.hooks.add(INPUT, { verdict: () => (++this.seen % 97 === 0 ? DROP : ACCEPT) });
    this.stack.udpSocket({ readable: (socket) => this.echo(socket) }).bind('0.0.0.0', ECHO_PORT);
    this.connected = this.stack.udpSocket({ readable: (socket) => this.drain(socket) });
    this.connected.bind('10.0.0.2', CONNECTED_PORT);
    this.connected.connect('10.0.0.1', REMOTE_PORT);
    this.lazy = this.openLazy();
    this.ping = this.stack.echoSocket({ readable: (socket) => this.drain(socket) }, ECHO_ID);
    this.lazyPing = this.stack.echoSocket({}, LAZY_ECHO_ID);
    this.stack.tcpListener({}).listen('0.0.0.0', TCP_PORT, { backlog: 2 });
    this.opening = this.open();
  }

  /** Throws `count` frames at the stack, in batches of one to three hundred. */
  run(count: number): void {
    while (this.frames < count) this.round();
    this.probe.makeRoom(Number.MAX_SAFE_INTEGER);
    this.wait(REASSEMBLY_MS);
    this.drain(this.lazy);
    this.drain(this.lazyPing);
  }

  /** Lets time pass: what timers send is no reply to the next batch. */
  private wait(ms: number): void {
    this.world.clock.advanceTo(this.world.clock.elapsedUs + ms * 1000);
    this.stack.wake();
    this.settle();
    for (const frame of this.probe.take()) this.check(frame);
  }

  /** Closes the stack while something waits to be sent, and a fragment for others of its kind. */
  close(): void {
    this.probe.makeRoom(0);
    this.trySend();
    this.probe.arrive(
      craftIpv4({
        source: PEER,
        destination: ADDRESS,
        id: 999,
        mf: true,
        protocol: wire.PROTO_UDP,
        payload: new Uint8Array(8),
      }),
    );
    this.world.settle();
    this.stack.close();
  }

  /** Packets and octets that were transmitted, as the link counted them. */
  get transmitted(): number {
    return this.probe.counters.txPackets;
  }

  private round(): void {
    const { prng, probe } = this;
    this.wait(prng.below(20));
    const size = prng.chance(0.3) ? 1 : prng.chance(0.05) ? 200 + prng.below(300) : 1 + prng.below(60);
    // Now and then the link is full or down.
    const trouble = prng.below(20);
    probe.room = trouble === 0 ? prng.below(4) : Number.MAX_SAFE_INTEGER;
    probe.up = trouble !== 1;
    this.batch = Array.from({ length: size }, () => this.badFrame());
    const canary = trouble > 1 && size <= ANSWERS_MAX - 2 ? this.canary() : undefined;
    const before = { ...this.stack.stats.drops() };
    for (const { frame } of this.batch) this.arrive(frame);
    this.settle();
    const replies = probe.take();
    if (this.batch.length === 1) this.expectSilence(this.batch[0].name, replies.length, before);
    const whole = replies.filter((reply) => wire.ipv4FragmentOffset(reply, 0) === 0).length;
    if (whole > this.batch.length) this.breach(`${whole} replies to ${this.batch.length} frames`);
    for (const reply of replies) this.check(reply);
    if (canary !== undefined && !replies.some((reply) => isReply(reply, canary)))
      this.breach('a good ping in the batch went unanswered');
    probe.up = true;
    probe.makeRoom(Number.MAX_SAFE_INTEGER);
    this.settle();
    for (const late of probe.take()) this.check(late);
    if (prng.chance(0.07)) this.serves();
    this.traffic();
  }

  /** A lone frame of a silent class is dropped for a reason of its class, and for no other. */
  private expectSilence(name: string, replies: number, before: Partial<Record<ReasonName, number>>): void {
    const allowed = SILENT[name];
    if (allowed === undefined) return;
    const drops = Object.entries(this.stack.stats.drops()) as [ReasonName, number][];
    const given = drops.filter(([reason, count]) => count > (before[reason] ?? 0)).map(([reason]) => reason);
    const fits = given.length === 1 && (given[0] === 'HOOK_DROP' || allowed.includes(given[0]));
    if (replies > 0 || !fits)
      this.breach(`${name} got ${replies} replies and ${given.join(', ') || 'no reason'}`);
  }

  private settle(): void {
    this.world.settle();
    if (this.world.pool.lent !== 0) this.breach('lent packets outlive the pump');
  }

  private arrive(frame: Uint8Array): void {
    this.frames++;
    this.probe.arrive(frame);
  }

  private badFrame(): { name: string; frame: Uint8Array } {
    const { prng } = this;
    const target: Target = {
      address: ADDRESS,
      peer: prng.chance(0.9) ? PEER : (ADDRESS & ~255) | (3 + prng.below(250)),
      broadcast: ADDRESS | 255,
      openPort: prng.chance(0.7) ? ECHO_PORT : LAZY_PORT,
      closedPort: 1000 + prng.below(100),
      connectedPort: CONNECTED_PORT,
      remotePort: REMOTE_PORT,
      tcpPort: TCP_PORT,
      tcpLocalPort: TCP_LOCAL_PORT,
      tcpRemotePort: TCP_REMOTE_PORT,
      echoId: prng.chance(0.3) ? ECHO_ID : LAZY_ECHO_ID,
    };
    if (prng.chance(0.15)) return { name: 'good', frame: GOOD[prng.below(GOOD.length)](prng, target) };
    const [name, generate] = CLASSES[prng.below(CLASSES.length)];
    const frame = generate(prng, target);
    if ((name === 'mutation' || name === 'noise') && prng.chance(0.5)) repairChecksums(frame);
    return { name, frame };
  }

  /** A ping among the batch that must be answered. */
  private canary(): Uint8Array {
    this.canaries++;
    // Not one of those that the hook drops: the hook counts what comes to it, so it is asked for twice at most.
    const frame = craftIcmpEcho({
      source: PEER,
      destination: ADDRESS,
      id: CANARY_ID,
      sequence: this.canaries & 0xffff,
    });
    this.batch.splice(
      this.prng.below(this.batch.length + 1),
      0,
      { name: 'canary', frame },
      { name: 'canary', frame },
    );
    return frame;
  }

  /** After the batch the next good packets are served: a ping and a UDP echo. */
  private serves(): void {
    const { prng, probe } = this;
    const payload = Uint8Array.of(this.canaries, prng.int32(), prng.int32());
    const ping = craftIcmpEcho({
      source: PEER,
      destination: ADDRESS,
      id: CANARY_ID,
      sequence: prng.below(65_536),
      payload,
    });
    const udp = craftUdp({
      source: PEER,
      destination: ADDRESS,
      sourcePort: 1234,
      destinationPort: ECHO_PORT,
      payload,
    });
    this.batch = [];
    // Three times each: the hook drops one of 97.
    for (let i = 0; i < 2; i++) {
      this.arrive(ping);
      this.arrive(udp);
    }
    this.drain(this.lazy);
    this.drain(this.lazyPing);
    this.settle();
    const replies = probe.take();
    if (replies.length < 3 || replies.length > 4) this.breach(`good frames got ${replies.length} replies`);
    for (const reply of replies) {
      this.check(reply);
      const same = reply.subarray(28);
      if (same.length !== payload.length || same.some((octet, i) => octet !== payload[i]))
        this.breach('an echo echoes other octets');
    }
    this.canaries++;
  }

  /** What the applications do meanwhile. */
  private traffic(): void {
    const { prng } = this;
    if (prng.chance(0.3)) this.trySend();
    if (prng.chance(0.05)) {
      this.lazy.close();
      this.lazy = this.openLazy();
    }
    if (this.opening.closed) this.opening = this.open();
    this.settle();
    for (const frame of this.probe.take()) this.check(frame);
  }

  private open(): TcpSocket {
    const socket = this.stack.tcpSocket({});
    socket.connect('10.0.0.1', TCP_REMOTE_PORT, { localPort: TCP_LOCAL_PORT });
    return socket;
  }

  private trySend(): void {
    for (const send of [
      () => this.connected.send(Uint8Array.of(1, 2, 3)),
      () => this.ping.send('10.0.0.1', this.prng.below(65_536), Uint8Array.of(4)),
    ]) {
      try {
        send();
      } catch {
        // An error that an ICMP message brought, or no slot left: told, as it should be.
      }
    }
  }

  private openLazy(): UdpSocket {
    const socket = this.stack.udpSocket({});
    socket.bind('0.0.0.0', LAZY_PORT);
    return socket;
  }

  private drain(socket: UdpSocket | EchoSocket): void {
    while (socket.receive() !== undefined) this.read++;
  }

  private echo(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      this.read++;
      try {
        socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      } catch {
        // From port 0, from where no route leads back to, larger than the link takes, or no slot left.
      }
    }
  }

  /** Every frame that leaves passes our own checks, and is no error about an error. */
  private check(frame: Uint8Array): void {
    if (wire.checkIpv4(frame, 0, frame.length) !== wire.IPV4_OK) this.breach('a broken IPv4 header left');
    if (wire.ipv4TotalLength(frame, 0) !== frame.length) this.breach('a frame is not one datagram');
    if (wire.ipv4Source(frame, 0) !== ADDRESS) this.breach('a frame left with a source that is not ours');
    const destination = wire.ipv4Destination(frame, 0);
    if (!wire.isValidSource4(destination) || (destination & 255) === 255)
      this.breach('a frame left for no single host');
    if (wire.ipv4IsFragment(frame, 0)) this.checkFragment(frame);
    else this.checkWhole(frame);
  }

  /** Fragments leave in order and tile their datagram, which is checked when its last one left. */
  private checkFragment(frame: Uint8Array): void {
    if (frame.length > 1000) this.breach('a fragment is larger than the link takes');
    const id = wire.ipv4Id(frame, 0);
    const place = wire.ipv4FragmentOffset(frame, 0);
    const before = place === 0 ? new Uint8Array(0) : this.leaving.get(id);
    this.leaving.delete(id);
    // The link was down when those before it left.
    if (before === undefined || before.length !== place) return;
    const data = new Uint8Array(Buffer.concat([before, frame.subarray(20)]));
    const more = (wire.ipv4Flags(frame, 0) & wire.IPV4_MF) !== 0;
    if (more && data.length % 8 !== 0) this.breach('a fragment was cut where none may be');
    if (more) this.leaving.set(id, data);
    else this.checkWhole(new Uint8Array(Buffer.concat([frame.subarray(0, 20), data])));
  }

  private checkWhole(frame: Uint8Array): void {
    const destination = wire.ipv4Destination(frame, 0);
    const header = wire.ipv4HeaderLength(frame, 0);
    const length = frame.length - header;
    const protocol = wire.ipv4Protocol(frame, 0);
    const sum = wire.sumBytes(frame, header, length);
    if (protocol === wire.PROTO_UDP) {
      const pseudo = wire.pseudoHeaderSum(ADDRESS, destination, protocol, length);
      if (wire.udpLength(frame, header) !== length) this.breach('a wrong UDP length left');
      if (wire.fold(sum + pseudo) !== 0xffff) this.breach('a wrong UDP checksum left');
      return;
    }
    if (protocol === wire.PROTO_TCP) {
      const pseudo = wire.pseudoHeaderSum(ADDRESS, destination, protocol, length);
      if (wire.fold(sum + pseudo) !== 0xffff) this.breach('a wrong TCP checksum left');
      return;
    }
    if (protocol !== wire.PROTO_ICMP) this.breach(`protocol ${protocol} left`);
    if (wire.fold(sum) !== 0xffff) this.breach('a wrong ICMP checksum left');
    if (!wire.isIcmpError(wire.icmpType(frame, header))) return;
    if (frame.length > 576) this.breach('an ICMP error is longer than 576 octets');
    const quote = header + wire.ICMP_HEADER;
    const inner = quote + wire.ipv4HeaderLength(frame, quote);
    if (wire.ipv4Protocol(frame, quote) === wire.PROTO_ICMP && wire.isIcmpError(frame[inner])) {
      this.breach('an ICMP error about an ICMP error left');
    }
  }

  private breach(what: string): never {
    const frames = this.batch
      .slice(-20)
      .map(({ name, frame }) => `${name}: ${Buffer.from(frame).toString('hex')}`);
    throw new Breach(`${what}, after ${this.frames} frames; the last of the batch:\n${frames.join('\n')}`);
  }
}

function isReply(frame: Uint8Array, ping: Uint8Array): boolean {
  return (
    frame[9] === 1 &&
    frame[20] === 0 &&
    wire.icmpId(frame, 20) === CANARY_ID &&
    wire.icmpSequence(frame, 20) === wire.icmpSequence(ping, 20)
  );
}
