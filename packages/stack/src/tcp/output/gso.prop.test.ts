// A link for which IP cuts what TCP sends in one (ip4/gso.ts): the segments are those that TCP sends one by one to a link that is
// nothing of the kind.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { FEATURE_GSO } from '../../contract/link.ts';
import { type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';

/** Seq, octets, flags and text of all that left while the peer acknowledged everything, after each of these was given to send. */
function sentWith(
  features: number,
  config: TcpBenchOptions,
  sizes: readonly number[],
  close: boolean,
): string[] {
  const bench = tcpIn('ESTABLISHED', { ...config, options: { tcpSendBytes: 4 << 20 } });
  bench.link.features = features;
  const left: string[] = [];
  const look = (sent: ReturnType<typeof bench.pump>): void => {
    for (const { seq, payload, flags, id, tos } of sent) {
      left.push([seq, payload.length, flags, id, tos, Buffer.from(payload).toString('base64')].join(' '));
    }
  };
  let n = 0;
  for (const size of sizes) {
    bench.app.send(Uint8Array.from({ length: size }, () => n++ * 13));
    look(bench.pump());
    for (let rest = 0; rest < 8; rest++) look(bench.acks());
  }
  if (close) bench.app.end();
  look(bench.pump());
  return left;
}

property.prop([
  fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 3 }),
  fc.boolean(),
  fc.boolean(),
])('the same segments leave, whoever cuts', (sizes, timestamps, close) => {
  const config = { timestamps, sack: true };
  expect(sentWith(FEATURE_GSO, config, sizes, close)).toEqual(sentWith(0, config, sizes, close));
});

property.prop([
  fc.integer({ min: 1, max: 14_600 }),
  fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 }),
])('and whatever room the link has each time, they leave in order, each once', (size, rooms) => {
  const bench = tcpIn('ESTABLISHED', { options: { tcpSendBytes: 4 << 20 } });
  bench.link.features = FEATURE_GSO;
  bench.app.noDelay = true;
  const given = Uint8Array.from({ length: size }, (_, i) => (i * 7) ^ (i >> 8));
  bench.app.send(given);
  const left: Buffer[] = [];
  let next = 1;
  for (const room of [...rooms, 100]) {
    bench.link.makeRoom(room);
    for (const { seq, payload } of bench.pump()) {
      expect(seq).toBe(next);
      next += payload.length;
      left.push(Buffer.from(payload));
    }
  }
  expect(Buffer.concat(left).equals(given)).toBe(true);
});
