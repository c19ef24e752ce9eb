// The arbitraries themselves: valid frames are valid, nearly valid ones are near, streams and schedules are what they say.

import { fc, test } from '@fast-check/vitest';
import { craftLayer } from '@tunstack/stack/craft';
import { dissectIpv4, type Layer } from '@tunstack/stack/dissect';
import { describe, expect } from 'vitest';
import { Crossing } from '../rules/crossing.ts';
import { Rulebook } from '../rules/rulebook.ts';
import {
  dropLists,
  endpointCommands,
  frames,
  nearlyValidFrames,
  networkSchedules,
  rulesOfDrops,
  rulesOfSchedule,
  runEndpoints,
  segmentStreams,
} from './index.ts';

/** What is wrong anywhere in a frame. */
function faultsOf(frame: Uint8Array): string[] {
  const found: string[] = [];
  for (let layer: Layer | undefined = dissectIpv4(frame); layer !== undefined; ) {
    if (layer.malformed !== undefined) found.push(layer.malformed);
    if ('checksumOk' in layer && layer.checksumOk === false) found.push(`${layer.layer} checksum`);
    layer = 'next' in layer ? layer.next : undefined;
  }
  return found;
}

describe('frames', () => {
  test.prop([frames(fc)])('are valid: nothing is malformed, all checksums are right', (frame) => {
    expect(faultsOf(frame)).toEqual([]);
  });

  test.prop([frames(fc)])('are what dissecting and crafting them gives again', (frame) => {
    expect(craftLayer(dissectIpv4(frame))).toEqual(frame);
  });

  test('are of every kind: ICMP, UDP, TCP and others', () => {
    const seen = new Set(fc.sample(frames(fc), 200).map((frame) => dissectIpv4(frame).next.layer));
    expect([...seen].sort()).toEqual(['data', 'icmp', 'tcp', 'udp']);
  });

  test.prop([frames(fc, { source: '10.0.0.1', destination: '10.0.0.2', payloadMax: 10 })])(
    'go between the ends that are given',
    (frame) => {
      expect(dissectIpv4(frame)).toMatchObject({ source: '10.0.0.1', destination: '10.0.0.2' });
      expect(frame.length).toBeLessThanOrEqual(20 + 60 + 10);
    },
  );
});

describe('nearly valid frames', () => {
  test('are wrong mostly, each in a way of its own', () => {
    const sample = fc.sample(nearlyValidFrames(fc), 500);
    const wrong = sample.filter(({ frame }) => faultsOf(frame).length > 0);
    expect(wrong.length).toBeGreaterThan(200);
    expect(new Set(wrong.flatMap(({ frame }) => faultsOf(frame))).size).toBeGreaterThan(10);
  });

  test('shrink to one fault on a short frame', () => {
    const law = fc.property(nearlyValidFrames(fc), ({ frame }) => faultsOf(frame).length === 0);
    const { counterexample } = fc.check(law, { numRuns: 1000 });
    expect(counterexample?.[0].faults.length).toBe(1);
    expect(counterexample?.[0].frame.length).toBeLessThan(60);
  });
});

describe('segment streams', () => {
  test.prop([segmentStreams(fc, 0)])(
    'without faults carry the text that they say, each octet once',
    (stream) => {
      const sums = [0, 0];
      for (const { fromClient, frame } of stream.frames) {
        const { next } = dissectIpv4(frame);
        if (next.layer === 'tcp' && next.next.layer === 'data')
          sums[fromClient ? 0 : 1] += next.next.bytes.length;
      }
      expect(sums).toEqual(stream.octets);
    },
  );

  test.prop([segmentStreams(fc)])(
    'with faults hold frames of the faultless one only, out of order perhaps',
    (stream) => {
      for (const { frame, index } of stream.frames) {
        expect(faultsOf(frame)).toEqual([]);
        expect(index).toBeGreaterThanOrEqual(0);
      }
      if (stream.faults.every(({ fault }) => fault === 'drop')) {
        const indices = stream.frames.map(({ index }) => index);
        expect(indices).toEqual([...indices].sort((a, b) => a - b));
      }
    },
  );
});

/** Asks the rules about packets sent one a millisecond in turn by both ends. */
function dropped(list: readonly Parameters<typeof rulesOfDrops>[0][]): number[][] {
  return list.map((drops) => {
    const book = new Rulebook(rulesOfDrops(drops), 1);
    const gone: number[] = [];
    for (let i = 0; i < 100; i++) {
      const crossing = new Crossing(i & 1, (i >> 1) + 1, i * 1000, new Uint8Array(40));
      if (book.judge(crossing).dropped) gone.push(i);
    }
    return gone;
  });
}

describe('networks', () => {
  test.prop([dropLists(fc)])('a drop list loses just its packets', (drops) => {
    const [gone] = dropped([drops]);
    const expected = [...drops.first.map((n) => (n - 1) * 2), ...drops.second.map((n) => (n - 1) * 2 + 1)];
    expect(gone).toEqual(expected.sort((a, b) => a - b));
  });

  test('a failure shrinks to the packets that it takes, whichever seed found it', () => {
    // Fails when the first end loses its packet 7 and the second end its packet 3.
    const law = fc.property(
      dropLists(fc, 10, 5),
      ({ first, second }) => !(first.includes(7) && second.includes(3)),
    );
    for (const seed of [1, 2, 3]) {
      const { counterexample } = fc.check(law, { seed, numRuns: 10_000 });
      expect(counterexample).toEqual([{ first: [7], second: [3] }]);
    }
  });

  test.prop([networkSchedules(fc)])('a schedule does nothing outside its times', (schedule) => {
    const book = new Rulebook(rulesOfSchedule(schedule), 1);
    for (let i = 0; i < 700; i++) {
      const atMs = i * 10;
      const verdict = book.judge(new Crossing(i & 1, i + 1, atMs * 1000, new Uint8Array(40)));
      const due = schedule.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs);
      if (!due)
        expect(verdict).toMatchObject({ dropped: false, delayUs: 0, doublesUs: [], flips: [], behind: 0 });
    }
  });
});

test.prop([endpointCommands(fc)])(
  'any history of two endpoints keeps the laws and comes to its end',
  (commands) => runEndpoints(fc, commands),
);
