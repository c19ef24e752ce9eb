// Worlds of up to eight hosts behind one bottleneck, each decided by one seed: 500 of them; `SOAK=1` runs 10,000 with fresh
// seeds, `SEED=n` runs one. A failure writes captures and a trace, and says the line that runs it again. RFC 9293 in whole.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LINKTYPE_RAW, readPcapng } from '@tunstack/pcap';
import { planWorld, replay, runWorld, type WorldPlan, type WorldResult } from '@tunstack/sim';
import type { Packet, Tap } from '@tunstack/stack/contract';
import { describe, expect, test } from 'vitest';
import { filesOf } from './support/world-files.ts';

const soak = process.env.SOAK === '1';
const given = process.env.SEED;
const first = given !== undefined ? Number(given) : soak ? randomInt(2 ** 31) : 1;
const count = given !== undefined ? 1 : soak ? 10_000 : 500;
/** Tests of this many seeds: a failure names its hundred, and progress is seen. */
const BATCH = 100;

const results: WorldResult[] = [];

test.each(Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => first + i * BATCH))(
  'every stream arrives whole and in order, nothing passes a window, nothing stays behind: seeds from %i',
  { timeout: 600_000 },
  (from) => {
    for (let seed = from; seed < Math.min(from + BATCH, first + count); seed++) {
      try {
        results.push(runWorld({ seed }));
      } catch (error) {
        const { reproduce, trace } = replay(seed, filesOf(`world-${seed}`));
        throw new Error(`${String(error)}\nagain: ${reproduce}\ntrace: ${trace}`, { cause: error });
      }
    }
  },
);

test.skipIf(count < 500)('the seeds cover what a world can meet', () => {
  const share = (holds: (plan: WorldPlan) => boolean): number =>
    results.filter(({ plan }) => holds(plan)).length / results.length;
  const some: Record<string, (plan: WorldPlan) => boolean> = {
    'eight hosts': ({ pairs }) => pairs === 4,
    'routers that are stacks': ({ routers }) => routers === 'stack',
    'several flows': ({ flows }) => flows.length > 3,
    'flows both ways': ({ flows }) => new Set(flows.map(({ rightwards }) => rightwards)).size === 2,
    loss: ({ bottleneck }) => bottleneck.some(({ impairment }) => (impairment?.loss ?? 0) > 0.02),
    'no loss': ({ bottleneck }) => bottleneck.every(({ impairment }) => impairment?.loss === 0),
    corruption: ({ bottleneck }) => bottleneck.some(({ impairment }) => (impairment?.corrupt ?? 0) > 0),
    ECN: ({ bottleneck }) => bottleneck.some(({ ecnBytes }) => ecnBytes !== undefined),
    'a slow way back': ({ bottleneck: [a, b] }) => (a.rateBps ?? 0) > 2 * (b.rateBps ?? 0),
    'every controller': ({ controllers }) => new Set(controllers).size === 3,
    'small windows': ({ receiveBytes }) => receiveBytes.some((octets) => octets < 8192),
  };
  for (const rule of ['bursts', 'reorder', 'partition', 'drop nth', 'truncate'])
    some[rule] = ({ bottleneck: [{ rules = [] }] }) => rules.some(({ name }) => name.startsWith(rule));
  expect(Object.keys(some).filter((name) => share(some[name]) < 0.02)).toEqual([]);
  expect(results.filter(({ marked }) => marked > 0).length).toBeGreaterThan(results.length / 100);
  expect(results.filter(({ lost }) => lost > 0).length).toBeGreaterThan(results.length / 3);
  expect(results.reduce((sum, { delivered }) => sum + delivered, 0)).toBeGreaterThan(5_000_000);
});

describe('a world of a seed', () => {
  test('is run again by it, event by event', () => {
    const [one, two] = [replay(11), replay(11)];
    expect(one.lines.length).toBeGreaterThan(50);
    expect(one.lines).toEqual(two.lines);
    expect(replay(12).lines).not.toEqual(one.lines);
  });

  test('runs the same whether it is written down or not', () => {
    const { elapsedMs, frames } = runWorld({ seed: 11 });
    let packets = 0;
    const tap = (): Tap => ({ packet: () => packets++, drop: () => {} });
    expect(runWorld({ seed: 11, tap })).toMatchObject({ elapsedMs, frames });
    expect(packets).toBeGreaterThan(50);
  });

  test('is planned by the seed alone', () => {
    expect(JSON.stringify(planWorld(7))).toBe(JSON.stringify(planWorld(7)));
    expect(JSON.stringify({ ...planWorld(8), seed: 7 })).not.toBe(JSON.stringify(planWorld(7)));
  });

  test('that is written down leaves a trace, and a capture of each host that can be read', () => {
    const { reproduce, trace, lines } = replay(11, filesOf('world-11'));
    expect(reproduce).toBe('SEED=11 npx vitest run test/worlds.test.ts');
    const text = readFileSync(trace as string, 'utf8');
    expect(text.startsWith(reproduce)).toBe(true);
    expect(text.trimEnd().endsWith(lines.at(-1) as string)).toBe(true);
    const { pairs } = planWorld(11);
    for (const name of Array.from({ length: pairs }, (_, i) => [`left${i}`, `right${i}`]).flat()) {
      const capture = readPcapng(readFileSync(`${dirname(trace as string)}/${name}.pcapng`));
      const seen = lines.filter((line) => new RegExp(`^\\S+ ${name} [<>]`).test(line)).length;
      expect(capture.packets.length, name).toBe(seen);
      for (const { linkType } of capture.interfaces) expect(linkType).toBe(LINKTYPE_RAW);
    }
  });
});

describe('the oracle', () => {
  /** A world in which one octet of every long segment that arrives at a host is wrong, its checksum made to say so not. */
  const forging: Tap = {
    packet(packet: Packet, direction: number) {
      if (direction !== 0 || packet.length < 200) return;
      // Two octets that are 16 bits apart, changed against each other: the sum stays.
      const at = packet.head + packet.length - 4;
      packet.bytes[at] = (packet.bytes[at] + 1) & 255;
      packet.bytes[at + 2] = (packet.bytes[at + 2] + 255) & 255;
    },
    drop() {},
  };

  test('finds text that was changed behind the back of the checksum', () => {
    const results = Array.from({ length: 10 }, (_, i) => {
      try {
        runWorld({ seed: i + 1, tap: () => forging });
        return 'passed';
      } catch (error) {
        return String(error);
      }
    });
    expect(results.filter((result) => /octet \d+ is wrong/.test(result)).length).toBeGreaterThan(5);
  });

  test('finds a deadlock: a bottleneck that nothing passes any more', () => {
    const plan = planWorld(11);
    const shut = { ...plan, boundMs: 20_000, bottleneck: [{ impairment: { loss: 1 } }, {}] as const };
    expect(() => runWorld({ seed: 11, plan: shut })).toThrow('not over after 20000 virtual ms');
    const { error, trace } = replay(11, filesOf('world-shut'), shut);
    expect(String(error)).toContain('written/read');
    expect(readFileSync(trace as string, 'utf8')).toContain('not over after 20000 virtual ms');
  });

  /** Tells the stack a larger window than the peer offered; the laws, that see the packet first, know better. */
  const generous: Tap = {
    packet(packet: Packet, direction: number) {
      const { bytes, head } = packet;
      if (direction !== 0 || packet.linear < 40 || bytes[head + 9] !== 6 || bytes[head] !== 0x45) return;
      const tcp = head + 20;
      if ((bytes[tcp + 13] & 0x20) !== 0) return;
      // 0xffff is 0 in one's complement: what the window was goes to the urgent pointer, and the sum stays.
      bytes.copyWithin(tcp + 18, tcp + 14, tcp + 16);
      bytes.fill(0xff, tcp + 14, tcp + 16);
    },
    drop() {},
  };

  test('finds a sender that goes beyond the window: frame, moment, law, clause', () => {
    const plan = planWorld(3);
    const flow = {
      pair: 0,
      rightwards: true,
      port: 1000,
      startMs: 0,
      octets: [200_000, 1],
      piece: 50_000,
    } as const;
    const small = { ...plan, pairs: 1, receiveBytes: [6000], bottleneck: [{}, {}] as const, flows: [flow] };
    runWorld({ seed: 3, plan: small });
    expect(() => runWorld({ seed: 3, plan: small, tap: () => generous })).toThrow(
      /^left0: window \(RFC 9293 3\.8\.6\): \d+ octets beyond the window\n {2}frame \d+ sent at [\d.]+ ms: IP 10\.1\.0\.2/,
    );
  });
});
