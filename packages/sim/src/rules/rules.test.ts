// Rules on a wire, one by one, and what they pick.

import type { Packet } from '@tunstack/stack/contract';
import { craftTcp, craftUdp, repairChecksums } from '@tunstack/stack/craft';
import { dissectIpv4, type TcpFlag } from '@tunstack/stack/dissect';
import { describe, expect, test } from 'vitest';
import { type Rule, rules, type Wire, type WireOptions, World, when } from '../index.ts';

/** A wire with nobody at its ends: datagrams of `octets` payload, numbered by their first octet. */
class Rig {
  readonly world = new World({ seed: 5 });
  readonly wire: Wire;
  /** What arrived at the second host: moment in microseconds, and octets. */
  readonly arrived: { atUs: number; octets: Uint8Array }[] = [];

  constructor(list: readonly Rule[], more: WireOptions = {}) {
    this.wire = this.world.wire({ rules: list, ...more });
    for (const end of this.wire.ends) {
      const poll = (): void => void end.poll(256);
      const receive = (packet: Packet): void => packet.release();
      end.attach({ receive, dropped: receive, ready: poll, arrived: poll, changed: () => {} });
    }
    this.wire.ends[1].watcher = (sent, octets, atUs) => {
      if (!sent) this.arrived.push({ atUs, octets });
    };
  }

  /** Puts a datagram on the wire at this moment, from an end. */
  put(octets: Uint8Array, atMs = 0, end = 0): void {
    this.world.after(atMs, () => {
      const packet = this.world.pool.allocate(octets.length);
      if (packet === undefined) throw new Error('no packet');
      packet.bytes.set(octets, packet.put(octets.length));
      this.wire.ends[end].transmit(packet);
    });
  }

  /** `count` datagrams, one a millisecond; answers the numbers of those that arrived. */
  numbers(count = 10, tos = 0): number[] {
    for (let i = 1; i <= count; i++) this.put(datagram(i, 100, tos), i);
    this.world.runFor(10_000);
    return this.arrived.map(({ octets }) => octets[28]);
  }
}

function datagram(number: number, length = 100, tos = 0): Uint8Array {
  const payload = new Uint8Array(length).fill(number);
  const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1, destinationPort: 2 };
  return craftUdp({ ...ends, payload, ip: { tos } });
}

function segment(flags: readonly TcpFlag[], seq = 1, text = 0): Uint8Array {
  const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1, destinationPort: 2 };
  return craftTcp({ ...ends, flags, seq, payload: new Uint8Array(text) });
}

describe('rules', () => {
  test('drop loses what matches, and nothing else', () => {
    const rig = new Rig([rules.drop(when.nth([3, 5]))]);
    expect(rig.numbers()).toEqual([1, 2, 4, 6, 7, 8, 9, 10]);
    expect(rig.wire.counters).toMatchObject({ ruledOut: 2, carried: 8 });
  });

  test('pass lets through what a later rule would lose', () => {
    const rig = new Rig([rules.pass(when.nth(3)), rules.drop(when.any)]);
    expect(rig.numbers()).toEqual([3]);
  });

  test('delay holds back by so many microseconds, and jitter by up to as many more', () => {
    const rig = new Rig([rules.delay(2500, when.nth(2)), rules.delay(0, when.longerThan(500), 900)]);
    expect(rig.numbers(5)).toEqual([1, 3, 4, 2, 5]);
    expect(rig.arrived[3].atUs).toBe(2000 + 2500 + 1);
    const jitter = new Rig([rules.delay(0, when.any, 900)]);
    jitter.numbers(40);
    const late = jitter.arrived.map(({ atUs }, i) => atUs - (i + 1) * 1000 - 1);
    expect(Math.max(...late)).toBeLessThanOrEqual(900);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(new Set(late).size).toBeGreaterThan(20);
  });

  test('duplicate lets it arrive again, as often as is said', () => {
    const rig = new Rig([rules.duplicate(when.nth(2), 2, 10)]);
    expect(rig.numbers(3)).toEqual([1, 2, 2, 2, 3]);
    expect(rig.arrived.map(({ atUs }) => atUs)).toEqual([1001, 2001, 2011, 2021, 3001]);
  });

  test('reorder lets exactly so many others overtake', () => {
    const rig = new Rig([rules.reorder(when.nth(2), 3)]);
    expect(rig.numbers(8)).toEqual([1, 3, 4, 5, 2, 6, 7, 8]);
  });

  test('what nobody overtakes arrives after a second all the same', () => {
    const rig = new Rig([rules.reorder(when.nth(3), 5)]);
    expect(rig.numbers(3)).toEqual([1, 2, 3]);
    expect(rig.arrived[2].atUs).toBe(3000 + 1_000_000);
  });

  test('a world that ends before takes back what was held', () => {
    const rig = new Rig([rules.reorder(when.any, 5)]);
    rig.put(datagram(1), 1);
    rig.world.runFor(5);
    expect(rig.world.pool.inUse).toBe(1);
    rig.world.close();
    expect(rig.world.pool.inUse).toBe(0);
  });

  test('corrupt flips the bit that is named, or any one', () => {
    const rig = new Rig([rules.corrupt(when.nth(1), 8 * 28), rules.corrupt(when.nth(2))]);
    rig.numbers(2);
    const [first, second] = rig.arrived;
    expect(first.octets[28]).toBe(0);
    const different = second.octets.filter((octet, i) => octet !== datagram(2)[i]);
    expect(different.length).toBe(1);
    expect(rig.wire.counters.corrupted).toBe(2);
  });

  test('truncate leaves the first octets', () => {
    const rig = new Rig([rules.truncate(50, when.nth(1))]);
    rig.numbers(2);
    expect(rig.arrived.map(({ octets }) => octets.length)).toEqual([50, 128]);
    expect(rig.arrived[0].octets).toEqual(datagram(1).slice(0, 50));
  });

  test('partition loses everything of that time, in both directions', () => {
    const rig = new Rig([rules.partition(3, 6)]);
    rig.put(datagram(99), 4, 1);
    expect(rig.numbers()).toEqual([1, 2, 6, 7, 8, 9, 10]);
    expect(rig.wire.counters.ruledOut).toBe(4);
  });

  test('rate spaces packets by their length, each direction for itself', () => {
    // 128 octets at 512,000 bit/s: 2 ms.
    const rig = new Rig([rules.rate(512_000)]);
    for (let i = 0; i < 4; i++) rig.put(datagram(99), i, 1);
    expect(rig.numbers(4)).toEqual([1, 2, 3, 4]);
    expect(rig.arrived.map(({ atUs }) => atUs)).toEqual([3001, 5001, 7001, 9001]);
  });

  test('queue drops what finds no room', () => {
    const rig = new Rig([rules.queue({ rateBps: 512_000, queue: { packets: 2 } })]);
    expect(rig.numbers(8)).toEqual([1, 2, 3, 5, 7]);
  });

  test('queue marks CE what may be marked, with a right checksum, and drops the rest', () => {
    const shape = { rateBps: 512_000, ecnBytes: 200 };
    const capable = new Rig([rules.queue(shape)]);
    expect(capable.numbers(6, 2).length).toBe(6);
    const marked = capable.arrived.map(({ octets }) => octets[1] & 3);
    expect(marked).toEqual([2, 2, 3, 3, 3, 3]);
    for (const { octets } of capable.arrived) expect(dissectIpv4(octets).checksumOk).toBe(true);
    expect(capable.wire.counters.marked).toBe(4);
    const not = new Rig([rules.queue(shape)]);
    expect(not.numbers(6)).toEqual([1, 2, 4, 6]);
  });

  test('bursts: losses come in rows, as long as the bad state lasts', () => {
    const rig = new Rig([rules.bursts({ worse: 0.02, better: 0.25 })]);
    const arrived = new Set<number>();
    const count = 4000;
    for (let i = 0; i < count; i++) rig.put(datagram(i & 255), i);
    rig.world.runFor(count + 10);
    for (const { atUs } of rig.arrived) arrived.add(Math.floor(atUs / 1000));
    const lost = Array.from({ length: count }, (_, i) => !arrived.has(i));
    const share = lost.filter(Boolean).length / count;
    const rows = lost.filter((gone, i) => gone && !lost[i - 1]).length;
    // Stationary share: worse / (worse + better) = 7.4 %; mean row: 1 / better = 4.
    expect(share).toBeGreaterThan(0.04);
    expect(share).toBeLessThan(0.12);
    expect((share * count) / rows).toBeGreaterThan(3);
    expect((share * count) / rows).toBeLessThan(5);
  });

  test('each does its own: one packet may be delayed, doubled and damaged', () => {
    const rig = new Rig([rules.delay(100), rules.duplicate(when.any), rules.truncate(60, when.any)]);
    rig.numbers(1);
    expect(rig.arrived.map(({ atUs, octets }) => [atUs, octets.length])).toEqual([
      [1101, 60],
      [1102, 60],
    ]);
  });
});

describe('the log of a wire', () => {
  test('has a line for each packet: moment, direction, number, packet, what was decided', () => {
    const rig = new Rig([rules.drop(when.nth(2))]);
    rig.put(datagram(7), 1.5, 1);
    rig.numbers(2);
    expect(rig.wire.rulebook?.log).toEqual([
      '1.000 -> #1 IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 100: pass',
      '1.500 <- #1 IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 100: drop nth 2 any',
      '2.000 -> #2 IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 100: pass',
    ]);
  });

  test('is equal for equal seeds, and one list of rules serves two worlds', () => {
    const list = [
      rules.drop(when.share(0.5)),
      rules.duplicate(when.everyNth(3)),
      rules.corrupt(when.share(0.2)),
    ];
    const [one, two] = [new Rig(list), new Rig(list)];
    one.numbers(50);
    two.numbers(50);
    expect(one.wire.rulebook?.log).toEqual(two.wire.rulebook?.log);
    expect(one.arrived).toEqual(two.arrived);
  });
});

describe('matchers', () => {
  /** Which of these segments, sent in order by the first end, are dropped. */
  function picked(list: readonly Uint8Array[], rule: Rule): number[] {
    const rig = new Rig([rule]);
    for (const [i, octets] of list.entries()) rig.put(octets, i + 1);
    rig.world.runFor(100);
    const there = new Set(rig.arrived.map(({ atUs }) => Math.floor(atUs / 1000) - 1));
    return list.map((_, i) => i).filter((i) => !there.has(i));
  }
  const talk = [
    segment(['SYN']),
    segment(['ACK']),
    segment(['PSH', 'ACK'], 1, 10),
    segment(['ACK'], 11, 20),
    segment(['ACK']),
    segment(['PSH', 'ACK'], 1, 10),
    segment(['FIN', 'ACK'], 31),
    segment(['RST']),
    datagram(1),
    segment(['FIN', 'ACK'], 31),
  ];

  test.each([
    ['SYNs', when.syn, [0]],
    ['data segments', when.data, [2, 3, 5]],
    ['bare ACKs', when.ack, [1, 4]],
    ['FINs', when.fin, [6, 9]],
    ['RSTs', when.rst, [7]],
    ['retransmissions', when.again, [5, 9]],
    ['the second data segment', when.nth(2, when.data), [3]],
    ['the second ACK', when.nth(2, when.ack), [4]],
    ['each third packet', when.everyNth(3), [2, 5, 8]],
    ['all at once', when.all(when.data, when.longerThan(55)), [3]],
    ['one or the other', when.either(when.syn, when.fin), [0, 6, 9]],
    ['all but data', when.not(when.data), [0, 1, 4, 6, 7, 8, 9]],
    ['a time', when.during(2, 4), [1, 2]],
    ['one end', when.from(1), []],
    ['what a predicate says', when.where('UDP', ({ ip }) => ip.next.layer === 'udp'), [8]],
  ] as const)('pick %s', (_, matcher, expected) => {
    expect(picked(talk, rules.drop(matcher))).toEqual(expected);
  });

  test('are not fooled by octets that are no packet', () => {
    const rubbish = [
      new Uint8Array(3),
      new Uint8Array(30).fill(0xff),
      repaired(segment(['SYN']).slice(0, 30)),
    ];
    expect(picked(rubbish, rules.drop(when.either(when.syn, when.data)))).toEqual([]);
  });
});

function repaired(octets: Uint8Array): Uint8Array {
  repairChecksums(octets);
  return octets;
}
