// TCP transfers over bad wires, each decided by one seed: 1,000 of 64 KiB to 1 MiB each way. `SOAK=1` runs 10,000 with fresh
// seeds; `SEED=n` runs one. A failure writes a capture and a trace of its seed. RFC 9293 in whole.

import { randomInt } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINKTYPE_RAW, PcapngWriter } from '@tunstack/pcap';
import {
  planTransfer,
  runTransfer,
  TcpTrace,
  type TransferPlan,
  type TransferResult,
  World,
} from '@tunstack/sim';
import type { CounterName, TcpSocket } from '@tunstack/stack';
import type { Packet, Tap } from '@tunstack/stack/contract';
import { expect, test } from 'vitest';

const soak = process.env.SOAK === '1';
const given = process.env.SEED;
const first = given !== undefined ? Number(given) : soak ? randomInt(2 ** 31) : 1;
const count = given !== undefined ? 1 : soak ? 10_000 : 1000;
/** Tests of this many seeds: a failure names its hundredth, and progress is seen. */
const BATCH = 100;
const EPOCH_US = 1_700_000_000_000_000;

/** What transfers must have met, as often as once in ten seeds at least. */
const MET = [
  'TcpExtTCPFastRetrans',
  'TcpExtTCPTimeouts',
  'TcpExtTCPSynRetrans',
  'TcpExtTCPOFOQueue',
  'TcpExtTCPWinProbe',
  'TcpExtDelayedACKs',
  'TcpExtTCPHPHits',
  'TcpExtTCPHPAcks',
  'TcpExtTW',
  'TcpInCsumErrors',
] as const satisfies readonly CounterName[];

/** Two taps in one. */
class Both implements Tap {
  private readonly taps: readonly Tap[];

  constructor(...taps: readonly Tap[]) {
    this.taps = taps;
  }

  packet(packet: Packet, direction: number, interfaceId: number, nowUs: number): void {
    for (const tap of this.taps) tap.packet(packet, direction, interfaceId, nowUs);
  }

  drop(packet: Packet, reason: number, nowUs: number): void {
    for (const tap of this.taps) tap.drop(packet, reason, nowUs);
  }
}

/** Runs the seed again with its taps on: equal seeds give equal runs. Answers the directory of what it wrote. */
function record(seed: number): string {
  const directory = mkdtempSync(join(tmpdir(), `tcp-transfer-${seed}-`));
  const lines: string[] = [];
  const writers: { name: string; writer: PcapngWriter; chunks: Uint8Array[] }[] = [];
  try {
    runTransfer({
      seed,
      tap: (name, stack, world) => {
        const chunks: Uint8Array[] = [];
        const writer = new PcapngWriter({
          write: (chunk) => chunks.push(chunk),
          interfaces: (id) => ({ name: stack.interfaces[id].name, linkType: LINKTYPE_RAW, snaplen: 0 }),
          epochUs: () => EPOCH_US + world.clock.elapsedUs,
        });
        writers.push({ name, writer, chunks });
        return new Both(writer, new TcpTrace(world.clock, name, lines));
      },
    });
  } catch (error) {
    lines.push(String(error));
  }
  const plan = JSON.stringify(planTransfer(seed, [64 << 10, 1 << 20]), undefined, 1);
  writeFileSync(join(directory, 'trace.txt'), `${plan}\n${lines.join('\n')}\n`);
  for (const { name, writer, chunks } of writers) {
    writer.flush();
    writeFileSync(join(directory, `stack-${name}.pcapng`), Buffer.concat(chunks));
  }
  return directory;
}

const plans: TransferPlan[] = [];
const counted: Partial<Record<CounterName, number>> = {};

function note({ plan, nstat }: TransferResult): void {
  plans.push(plan);
  for (const name of MET)
    counted[name] = nstat.reduce((sum, counters) => sum + counters[name], counted[name] ?? 0);
}

test.each(Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => first + i * BATCH))(
  'what is sent is what arrives, in order, once, and ends in time: seeds from %i',
  { timeout: 600_000 },
  (from) => {
    for (let seed = from; seed < Math.min(from + BATCH, first + count); seed++) {
      try {
        note(runTransfer({ seed }));
      } catch (error) {
        throw new Error(`SEED=${seed}: ${String(error)}\nsee ${record(seed)}`, { cause: error });
      }
    }
  },
);

test.skipIf(count < 1000)('the seeds cover what a transfer can meet', () => {
  const share = (holds: (plan: TransferPlan) => boolean): number => plans.filter(holds).length / plans.length;
  const wires = plans.filter(({ topology }) => topology === 'wire');
  const loss = wires.map(({ impairment }) => Math.max(...impairment.map((how) => how.loss ?? 0)));
  const octets = plans.flatMap(({ plans: [a, b] }) => [a.sendOctets, b.sendOctets]);
  expect(Math.max(...loss)).toBeGreaterThan(0.19);
  expect(Math.min(...octets)).toBeLessThan(70_000);
  expect(Math.max(...octets)).toBeGreaterThan(1_000_000);
  const some: Record<string, (plan: TransferPlan) => boolean> = {
    'self-connections': ({ topology }) => topology === 'self',
    loopback: ({ topology }) => topology === 'loopback',
    'simultaneous opens': ({ simultaneousOpen }) => simultaneousOpen,
    aborts: ({ aborts }) => aborts,
    'no loss': ({ impairment }) => impairment.every(({ loss: p }) => p === 0),
    duplication: ({ impairment }) => impairment.some(({ duplicate = 0 }) => duplicate > 0),
    reordering: ({ impairment }) => impairment.some(({ reorder = 0 }) => reorder > 0),
    corruption: ({ impairment }) => impairment.some(({ corrupt = 0 }) => corrupt > 0),
    'long ways': ({ impairment }) => impairment.some(({ delayUs = 0 }) => delayUs > 100_000),
    'narrow ways': ({ impairment }) => impairment.some(({ rateBps = 0 }) => rateBps > 0),
    'small MTUs': ({ mtu }) => mtu === 296,
    'large MTUs': ({ mtu }) => mtu === 9000,
    'small buffers': ({ options }) => options.some(({ tcpReceiveBytes = 0 }) => tcpReceiveBytes < 4096),
    'one side closes last': (plan) => plan.plans.some(({ endsLast }) => endsLast),
    'both close at once': (plan) => plan.plans.every(({ endsLast }) => !endsLast),
    'urgent octets': (plan) => plan.plans.some(({ urgentShare }) => urgentShare > 0),
    'memory by reference': (plan) => plan.plans.some(({ ownedShare }) => ownedShare > 0.3),
    'keep-alive': (plan) => plan.plans.some(({ keepAliveMs }) => keepAliveMs > 0),
  };
  const rare = MET.filter((name) => (counted[name] ?? 0) < plans.length / 10);
  expect(rare).toEqual([]);
  const missing = Object.keys(some).filter((name) => share(some[name]) < 0.02);
  expect(missing).toEqual([]);
});

// What the seeds found, each as small as it can be.

interface Pair {
  readonly world: World;
  readonly client: TcpSocket;
  readonly heard: string[];
  server(): TcpSocket;
}

/** A client and a server on a wire without faults, connected; both keep what they hear for themselves. */
function pair(loss: readonly [number, number] = [0, 0], timestamps = true): Pair {
  const world = new World({ seed: 3 });
  const options = { tcpTimestamps: timestamps };
  const [a, b] = [world.stack(options), world.stack(options)];
  const impairment = [
    { delayUs: 5000, loss: loss[0] },
    { delayUs: 5000, loss: loss[1] },
  ] as const;
  const wire = world.wire({ impairment });
  a.addLink(wire.ends[0], '10.0.0.1/24');
  b.addLink(wire.ends[1], '10.0.0.2/24');
  const heard: string[] = [];
  let server: TcpSocket | undefined;
  const listener = b.tcpListener({
    acceptable: (l) => {
      server ??= l.accept({
        error: (_s, error) => heard.push(error.code),
        closed: () => heard.push('closed'),
      });
    },
  });
  listener.listen('0.0.0.0', 7);
  const client = a.tcpSocket({});
  client.connect('10.0.0.2', 7);
  expect(world.runUntil(() => server !== undefined && client.status().state === 'ESTABLISHED', 60_000)).toBe(
    true,
  );
  return { world, client, heard, server: () => server as TcpSocket };
}

test('memory given by reference comes back although the socket was closed before it was acknowledged', () => {
  const { world, client } = pair();
  let released = 0;
  expect(client.sendOwned(new Uint8Array(10_000), () => released++)).toBe(true);
  client.close();
  expect(released).toBe(0);
  world.runFor(1000);
  expect(released).toBe(1);
  world.close();
  expect(released).toBe(1);
});

// R7323.3
test('the window of a SYN,ACK that crosses another is not scaled (RFC 7323 2.2)', () => {
  const world = new World();
  const stack = world.stack({ tcpReceiveBytes: 20_000 });
  let most = 0;
  const self = stack.tcpSocket({ connected: (s) => (most = s.status().sndWnd) });
  self.connect('127.0.0.1', 4001, { localAddress: '127.0.0.1', localPort: 4001 });
  world.settle();
  expect(most).toBe(20_000);
  world.close();
});
