// The share of one drain: a bulk flow leaves in pieces between which what arrives is read, and behind all others.

import { expect, test } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { BULK_PATIENCE_US, PRIORITY_BEST_EFFORT, PRIORITY_BULK } from '../../contract/packet.ts';
import { readTcpFrame } from '../../testing/tcp-frames.ts';
import { Flight, MSS } from '../loss/testing/flight.ts';
import { Turn } from './turn.ts';

const SHARE = 96 << 10;
const WINDOW = 3000 * MSS;
const FIRST_US = 0x7fff_fff0;

test('one drain sends a share, and what arrives meanwhile is acknowledged by the next', () => {
  const flight = new Flight({ windowScale: 14, options: { tcpSendBytes: 8 << 20 } });
  flight.opens(WINDOW, WINDOW);
  const { bench } = flight;
  const { link, stack } = bench;
  link.features = FEATURE_TSO4;
  link.take();
  bench.app.send(new Uint8Array(WINDOW));
  const pump = (): { octets: number; acks: number[]; more: boolean } => {
    const more = stack.pump();
    const frames = link.take().map((frame) => readTcpFrame(frame));
    return {
      octets: frames.reduce((sum, { payload }) => sum + payload.length, 0),
      acks: frames.map(({ ack }) => ack),
      more,
    };
  };
  const first = pump();
  expect(first.more).toBe(true);
  expect(first.octets).toBeGreaterThanOrEqual(SHARE);
  expect(first.octets).toBeLessThan(SHARE + 65_536);
  link.inject(bench.frame({}, new Uint8Array(100)));
  const second = pump();
  expect(new Set(second.acks)).toEqual(new Set([(first.acks[0] + 100) | 0]));
  let { octets } = second;
  for (let one = pump(); ; one = pump()) {
    octets += one.octets;
    if (!one.more) break;
  }
  expect(first.octets + octets).toBe(WINDOW);
});

test('twice as much leaves in a drain as arrived, or what only sends back would pile up', () => {
  const turn = new Turn();
  turn.beginDrain(1 << 20);
  let octets = 0;
  while (!turn.drained) {
    turn.begin();
    while (turn.spend(10_000)) octets += 10_000;
  }
  expect(octets).toBeGreaterThanOrEqual(2 << 20);
  expect(octets).toBeLessThan((2 << 20) + 65_536);
});

/** Drains in which somebody else sends: microseconds after the first, and whether bulk flows wait. */
function drains(turn: Turn, atUs: readonly number[], arrived = false): boolean[] {
  return atUs.map((us) => {
    turn.beginDrain(0);
    turn.begin();
    turn.spend(1);
    turn.end();
    return turn.bulkWaits((FIRST_US + us) | 0, arrived);
  });
}

test('bulk flows wait while others send, for four milliseconds at most, and then have more than a share', () => {
  const turn = new Turn();
  expect(drains(turn, [0, 1000, BULK_PATIENCE_US - 1, BULK_PATIENCE_US])).toEqual([true, true, true, false]);
  let octets = 0;
  while (!turn.drained) {
    turn.begin();
    while (turn.spend(65_000)) octets += 65_000;
  }
  expect(octets).toBeGreaterThan(8 * SHARE);
  expect(drains(turn, [BULK_PATIENCE_US + 6, BULK_PATIENCE_US + 100])).toEqual([true, true]);
});

test('they do not wait when nobody else sends, nor when the device has let something of theirs through', () => {
  const turn = new Turn();
  expect(drains(turn, [0])).toEqual([true]);
  turn.beginDrain(0);
  expect(turn.bulkWaits(FIRST_US, false)).toBe(false);
  turn.begin();
  turn.end();
  expect(turn.bulkWaits(FIRST_US, false)).toBe(false);
  expect(drains(turn, [10], true)).toEqual([false]);
  // The pause begins anew.
  expect(drains(turn, [BULK_PATIENCE_US, BULK_PATIENCE_US + 100])).toEqual([true, true]);
});

test('a flow is bulk from its first super-segment on, and no longer after a second of quiet', () => {
  const flight = new Flight({ windowScale: 14, options: { tcpSendBytes: 8 << 20 } });
  flight.opens(WINDOW, WINDOW);
  const { bench } = flight;
  const { link } = bench;
  link.features = FEATURE_TSO4;
  const priorities: number[] = [];
  const transmit = link.transmit.bind(link);
  link.transmit = (packet) => {
    priorities.push(packet.priority);
    return transmit(packet);
  };
  const send = (octets: number): number[] => {
    bench.app.send(new Uint8Array(octets));
    bench.pump();
    bench.acks();
    return priorities.splice(0);
  };
  expect(send(100)).toEqual([PRIORITY_BEST_EFFORT]);
  expect(send(20_000)).toEqual([PRIORITY_BULK]);
  expect(send(100)).toEqual([PRIORITY_BULK]);
  bench.run(4000);
  priorities.splice(0);
  expect(send(100)).toEqual([PRIORITY_BEST_EFFORT]);
});
