// tun-wire between two kernels: what the seed says is what ping, iperf3 and nstat see.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fates } from '@tunstack/sim';
import { Prng } from '@tunstack/stack/base';
import { findTool } from '@tunstack/tun';
import { requireRoot, requireTun } from '@tunstack/tun/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bin, Running, run, tool } from '../support/namespace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-wire-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = ['a', 'b'].map((end) => `tsw${process.pid}${end}`);
const [inA, inB] = names.map((name) => ['ip', 'netns', 'exec', name]);
/** IPv6 off before there is a device: its solicitations would count as packets of the wire. */
const QUIET = 'net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1'.split(' ');
const ADDRESSES = '--address-a 10.7.0.1/24 --address-b 10.7.0.2/24'.split(' ');

type Counts = Readonly<
  Record<'packets' | 'bytes' | 'carried' | 'lost' | 'duplicated' | 'reordered', number>
> &
  Readonly<Record<'corrupted' | 'overflowed' | 'refused', number>>;
interface Late {
  readonly late: { readonly p50Us: number; readonly p99Us: number; readonly maxUs: number };
}
interface End {
  readonly ab: Counts & Late;
  readonly ba: Counts & Late;
}

/** Two namespaces with a wire between them. */
async function startWire(...flags: string[]): Promise<Running> {
  const wire = new Running([process.execPath, bin('tun-wire'), ...names, ...ADDRESSES, '--json', ...flags]);
  await wire.until(/^\{.*\}$/m);
  return wire;
}

async function stopWire(wire: Running): Promise<End> {
  const code = await wire.stop('SIGINT');
  expect(code, wire.stderr).toBe(0);
  return JSON.parse(wire.stdout.trim().split('\n').at(-1) ?? '') as End;
}

interface Row {
  readonly direction: string;
  readonly index: number;
  readonly octets: number;
  readonly verdict: string;
  readonly delayUs: number;
  readonly packet: string;
  /** The echo sequence number. */
  readonly seq: number;
}

function readLog(file: string): Row[] {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [direction, index, octets, verdict, delay, packet] = line.split('\t');
    const seq = Number(/seq (\d+)/.exec(packet)?.[1] ?? 0);
    return { direction, index: +index, octets: +octets, verdict, delayUs: +delay, packet, seq };
  });
}

const sequences = (stdout: string): number[] =>
  [...stdout.matchAll(/icmp_seq=(\d+) /g)].map((match) => Number(match[1]));

const ping = (...flags: string[]) => run([...inA, tool('ping'), '-n', ...flags, '10.7.0.2'], 60_000);

/** Which sequence numbers a run of pings with this seed must lose, by the seed alone. */
function lostBySeed(seed: number, count: number, loss: number): number[] {
  const seeds = new Prng(seed);
  const [there, back] = [seeds.int32(), seeds.int32()].map((each) => new Fates({ loss }, each));
  return Array.from({ length: count }, (_, i) => i + 1).filter(
    () => there.next(84).lost || back.next(84).lost,
  );
}

const iperf3 = findTool('iperf3');

interface Iperf {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number; readonly bytes: number };
  };
}

/** One run of iperf3 from A to B. */
async function iperf(...flags: string[]): Promise<Iperf> {
  const path = tool('iperf3');
  const server = new Running([...inB, path, '-s', '-1', '--forceflush']);
  await server.until(/listening/);
  const { stdout } = await run([...inA, path, '-c', '10.7.0.2', '-J', ...flags], 60_000);
  await server.stop('SIGTERM');
  return JSON.parse(stdout) as Iperf;
}

describe('tun-wire, asked wrongly', () => {
  test.each([
    ['no namespace', [], 2, /two network namespaces are to be named: tun-wire NSA NSB/],
    ['one namespace', ['a'], 2, /two network namespaces/],
    ['three namespaces', ['a', 'b', 'c'], 2, /'c' is one word too many/],
    ['a share that is none', ['a', 'b', '--loss', '101%'], 2, /--loss takes a share, as 1% or 0\.01/],
    ['a time without a unit', ['a', 'b', '--delay', '20'], 2, /--delay takes a time, as 20ms/],
    ['three directions', ['a', 'b', '--delay', '1ms,2ms,3ms'], 2, /or two of it with a comma/],
    ['octets for a rate', ['a', 'b', '--rate', '5mb'], 2, /--rate takes a rate, as 50mbit/],
    ['a queue of no packets', ['a', 'b', '--queue', '0p'], 2, /--queue takes a size, as 100kb, 100p or 2bdp/],
    ['a product without its factors', ['a', 'b', '--queue', '2bdp'], 2, /give --rate and --delay too/],
    ['a seed with a fraction', ['a', 'b', '--seed', '1.5'], 2, /--seed takes a whole number/],
    ['an address without its length', ['a', 'b', '--address-a', '10.7.0.1'], 2, /10\.7\.0\.1\/24/],
    ['a log that cannot be', ['a', 'b', '--log', '/nonexistent/x'], 1, /ENOENT.*\/nonexistent\/x/],
    ['a namespace that is not there', ['tunstack-none', 'b'], 1, /tunstack-none: ENOENT.*ip netns add/],
  ])('%s: one line with the remedy', async (_, args, code, line) => {
    const result = await run([process.execPath, bin('tun-wire'), ...args]);
    expect(result.stderr).toMatch(line);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.code).toBe(code);
  });

  test('--help tells its flags and exits 0', async () => {
    const { code, stdout } = await run([process.execPath, bin('tun-wire'), '--help']);
    expect(code).toBe(0);
    for (const flag of '--tap --loss --delay --jitter --reorder --duplicate --corrupt --rate --queue --seed'.split(
      ' ',
    )) {
      expect(stdout).toContain(flag);
    }
  });
});

describe.skipIf(requireTun())('tun-wire without named namespaces', () => {
  test('two new namespaces live as long as it does, and are entered as it says', async () => {
    const flags = ['new', 'new', ...ADDRESSES, '--json'];
    const wire = new Running([process.execPath, bin('tun-wire'), ...flags]);
    const [line] = await wire.until(/^\{.*\}$/m);
    const { a } = JSON.parse(line) as { a: { enter: string[] } };
    const { stdout } = await run([...a.enter, tool('ping'), '-c', '2', '-i', '0.2', '10.7.0.2']);
    expect(stdout).toContain('2 received');
    await stopWire(wire);
  });

  test('its words are lines: devices, seed, a rate each second, counts', async () => {
    const wire = new Running([
      process.execPath,
      bin('tun-wire'),
      'new',
      'new',
      '-v',
      '--seed',
      '5',
      '--loss',
      '1%',
    ]);
    await wire.until(/^a > b: \d+ packets\/s [\d.]+ mbit\/s.*; b > a: /m);
    expect(await wire.stop('SIGTERM')).toBe(0);
    expect(wire.stdout).toMatch(
      /^a: wire0 in new: nsenter .*\nb: wire0 in new: nsenter .*\nseed 5: loss 1%\n/,
    );
    expect(wire.stdout).toMatch(/^a > b: \d+ packets, \d+ bytes: carried \d+, lost \d+, /m);
  });
});

describe.skipIf(requireRoot())('tun-wire between two namespaces', () => {
  beforeAll(async () => {
    for (const name of names) {
      await run(['ip', 'netns', 'add', name]);
      await run(['ip', 'netns', 'exec', name, 'sysctl', '-qw', ...QUIET]);
      await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    }
    return async () => {
      for (const name of names) await run(['ip', 'netns', 'delete', name]);
    };
  });

  test('ping loses exactly the sequence numbers that the seed says, each time', async () => {
    const expected = lostBySeed(7, 100, 0.1);
    expect(expected.length).toBeGreaterThan(5);
    const logs: Row[][] = [];
    for (const round of [1, 2]) {
      const file = join(folder, `loss${round}`);
      const wire = await startWire('--loss', '10%', '--seed', '7', '--log', file);
      const { stdout } = await ping('-c', '100', '-i', '0.01', '-W', '1');
      const { ab, ba } = await stopWire(wire);
      const came = new Set(sequences(stdout));
      const missing = Array.from({ length: 100 }, (_, i) => i + 1).filter((seq) => !came.has(seq));
      expect(missing).toEqual(expected);
      expect(ab.lost + ba.lost).toBe(expected.length);
      logs.push(readLog(file));
    }
    const told = (rows: Row[]) =>
      rows.map(({ direction, index, verdict, seq }) => [direction, index, verdict, seq]);
    const sorted = (rows: Row[]) => told(rows).map(String).sort();
    expect(sorted(logs[0])).toEqual(sorted(logs[1]));
    const lost = logs[0].filter(({ verdict }) => verdict === 'lost').map(({ seq }) => seq);
    expect(lost.sort((x, y) => x - y)).toEqual(expected);
  });

  test('another seed loses others, and one direction alone can lose', async () => {
    const file = join(folder, 'one-way');
    const wire = await startWire('--loss', '0,20%', '--seed', '8', '--log', file);
    const { stdout } = await ping('-c', '100', '-i', '0.01', '-W', '1');
    const { ab, ba } = await stopWire(wire);
    expect(ab).toMatchObject({ packets: 100, carried: 100, lost: 0 });
    expect(ba.lost).toBe(100 - sequences(stdout).length);
    expect(ba.lost).toBeGreaterThan(5);
    const seqs = readLog(file).filter(({ verdict }) => verdict === 'lost');
    expect(seqs.map(({ seq }) => seq)).not.toEqual(lostBySeed(7, 100, 0.1));
  });

  test.each([
    ['TUN', []],
    ['TAP', ['--tap']],
  ])('delay and jitter show in the round trip: %s', async (_, flags) => {
    const wire = await startWire('--delay', '20ms', '--jitter', '5ms', ...flags);
    const { stdout } = await ping('-c', '50', '-i', '0.02');
    await stopWire(wire);
    const [, min, avg] = /= ([\d.]+)\/([\d.]+)\//.exec(stdout)?.map(Number) ?? [];
    expect(stdout).toContain('50 received');
    expect(min).toBeGreaterThanOrEqual(40);
    // The mean of the jitter is 2.5 ms each way; the rest is what a busy machine adds.
    expect(avg).toBeGreaterThan(42);
    expect(avg).toBeLessThan(80);
  });

  test('what is held back is overtaken, and nothing else is', async () => {
    const file = join(folder, 'reorder');
    const wire = await startWire(
      ...['--reorder', '10%,0', '--reorder-delay', '50ms', '--seed', '3', '--log', file],
    );
    const { stdout } = await ping('-c', '200', '-i', '0.005');
    const { ab } = await stopWire(wire);
    const held = new Set(
      readLog(file)
        .filter(({ verdict }) => verdict === 'reordered')
        .map(({ seq }) => seq),
    );
    expect(ab.reordered).toBe(held.size);
    expect(held.size).toBeGreaterThan(8);
    const order = sequences(stdout);
    const others = order.filter((seq) => !held.has(seq));
    expect(order.length).toBe(200);
    expect(others).toEqual(others.slice().sort((x, y) => x - y));
    const overtaken = order.filter(
      (seq, at) => held.has(seq) && order.slice(0, at).some((other) => other > seq),
    );
    expect(overtaken.length).toBeGreaterThan(held.size / 2);
  });

  test('ping counts each duplicate that the log tells', async () => {
    const file = join(folder, 'duplicate');
    const wire = await startWire('--duplicate', '10%,0', '--seed', '4', '--log', file);
    const { stdout } = await ping('-c', '100', '-i', '0.01');
    const { ab } = await stopWire(wire);
    const doubled = readLog(file).filter(({ verdict }) => verdict === 'duplicated');
    expect(doubled.length).toBeGreaterThan(3);
    expect(ab.duplicated).toBe(doubled.length);
    // A double of the last request may come when ping has what it waits for.
    const last = doubled.some(({ seq }) => seq === 100) ? 1 : 0;
    const counted = Number(/\+(\d+) duplicates/.exec(stdout)?.[1] ?? 0);
    expect(doubled.length - counted).toBeLessThanOrEqual(last);
  });

  test('the receiver finds each corrupted message by its checksum', async () => {
    const file = join(folder, 'corrupt');
    const wire = await startWire('--corrupt', '30%,0', '--seed', '6', '--log', file);
    await ping('-q', '-c', '200', '-i', '0.005', '-W', '0.5');
    const { stdout } = await run([...inB, 'nstat', '-asz', 'IcmpInCsumErrors']);
    const { ab } = await stopWire(wire);
    const bits = readLog(file).flatMap(({ verdict }) => /corrupted@(\d+)/.exec(verdict)?.[1] ?? []);
    expect(ab.corrupted).toBe(bits.length);
    expect(bits.length).toBeGreaterThan(30);
    // The first 20 octets are the IP header: what is wrong there does not get as far as ICMP.
    const inMessage = bits.filter((bit) => Number(bit) >= 160).length;
    expect(Number(/IcmpInCsumErrors\s+(\d+)/.exec(stdout)?.[1])).toBe(inMessage);
  });

  test.skipIf(iperf3 === undefined)(
    'a rate is what iperf3 measures, and its queue drops what is too much',
    async () => {
      const wire = await startWire('--rate', '20mbit', '--queue', '60kb');
      const { end } = await iperf('-u', '-b', '30M', '-l', '1400', '-t', '3');
      const { ab } = await stopWire(wire);
      // 1400 octets of 1428 on the wire.
      const expected = 20e6 * (1400 / 1428);
      expect(end.sum_received.bits_per_second).toBeGreaterThan(expected * 0.85);
      expect(end.sum_received.bits_per_second).toBeLessThan(expected * 1.15);
      expect(ab.overflowed).toBeGreaterThan(100);
    },
  );

  test.skipIf(iperf3 === undefined)(
    'TCP of two kernels fills a bottleneck of two bandwidth-delay products, and the wire tells how late it was',
    async () => {
      const wire = await startWire(...'--rate 20mbit --delay 10ms --queue 2bdp'.split(' '));
      const { end } = await iperf('-t', '3', '-C', 'cubic');
      const { ab } = await stopWire(wire);
      // 1448 octets of 1500; what came while the loop was late is not lost to the rate.
      const most = 20e6 * (1448 / 1500);
      expect(end.sum_received.bits_per_second).toBeLessThan(most * 1.05);
      expect(end.sum_received.bits_per_second).toBeGreaterThan(most * 0.7);
      expect(ab.late.p50Us).toBeLessThanOrEqual(ab.late.p99Us);
      expect(ab.late.p99Us).toBeLessThanOrEqual(ab.late.maxUs);
      expect(ab.late.maxUs).toBeGreaterThan(0);
    },
  );

  test('a queue of packets holds so many, whatever their size', async () => {
    // 8 pings of 1028 octets each at once, 0.8 s apiece: one is being sent, two wait.
    const wire = await startWire(...'--rate 10kbit,0 --queue 3p'.split(' '));
    await ping('-q', '-c', '8', '-i', '0.002', '-s', '1000', '-W', '0.1');
    const { ab } = await stopWire(wire);
    expect(ab).toMatchObject({ packets: 8, carried: 3, overflowed: 5 });
  });

  test.skipIf(iperf3 === undefined).each([
    ['TUN', []],
    ['TAP', ['--tap']],
  ])('TCP of two kernels runs through it, also with loss and delay: %s', async (_, flags) => {
    const impaired = '--loss 0.1% --delay 2ms --jitter 1ms --rate 100mbit --queue 2bdp'.split(' ');
    for (const more of [[], impaired]) {
      const wire = await startWire(...flags, ...more);
      const { end } = await iperf('-t', '2', '-C', 'cubic');
      const { ab, ba } = await stopWire(wire);
      expect(end.sum_received.bytes).toBeGreaterThan(1 << 20);
      expect(ab.bytes).toBeGreaterThan(end.sum_received.bytes);
      expect(ba.packets).toBeGreaterThan(10);
      expect(ab.packets).toBe(ab.carried + ab.lost + ab.overflowed);
    }
  });

  test('in real time it is scheduled before other programs, and carries as well', async () => {
    const wire = await startWire('--realtime', '--delay', '1ms');
    const { stdout } = await run(['chrt', '--pid', `${wire.child.pid}`]);
    expect(stdout).toMatch(/SCHED_FIFO[\s\S]*: 1$/m);
    expect((await ping('-c', '3', '-i', '0.01')).stdout).toContain('3 received');
    await stopWire(wire);
  });

  test('a device that is deleted ends it with 1 and a line', async () => {
    const wire = await startWire('--name', 'gone0');
    await run(['ip', '-n', names[1], 'link', 'delete', 'gone0']);
    expect(await wire.ended).toBe(1);
    expect(wire.stderr).toMatch(/"type":"gone"/);
  });
});
