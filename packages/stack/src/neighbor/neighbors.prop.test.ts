// RFC 826's merge rule against a model of a few lines: who is known is corrected, who is not is learned by asking us.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { ALL_STATIONS, arpFrame, OUR_STATION, stackOnEthernet } from '../testing/index.ts';

const STATIONS = ['02:00:00:00:00:01', '02:00:00:00:00:03', '02:00:00:00:00:04'];
const ADDRESSES = ['10.0.0.1', '10.0.0.3', '10.0.0.4', '10.0.0.5'];

const step = fc.record({
  operation: fc.constantFrom(1, 2),
  station: fc.constantFrom(...STATIONS),
  sender: fc.constantFrom(...ADDRESSES),
  target: fc.constantFrom('10.0.0.2', '10.0.0.77', ...ADDRESSES),
  broadcast: fc.boolean(),
  afterMs: fc.constantFrom(0, 1, 400, 999, 1001, 60_000),
});

// R826.2
property.prop([fc.array(step, { maxLength: 60 })])(
  'the table is what the merge rule and the lock of a second make of what was heard',
  (steps) => {
    const bench = stackOnEthernet();
    const model = new Map<string, { station: string; saidMs: number }>();
    let nowMs = 0;
    for (const { operation, station, sender, target, broadcast, afterMs } of steps) {
      bench.pass(afterMs);
      nowMs += afterMs;
      const to = broadcast ? ALL_STATIONS : OUR_STATION;
      const answers = bench.exchange(arpFrame({ operation, station, sender, target, to }));
      const asked = operation === 1 && target === '10.0.0.2';
      const known = model.get(sender);
      const locked = known !== undefined && known.station !== station && nowMs - known.saidMs < 1000;
      if ((known !== undefined || asked) && !locked) model.set(sender, { station, saidMs: nowMs });
      expect(answers.length).toBe(asked ? 1 : 0);
      const listed = bench.stack.ethernet.list().map(({ address, etherAddress }) => [address, etherAddress]);
      expect(new Map(listed as [string, string][])).toEqual(
        new Map([...model].map(([address, entry]) => [address, entry.station])),
      );
    }
    expect(bench.pool.inUse).toBe(0);
  },
);

const traffic = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('send' as const), to: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ what: fc.constant('answer' as const), to: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ what: fc.constant('pass' as const), to: fc.constantFrom(1, 500, 5000, 50_000) }),
    fc.record({ what: fc.constant('room' as const), to: fc.integer({ min: 0, max: 3 }) }),
  ),
  { maxLength: 80 },
);

// R1122.35
property.prop([traffic])(
  'each datagram leaves once and in order, or is dropped and counted; at most one request a second asks for a neighbour',
  (script) => {
    const bench = stackOnEthernet({ options: { neighborPendingMax: 3 } });
    const sockets = ADDRESSES.map((address) => {
      const socket = bench.stack.udpSocket({});
      socket.connect(address, 7);
      return socket;
    });
    let queued = 0;
    let number = 0;
    const sent: (readonly [to: string, number: number])[] = [];
    const asked = new Map<string, number>();
    const begin = bench.clock.ms;
    const take = (frames: ReturnType<typeof bench.exchange>): void => {
      for (const { arp, payload } of frames) {
        if (arp === undefined) {
          sent.push([payload.subarray(16, 20).join('.'), (payload[28] << 8) | payload[29]]);
          continue;
        }
        const at = (bench.clock.ms - begin) | 0;
        const before = asked.get(arp.target);
        if (before !== undefined) expect(at - before).toBeGreaterThanOrEqual(0);
        asked.set(arp.target, at);
      }
    };
    for (const { what, to } of script) {
      if (what === 'send') {
        number++;
        const whole = sockets[to].send(Uint8Array.of(number >> 8, number & 255));
        if (whole !== undefined) queued++;
        take(bench.exchange());
      } else if (what === 'answer') take(bench.answer(ADDRESSES[to], STATIONS[0]));
      else if (what === 'pass')
        for (let left = to; left > 0; left -= 500) take(bench.pass(Math.min(left, 500)));
      else {
        bench.link.makeRoom(to);
        take(bench.exchange());
      }
    }
    bench.link.makeRoom(1000);
    take(bench.exchange());
    take(bench.pass(10_000));
    for (const address of ADDRESSES) {
      const numbers = sent.filter(([to]) => to === address).map(([, n]) => n);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    }
    expect(sent.length).toBeLessThanOrEqual(queued);
    bench.stack.close();
    expect(bench.pool.inUse).toBe(0);
  },
);
