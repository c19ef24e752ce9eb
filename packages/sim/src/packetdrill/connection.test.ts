// The numbers of a script and those of the wire.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Connection } from './connection.ts';

const fresh = (): Connection =>
  new Connection('tcp', {
    localIp: '192.168.0.1',
    remoteIp: '192.0.2.1',
    localPort: 8080,
    remotePort: 35_001,
  });
const word = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff_ffff });

property.prop([word(), word(), word()])('every number has its way there and back', (live, script, number) => {
  const connection = fresh();
  expect(connection.remoteToScript(connection.remoteToLive(number))).toBe(number);
  connection.learnLocalIsn(live, script);
  expect(connection.localToLive(script)).toBe(live);
  expect(connection.localToScript(connection.localToLive(number))).toBe(number);
});

property.prop([word(), word(), fc.nat(100_000)])(
  'timestamps of ours count from the first',
  (live, script, ms) => {
    const connection = fresh();
    connection.learnStamp(live, script);
    expect(connection.stampToScript((live + ms) >>> 0)).toBe((script + ms) >>> 0);
  },
);

test('an echo is what the stamp of that name was, a name nobody used counts from the first, and 0 is none', () => {
  const connection = fresh();
  connection.learnStamp(5000, 100);
  connection.learnStamp(5037, 200);
  expect([100, 200, 150, 0].map((stamp) => connection.stampToLive(stamp))).toEqual([5000, 5037, 5050, 0]);
});

test('our ISN is learned once, and again after a SYN with another number', () => {
  const connection = fresh();
  connection.sendsSyn(0);
  connection.learnLocalIsn(1000, 0);
  connection.sendsSyn(0);
  connection.learnLocalIsn(9000, 0);
  expect(connection.localToScript(1001)).toBe(1);
  connection.sendsSyn(7);
  connection.learnLocalIsn(9000, 0);
  expect(connection.localToScript(9001)).toBe(1);
});
