// The options' codec against a naive second one, over any octets.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { rd32, wr32 } from './bytes.ts';
import * as wire from './tcp-options.ts';
import { rawTcpOptions as optionOctets } from './testing/arbitraries.ts';
import { meaningOf, type NaiveMeaning, readNaiveOptions } from './testing/naive-tcp.ts';

const place = fc.nat({ max: 9 });

/** What was found, in the naive codec's words. */
function meaning(b: Uint8Array, into: wire.TcpOptions): NaiveMeaning {
  return {
    mss: into.mss === 0 ? undefined : into.mss,
    windowScale: into.windowScale < 0 ? undefined : into.windowScale,
    sackPermitted: into.sackPermitted,
    timestamps: into.timestamps ? [into.tsVal, into.tsEcr] : undefined,
    sack: Array.from({ length: into.sackCount }, (_, i) => [
      rd32(b, into.sackAt + 8 * i),
      rd32(b, into.sackAt + 8 * i + 4),
    ]),
  };
}

property.prop([optionOctets, place], { numRuns: 500 })(
  'the options that are read are those that the naive codec reads, at any alignment',
  (octets, o) => {
    const b = new Uint8Array(80).fill(0xc3);
    b.set(octets, o);
    const into = new wire.TcpOptions();
    const good = wire.parseTcpOptions(b, o, o + octets.length, into);
    const naive = readNaiveOptions(octets);
    const said = meaningOf(naive.list);
    expect(good).toBe(naive.good);
    expect(meaning(b, into)).toEqual({ ...said, mss: said.mss === 0 ? undefined : said.mss });
  },
);

property.prop([optionOctets, fc.nat({ max: 40 })])(
  'a header cut short anywhere reads as the naive codec reads what is left',
  (octets, cut) => {
    const left = octets.slice(0, cut);
    const into = new wire.TcpOptions();
    const good = wire.parseTcpOptions(octets, 0, left.length, into);
    const said = meaningOf(readNaiveOptions(left).list);
    expect(good).toBe(readNaiveOptions(left).good);
    expect(meaning(octets, into)).toEqual({ ...said, mss: said.mss === 0 ? undefined : said.mss });
  },
);

property.prop([fc.oneof(optionOctets, fc.uint8Array({ maxLength: 60 })), place])(
  'the walk ends, looks at each octet a bounded number of times, and at none outside',
  (octets, o) => {
    let reads = 0;
    const inside = new Set<string>();
    for (let i = o; i < o + octets.length; i++) inside.add(String(i));
    const b = new Uint8Array(80);
    b.set(octets, o);
    const watched = new Proxy(b, {
      get(target, key) {
        if (typeof key === 'string' && inside.has(key)) reads++;
        else throw new Error(`read at ${String(key)}`);
        return Reflect.get(target, key) as number;
      },
    });
    wire.parseTcpOptions(watched, o, o + octets.length, new wire.TcpOptions());
    expect(reads).toBeLessThanOrEqual(2 * octets.length + 4);
  },
);

const int32 = fc.integer();

property.prop([fc.integer({ min: 1, max: 0xffff }), fc.nat({ max: 255 }), int32, int32, place])(
  'each writer writes one option that is read back, and answers where it ends',
  (mss, shift, tsVal, tsEcr, o) => {
    const b = new Uint8Array(80).fill(0xff);
    let at = wire.writeMssOption(b, o, mss);
    expect(at).toBe(o + 4);
    at = wire.writeWindowScaleOption(b, at, shift);
    expect(at).toBe(o + 8);
    at = wire.writeSackPermittedOption(b, at);
    expect(at).toBe(o + 12);
    at = wire.writeTimestampsOption(b, at, tsVal, tsEcr);
    expect(at).toBe(o + 24);
    const into = new wire.TcpOptions();
    expect(wire.parseTcpOptions(b, o, at, into)).toBe(true);
    expect(meaning(b, into)).toEqual({
      mss,
      windowScale: shift,
      sackPermitted: true,
      timestamps: [tsVal, tsEcr],
      sack: [],
    });
    expect(b[at]).toBe(0xff);
  },
);

property.prop([int32, int32, place])(
  'timestamps alone are read on the fast lane as on the slow one',
  (v, e, o) => {
    const b = new Uint8Array(40);
    const end = wire.writeTimestampsOption(b, o, v, e);
    const [fast, slow] = [new wire.TcpOptions(), new wire.TcpOptions()];
    expect(wire.parseTcpOptions(b, o, end, fast)).toBe(true);
    expect(wire.parseTcpOptions(b, o, end + 1, slow)).toBe(true);
    expect(fast).toEqual(slow);
    expect([fast.timestamps, fast.tsVal, fast.tsEcr]).toEqual([true, v, e]);
  },
);

property.prop([fc.array(fc.tuple(int32, int32), { minLength: 1, maxLength: 4 }), place])(
  'SACK blocks that are written are read back',
  (blocks, o) => {
    const b = new Uint8Array(60);
    let at = wire.writeSackOption(b, o, blocks.length);
    for (const [left, right] of blocks) {
      wr32(b, at, left);
      wr32(b, at + 4, right);
      at += 8;
    }
    const into = new wire.TcpOptions();
    expect(wire.parseTcpOptions(b, o, at, into)).toBe(true);
    expect(meaning(b, into).sack).toEqual(blocks);
  },
);

property.prop([
  fc.integer({ min: 1, max: 0xffff }),
  fc.boolean(),
  fc.boolean(),
  int32,
  int32,
  fc.integer({ min: -1, max: 14 }),
])(
  'the options of a SYN are words, as long as was said, and say what they were given',
  (mss, s, t, v, e, ws) => {
    const b = new Uint8Array(40);
    const end = wire.writeSynOptions(b, 0, mss, s, t, v, e, ws);
    expect(end).toBe(wire.synOptionsLength(s, t, ws));
    expect(end % 4).toBe(0);
    const into = new wire.TcpOptions();
    expect(wire.parseTcpOptions(b, 0, end, into)).toBe(true);
    expect(meaning(b, into)).toEqual({
      mss,
      windowScale: ws < 0 ? undefined : ws,
      sackPermitted: s,
      timestamps: t ? [v, e] : undefined,
      sack: [],
    });
  },
);
