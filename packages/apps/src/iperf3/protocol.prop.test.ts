// The wire of iperf3: what is written is read, and what iperf3 3.12 wrote is read as it meant it.

import { fc, test } from '@fast-check/vitest';
import { describe, test as example, expect } from 'vitest';
import { DEFAULT_PARAMETERS, type Parameters, readParameters, writeParameters } from './parameters.ts';
import {
  cookieOctets,
  datagramCount,
  datagramSentMs,
  isHello,
  isReply,
  makeCookie,
  readCookie,
  UDP_HELLO,
  UDP_REPLY,
  writeDatagram,
} from './protocol.ts';
import { readResults, writeResults } from './results.ts';
import { StreamRecord } from './stream-record.ts';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

describe('datagrams', () => {
  test.prop([fc.double({ min: 0, max: 1e12, noNaN: true }), fc.maxSafeNat(), fc.boolean()])(
    'carry their time, to the microsecond, and their count',
    (nowMs, count, wide) => {
      const octets = new Uint8Array(16);
      writeDatagram(octets, nowMs, count, wide);
      expect(Math.abs(datagramSentMs(octets, 0) - nowMs)).toBeLessThan(0.0011);
      expect(datagramCount(octets, 0, wide)).toBe(wide ? count : count % 2 ** 32);
    },
  );

  example('one of iperf3, as strace saw it', () => {
    const octets = bytesOf('0000818a000ad1cd00000009');
    expect(datagramSentMs(octets, 0)).toBeCloseTo(33_162_709.069, 3);
    expect(datagramCount(octets, 0, false)).toBe(9);
  });
});

describe('hello', () => {
  example('is that of 3.12, and that of older ones in either order of octets', () => {
    expect([UDP_HELLO, bytesOf('075bcd15'), bytesOf('15cd5b07')].map((each) => isHello(each, 0))).toEqual([
      true,
      true,
      true,
    ]);
    expect([UDP_REPLY, bytesOf('3ade68b1'), bytesOf('b168de3a')].map((each) => isReply(each, 0))).toEqual([
      true,
      true,
      true,
    ]);
    expect([isHello(UDP_REPLY, 0), isReply(UDP_HELLO, 0)]).toEqual([false, false]);
  });
});

describe('cookies', () => {
  example('ours are like theirs', () => {
    const cookie = makeCookie();
    expect(cookie).toMatch(/^[a-z2-7]{36}$/);
    expect(readCookie(cookieOctets(cookie))).toBe(cookie);
    expect(readCookie(cookieOctets('hklib72vscizvu4ec47e4vgrdjbsd533d7hx'))).toBeDefined();
  });

  test.prop([fc.uint8Array({ minLength: 37, maxLength: 37 })])('other octets are none', (octets) => {
    octets[36] |= 1;
    expect(readCookie(octets)).toBeUndefined();
  });
});

describe('parameters', () => {
  const some: fc.Arbitrary<Parameters> = fc
    .record({
      udp: fc.boolean(),
      seconds: fc.nat(86_400),
      omitSeconds: fc.nat(60),
      bytes: fc.maxSafeNat(),
      blocks: fc.maxSafeNat(),
      parallel: fc.integer({ min: 1, max: 128 }),
      reverse: fc.boolean(),
      bidirectional: fc.boolean(),
      blockBytes: fc.integer({ min: 16, max: 65_507 }),
      bitrate: fc.maxSafeNat(),
      burst: fc.nat(1000),
      tos: fc.nat(255),
      mss: fc.constantFrom(0, 88, 1460, 9216),
      windowBytes: fc.nat(1 << 29),
      congestion: fc.option(fc.constantFrom('cubic', 'vegas'), { nil: undefined }),
      getServerOutput: fc.boolean(),
      wideCounters: fc.boolean(),
    })
    .map((each) => ({ ...DEFAULT_PARAMETERS, ...each }));

  test.prop([some])('what a client writes a server reads', (parameters) => {
    const json: unknown = JSON.parse(JSON.stringify(writeParameters(parameters, '3.12')));
    expect(readParameters(json)).toEqual(parameters);
  });

  test.prop([fc.jsonValue()])('any JSON is parameters or a line', (json) => {
    const read = readParameters(json);
    if (typeof read === 'string') expect(read).toMatch(/^.{5,200}$/s);
    else expect(read.parallel).toBeGreaterThan(0);
  });

  test.prop([fc.jsonValue()])('any JSON is results or a line', (json) => {
    expect(['string', 'object']).toContain(typeof readResults(json));
  });
});

example('-1 is written by 3.12 as 2^64 - 1, and by us as it is', () => {
  const stream = '"bytes":5,"jitter":0.5,"errors":1,"packets":7,"start_time":0,"end_time":2.5';
  const theirs = `{"streams":[{"id":1,"retransmits":18446744073709551615,${stream}}]}`;
  const read = readResults(JSON.parse(theirs));
  if (typeof read === 'string') throw new Error(read);
  expect(read.streams.get(1)).toEqual({
    ...{ bytes: 5, retransmits: -1, jitterS: 0.5, lost: 1, packets: 7, seconds: 2.5 },
  });
  const ours = writeResults(
    { cpu: { total: 1, user: 1, system: 0 }, congestion: undefined, hasRetransmits: -1 },
    [new StreamRecord(0, false)],
  );
  expect(ours.streams).toEqual([expect.objectContaining({ id: 1, retransmits: -1 })]);
});
