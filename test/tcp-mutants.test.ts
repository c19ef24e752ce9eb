// Mutated segments at live connections of every state: no throw, no wrong octet, one reply at most each, nothing left behind.
// `SOAK=1` throws a million with a fresh seed; `SEED=n` repeats one. RFC 9293 3.10.7, RFC 5961.

import { randomInt } from 'node:crypto';
import { mutateSegment, Probe, TcpPeer, TcpStream, tcpStateOf, tcpTables, World } from '@tunstack/sim';
import type { ReasonName, Stack, TcpHandler, TcpSocket } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { summary } from '@tunstack/stack/dissect';
import * as wire from '@tunstack/stack/wire';
import { expect, test } from 'vitest';

const soak = process.env.SOAK === '1';
const seeds: readonly number[] =
  process.env.SEED !== undefined ? [Number(process.env.SEED)] : soak ? [randomInt(2 ** 31)] : [1, 2, 3, 4];
const mutantsPerSeed = (soak ? 1_000_000 : 100_000) / seeds.length;

const STATES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const;
type State = (typeof STATES)[number];

const ADDRESS = wire.parseIp4('10.0.0.2') as number;
const PEER = wire.parseIp4('10.0.0.1') as number;
const LISTEN_PORT = 7;
/** Nobody accepts here, and one connection waits already: there is room for no other. */
const FULL_PORT = 8;
const CLOSED_PORT = 9;
const FIRST_PORT = 1024;
const BYSTANDERS = 3;
const { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } = wire;

/** One connection under fire, and its application: reads at once what comes, and compares. */
interface Victim {
  readonly peer: TcpPeer;
  readonly stream: TcpStream;
  socket: TcpSocket | undefined;
  read: number;
}

class Breach extends Error {}

class Siege {
  readonly world: World;
  readonly stack: Stack;
  readonly counts: Record<State, number>;
  mutants = 0;
  /** Aimed at a connection that was in the state it was meant to be in. */
  live = 0;
  replies = 0;
  rebuilt = 0;
  octetsRead = 0;
  private readonly prng: Prng;
  private readonly probe: Probe;
  /** There is memory for all: bystanders are served. */
  private readonly roomy: boolean;
  private readonly victims = new Map<State, Victim>();
  private readonly byPort = new Map<number, Victim>();
  private readonly bystanders: Victim[] = [];
  private nextPort = FIRST_PORT;
  private frame: Uint8Array = new Uint8Array(0);
  private what = '';

  constructor(seed: number, tcpReceiveTotalBytes: number) {
    this.prng = new Prng(seed);
    this.roomy = tcpReceiveTotalBytes > 1 << 20;
    this.world = new World({ seed });
    this.stack = this.world.stack({
      tcpSynBacklogMax: 32,
      tcpTimeWaitMax: 8192,
      tcpReceiveBytes: 16_384,
      tcpReceiveBytesMax: 65_536,
      // One run is soon too many; several make holes between holes.
      tcpReassemblyRunsMax: seed % 2 === 0 ? 8 : 1,
      tcpReceiveTotalBytes,
    });
    this.probe = new Probe(this.world.pool);
    this.stack.addLink(this.probe, '10.0.0.2/24');
    this.counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
    const listener = this.stack.tcpListener({
      acceptable: (l) => {
        let victim: Victim | undefined;
        const handler = this.handler(() => victim);
        // One segment at a time: so is who becomes acceptable.
        const s = l.accept(handler) as TcpSocket;
        victim = this.byPort.get(s.remoteAddress().port);
        // Nobody's: a mutated SYN that a mutated ACK made a connection of.
        if (victim === undefined || victim.socket !== undefined) s.abort();
        else victim.socket = s;
      },
    });
    listener.listen('0.0.0.0', LISTEN_PORT);
    this.stack.tcpListener({}).listen('0.0.0.0', FULL_PORT, { backlog: 1 });
    const waiting = this.peerOf(FULL_PORT);
    this.tell(waiting, waiting.peer.syn());
    this.tell(waiting, waiting.peer.say({}));
    for (let i = 0; i < BYSTANDERS; i++) this.bystanders.push(this.build('ESTABLISHED'));
  }

  run(count: number): void {
    while (this.mutants < count) this.round();
  }

  close(): void {
    this.stack.close();
  }

  /** A mutant, its answer, and sometimes a moment of time. */
  private round(): void {
    const { prng } = this;
    const state = STATES[prng.below(STATES.length)];
    const victim = this.victimIn(state);
    const knowsStart = state !== 'LISTEN' && state !== 'SYN-SENT' && state !== 'CLOSED';
    const { frame } = mutateSegment(prng, victim.peer, victim.stream, knowsStart);
    this.mutants++;
    this.counts[state]++;
    if (state !== 'CLOSED') this.live++;
    this.what = `mutant ${this.mutants}, ${state}`;
    this.frame = frame;
    const replies = this.exchange(frame);
    this.replies += replies.length;
    if (replies.length > 1)
      this.breach(
        `${replies.length} replies to one segment: ${replies.map((reply) => summary(reply)).join(' | ')}`,
      );
    for (const reply of replies) this.check(reply, victim);
    if (this.world.pool.inUse !== 0) this.breach(`${this.world.pool.inUse} packets are out`);
    if (this.roomy && prng.chance(0.02)) this.bystanderGoesOn();
    if (prng.chance(0.3)) this.pass(prng.chance(0.02) ? prng.below(3000) : 1 + prng.below(20));
  }

  /** Time goes on: what timers send is heard, and no reply. */
  private pass(ms: number): void {
    this.world.runFor(ms);
    for (const reply of this.probe.take()) {
      for (const victim of this.victims.values()) if (victim.peer.hear(reply)) break;
    }
  }

  private exchange(frame: Uint8Array): Uint8Array[] {
    this.probe.arrive(frame);
    try {
      this.world.settle();
    } catch (error) {
      if (error instanceof Breach) throw error;
      this.breach(String((error as Error).stack));
    }
    return this.probe.take();
  }

  private check(reply: Uint8Array, victim: Victim): void {
    if (wire.checkIpv4(reply, 0, reply.length) !== wire.IPV4_OK) this.breach('a broken IPv4 header left');
    const length = reply.length - 20;
    const pseudo = wire.pseudoHeaderSum(ADDRESS, wire.ipv4Destination(reply, 0), wire.PROTO_TCP, length);
    if (wire.fold(pseudo + wire.sumBytes(reply, 20, length)) !== 0xffff) this.breach('a wrong checksum left');
    const answersReset = (wire.tcpFlags(this.frame, 20) & TCP_RST) !== 0;
    if (answersReset && (wire.tcpFlags(reply, 20) & TCP_RST) !== 0)
      this.breach('a RST was answered with a RST');
    victim.peer.hear(reply);
  }

  /** The victim of this state: the one that was, if it still is there, or another. */
  private victimIn(state: State): Victim {
    const known = this.victims.get(state);
    if (known !== undefined && this.stateOf(known, state) === state) return known;
    if (known !== undefined) this.dismiss(known);
    const victim = this.build(state);
    this.victims.set(state, victim);
    this.rebuilt++;
    const now = this.stateOf(victim, state);
    if (now !== state) this.breach(`a connection was to be in ${state}, and is in ${now}`);
    return victim;
  }

  private stateOf(victim: Victim, wanted: State): State {
    const { ends } = victim.peer;
    const now = STATES[tcpStateOf(this.stack, ADDRESS, ends.localPort, PEER, ends.port)];
    return wanted === 'LISTEN' && now === 'CLOSED' ? 'LISTEN' : now;
  }

  private dismiss(victim: Victim): void {
    this.byPort.delete(victim.peer.ends.port);
    victim.socket?.abort();
    this.world.settle();
    this.probe.take();
  }

  /** A connection in this state, as an honest peer would bring it there. */
  private build(state: State): Victim {
    const { prng } = this;
    const active =
      state === 'SYN-SENT' || (state !== 'LISTEN' && state !== 'SYN-RECEIVED' && prng.chance(0.3));
    const listening = state === 'LISTEN' && prng.chance(0.2) ? FULL_PORT : LISTEN_PORT;
    const localPort = state === 'CLOSED' ? CLOSED_PORT : active ? 2000 + prng.below(50_000) : listening;
    const victim = this.peerOf(localPort);
    const { peer } = victim;
    if (state === 'CLOSED' || state === 'LISTEN') return victim;
    if (active) {
      victim.socket = this.stack.tcpSocket(this.handler(() => victim));
      victim.socket.connect('10.0.0.1', peer.ends.port, { localPort });
      this.world.settle();
      this.hear(victim);
      if (state === 'SYN-SENT') return victim;
      this.tell(victim, peer.syn(TCP_SYN | TCP_ACK));
    } else {
      this.tell(victim, peer.syn());
      if (state === 'SYN-RECEIVED') return victim;
      this.tell(victim, peer.say({}));
    }
    this.close_(victim, state);
    return victim;
  }

  /** The far end of a connection that is not there yet. */
  private peerOf(localPort: number): Victim {
    const { prng } = this;
    this.nextPort = this.nextPort >= 60_000 ? FIRST_PORT + BYSTANDERS + 1 : this.nextPort + 1;
    const ends = { address: PEER, port: this.nextPort, localAddress: ADDRESS, localPort };
    const scale = prng.chance(0.7) ? prng.below(8) : -1;
    const peer = new TcpPeer(ends, prng.int32(), prng.chance(0.5), scale, prng.int32());
    peer.sackPermitted = prng.chance(0.5);
    const victim: Victim = { peer, stream: new TcpStream(peer.iss, 0), socket: undefined, read: 0 };
    this.byPort.set(ends.port, victim);
    return victim;
  }

  /** From ESTABLISHED on. */
  private close_(victim: Victim, state: State): void {
    const { prng } = this;
    const { peer } = victim;
    const socket = victim.socket as TcpSocket;
    const text = prng.below(200);
    if (text > 0) {
      const payload = new Uint8Array(text);
      victim.stream.fill(payload, 0, text, 0);
      this.tell(victim, peer.say({ payload }));
    }
    if (state === 'CLOSE-WAIT' || state === 'LAST-ACK')
      this.tell(victim, peer.say({ flags: TCP_FIN | TCP_ACK }));
    // Some text may be under way in the states that have not closed.
    if ((state === 'ESTABLISHED' || state === 'CLOSE-WAIT') && prng.chance(0.5))
      socket.send(new Uint8Array(100));
    if (state === 'ESTABLISHED' || state === 'CLOSE-WAIT') {
      this.world.settle();
      this.hear(victim);
      return;
    }
    const unacked = peer.rcvNxt;
    // One that closes altogether takes no more text: SHLD-3.
    if (prng.chance(0.2)) socket.close();
    else socket.end();
    this.world.settle();
    this.hear(victim);
    if (state === 'FIN-WAIT-1' || state === 'LAST-ACK') return;
    if (state === 'CLOSING') {
      this.tell(victim, peer.say({ flags: TCP_FIN | TCP_ACK, ack: unacked }));
      return;
    }
    this.tell(victim, peer.say({}));
    if (state === 'TIME-WAIT') this.tell(victim, peer.say({ flags: TCP_FIN | TCP_ACK }));
  }

  private tell(victim: Victim, frame: Uint8Array): void {
    this.what = `building, port ${victim.peer.ends.port}`;
    for (const reply of this.exchange(frame)) victim.peer.hear(reply);
  }

  private hear(victim: Victim): void {
    for (const reply of this.probe.take()) victim.peer.hear(reply);
  }

  private handler(of: () => Victim | undefined): TcpHandler {
    return {
      readable: (socket) => {
        const victim = of();
        for (let t = socket.receive(); t !== undefined; t = socket.receive()) {
          const { length } = t;
          if (victim !== undefined) {
            const right = victim.stream.matching(t.bytes, t.offset, length, victim.read);
            if (right < length) this.breach(`octet ${victim.read + right} of a stream is wrong`);
            victim.read += length;
            this.octetsRead += length;
          }
          socket.consume(length);
        }
      },
    };
  }

  /** An established connection beside: text goes in, and is acknowledged, as if nothing were. */
  private bystanderGoesOn(): void {
    const victim = this.bystanders[this.prng.below(BYSTANDERS)];
    const { peer } = victim;
    const payload = new Uint8Array(1 + this.prng.below(100));
    const before = victim.read;
    victim.stream.fill(payload, 0, payload.length, before);
    this.tell(victim, peer.say({ payload }));
    if (victim.read !== before + payload.length) this.breach('a bystander read nothing');
    // The ACK may be delayed.
    this.pass(50);
    if (STATES[tcpStateOf(this.stack, ADDRESS, peer.ends.localPort, PEER, peer.ends.port)] !== 'ESTABLISHED')
      this.breach('a bystander is not established any more');
  }

  private breach(what: string): never {
    throw new Breach(
      `${this.what}: ${what}\n${summary(this.frame)}\n${Buffer.from(this.frame).toString('hex')}`,
    );
  }
}

/** Reasons that no frame of a stranger brings about: test/bad-frames.test.ts leaves them to us. */
const NEED_A_CONNECTION: readonly ReasonName[] = [
  'TCP_OUT_OF_WINDOW',
  'TCP_PAWS',
  'TCP_NO_TIMESTAMP',
  'TCP_RST_CHALLENGED',
  'TCP_SYN_CHALLENGED',
  'TCP_NO_ACK',
  'TCP_OLD_ACK',
  'TCP_AFTER_CLOSE',
  'TCP_LISTEN_FULL',
];

test.each(seeds)(
  `${mutantsPerSeed} mutants in all states: no throw, no wrong octet, one reply at most (SEED=%i)`,
  { timeout: 900_000 },
  (seed) => {
    if (soak) process.stdout.write(`tcp mutants: SEED=${seed}\n`);
    const siege = new Siege(seed, 1 << 30);
    siege.run(mutantsPerSeed);
    // Live connections: more than a third of all, and each of the eleven states has its share.
    expect(siege.live).toBeGreaterThan(siege.mutants / 3);
    for (const state of STATES)
      expect(siege.counts[state]).toBeGreaterThan(siege.mutants / STATES.length / 2);
    // They get through: many are answered, many change a state, and text was read.
    expect(siege.replies).toBeGreaterThan(siege.mutants / 20);
    expect(siege.rebuilt).toBeGreaterThan(siege.mutants / 20);
    expect(siege.octetsRead).toBeGreaterThan(siege.mutants / 20);
    expect(siege.world.pool.lent).toBe(0);
    expect(NEED_A_CONNECTION.filter((name) => siege.stack.stats.reason(name) === 0)).toEqual([]);
    if (seed % 2 === 1) expect(siege.stack.stats.reason('TCP_REASSEMBLY_FULL')).toBeGreaterThan(0);
    siege.close();
    expect(siege.world.pool.inUse).toBe(0);
    expect(siege.world.pool.chunks.inUseBytes).toBe(0);
    expect(tcpTables(siege.stack)).toMatchObject({
      connections: 0,
      receiveOctets: 0,
      usedPorts: 0,
      deadlines: 0,
    });
  },
);

test('the same with next to no memory for received text', () => {
  const siege = new Siege(9, 600);
  siege.run(10_000);
  expect(siege.stack.stats.reason('TCP_RECEIVE_MEMORY')).toBeGreaterThan(0);
  siege.close();
  expect(siege.world.pool.inUse).toBe(0);
  expect(tcpTables(siege.stack)).toMatchObject({ connections: 0, receiveOctets: 0 });
});
