// The share of one drain: a bulk flow leaves in pieces between which what arrives is read.

import { expect, test } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { readTcpFrame } from '../../testing/tcp-frames.ts';
import { Flight, MSS } from '../loss/testing/flight.ts';

const SHARE = 128 << 10;
const WINDOW = 3000 * MSS;

test('one drain sends its share, and what arrives meanwhile is acknowledged by the next', () => {
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
