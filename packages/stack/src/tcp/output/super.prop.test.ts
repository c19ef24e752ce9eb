// How large a super-segment may be: never more than the windows, a burst of pacing, half of the congestion window and half of the
// peer's queue let, at any MTU; and always whole segments.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { type Sent, tcpIn } from '../../testing/tcp-bench.ts';

const WINDOW_SHIFT = 7;
/** IP and TCP, without options. */
const HEADERS = 40;

/** A peer that offers `window` octets and acknowledges all it got, so many round trips long: each super-segment, and what it breaks. */
function breaches(mtu: number, window: number, rateBytes: number, sizes: readonly number[]): string[] {
  const mss = mtu - HEADERS;
  const bench = tcpIn('ESTABLISHED', {
    mtu,
    mss,
    windowScale: WINDOW_SHIFT,
    window: window >> WINDOW_SHIFT,
    options: { tcpSendBytes: 8 << 20, tcpCongestion: 'reno', tcpPacing: false },
  });
  bench.link.features = FEATURE_TSO4;
  const { known: tcb } = bench;
  const broken: string[] = [];
  let last = bench.sndUna;
  let asked = last;
  const look = (sent: readonly Sent[], cwnd: number, una: number): void => {
    let pipe = last - una;
    for (const { seq, payload } of sent) {
      const { length } = payload;
      if (length === 0) continue;
      const say = (what: string): void => void broken.push(`${what}: ${length} of ${cwnd} ${window} ${mss}`);
      if (seq !== last) say(`place ${seq}, not ${last}`);
      last = seq + length;
      pipe += length;
      if (length > 65_535 - HEADERS) say('longer than a datagram');
      if (length > mss && length % mss !== 0 && last !== asked) say('not whole segments');
      if (length <= mss) continue;
      if (pipe > cwnd) say('beyond the congestion window');
      if (last > una + ((window >> WINDOW_SHIFT) << WINDOW_SHIFT)) say('beyond the window');
      if (length > cwnd / 2) say('more than half the congestion window');
      if (length > window / 2) say('more than half the queue of the peer');
      if (rateBytes > 0 && length > Math.max(2 * mss, rateBytes / 1000)) say('more than a burst');
    }
  };
  for (const size of sizes) {
    bench.app.send(new Uint8Array(size));
    asked += size;
    for (let turn = 0; turn < 4; turn++) {
      if (rateBytes > 0 && tcb.controller !== undefined)
        Object.assign(tcb.controller, { pacingRate: rateBytes });
      const una = bench.sndUna;
      look(bench.pump(), tcb.cwnd, una);
      look(bench.run(3), tcb.cwnd, una);
      const cwnd = (): number => tcb.cwnd;
      look(bench.acks(last), cwnd(), last);
    }
  }
  return broken;
}

property.prop([
  fc.constantFrom(1500, 9000, 65_535),
  fc.integer({ min: 16, max: 20 }).map((log) => 2 ** log),
  fc.constantFrom(0, 0, 20_000_000, 200_000_000),
  fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 8 }),
])(
  'a super-segment exceeds neither window, nor half of them, nor a burst, and is made of whole segments',
  (mtu, window, rateBytes, sizes) => {
    expect(breaches(mtu, window, rateBytes, sizes)).toEqual([]);
  },
);

property.prop([fc.constantFrom([1500, 44], [9000, 7], [65_535, 1])])(
  'where nothing limits it, it is as long as whole segments can be in one datagram',
  ([mtu, segments]) => {
    const bench = tcpIn('ESTABLISHED', {
      mtu,
      mss: mtu - HEADERS,
      windowScale: 14,
      options: { tcpSendBytes: 8 << 20, tcpPacing: false },
    });
    bench.link.features = FEATURE_TSO4;
    bench.app.send(new Uint8Array(1));
    bench.pump();
    bench.acks();
    const { known: tcb } = bench;
    Object.assign(tcb.controller!, { cwnd: 4 << 20 });
    tcb.cwnd = 4 << 20;
    bench.app.send(new Uint8Array(1 << 20));
    const sent = bench.pump().map(({ payload }) => payload.length);
    expect(Math.max(...sent)).toBe(segments * (mtu - HEADERS));
  },
);
