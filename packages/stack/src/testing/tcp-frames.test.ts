// The bench's TCP frames: what is built is what is read, and each law of sending is seen when it is broken.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { craftTcp, repairChecksums } from '../wire/craft.ts';
import { TCP_ACK, TCP_FIN, TCP_SYN } from '../wire/tcp.ts';
import { TCP_HELLO, TCP_SYN_OF_LINUX } from '../wire/testing/captures.ts';
import { octets, PEER, US, udpFrame } from './frames.ts';
import { readTcpFrame, tcpFrame } from './tcp-frames.ts';

const SYN_OPTIONS = [2, 4, 5, 180, 4, 2, 8, 10, 128, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7];

test('a frame is an ACK from PEER:4000 to US:7 unless said otherwise', () => {
  const frame = tcpFrame({ ipFlags: 0 });
  const ends = { source: PEER, destination: US, sourcePort: 4000, destinationPort: 7 };
  expect(frame).toEqual(craftTcp(ends));
  expect(readTcpFrame(tcpFrame({})).ipFlags).toBe(0x4000);
});

test('every field is read as it was given', () => {
  const said = {
    sport: 1,
    dport: 2,
    seq: -3,
    ack: 0x7fff_ffff,
    window: 6,
    urgent: 7,
    tos: 8,
    ttl: 9,
    id: 10,
  };
  const ends = { src: '10.0.0.7', dst: '10.0.0.8' };
  const flags = TCP_SYN | TCP_ACK;
  const frame = tcpFrame({ ...said, ...ends, flags, ipFlags: 0x4000, options: SYN_OPTIONS }, octets(5));
  expect(readTcpFrame(frame)).toEqual({
    ...said,
    ...ends,
    flags,
    ipFlags: 0x4000,
    header: 40,
    mss: 1460,
    windowScale: 7,
    sackPermitted: true,
    timestamps: true,
    tsVal: -0x7fff_ffff,
    tsEcr: 2,
    sack: [],
    options: Uint8Array.from(SYN_OPTIONS),
    payload: octets(5),
  });
});

test('SACK blocks are read as int32, options of IPv4 are passed', () => {
  const options = [1, 1, 5, 18, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 2, 128, 0, 0, 0];
  const frame = tcpFrame({ options, ipOptions: [1, 1, 1] });
  expect([...frame.slice(20, 24)]).toEqual([1, 1, 1, 0]);
  const read = readTcpFrame(frame);
  expect(read.sack).toEqual([
    [-1, 1],
    [2, -0x8000_0000],
  ]);
});

test('segments of Linux are sent by these laws', () => {
  const [syn, hello] = [TCP_SYN_OF_LINUX, TCP_HELLO].map((b) => b.slice());
  expect(() => readTcpFrame(syn)).toThrow('TCP checksum');
  repairChecksums(syn);
  repairChecksums(hello);
  expect(readTcpFrame(syn)).toMatchObject({
    flags: TCP_SYN,
    mss: 0xffd7,
    windowScale: 10,
    sackPermitted: true,
  });
  expect(readTcpFrame(hello)).toMatchObject({ mss: 0, windowScale: -1, timestamps: true });
});

describe('a law of sending that is broken is seen', () => {
  const syn = TCP_SYN;
  test.each([
    ['the TCP checksum', tcpFrame({ checksum: 1 }), 'TCP checksum'],
    ['the TCP checksum with a payload', tcpFrame({ checksum: 0 }, octets(3)), 'TCP checksum'],
    ['a data offset below 5', tcpFrame({ dataOffset: 4 }), 'data offset'],
    ['a data offset past the end', tcpFrame({ dataOffset: 6 }), 'data offset'],
    ['an IPv4 header that was changed', tcpFrame({}).with(9, 17), 'IPv4 check'],
    ['another protocol', udpFrame({}, octets(20)), 'frame is TCP'],
    ['two datagrams in a frame', Uint8Array.of(...tcpFrame({}), 0), 'one datagram'],
    ['padding behind EOL', tcpFrame({ options: [0, 0, 1, 0] }), 'MUST-69'],
    ['MSS without SYN', tcpFrame({ options: [2, 4, 5, 180] }), 'MUST-65'],
    ['MSS with FIN', tcpFrame({ flags: TCP_FIN | TCP_ACK, options: [2, 4, 5, 180] }), 'MUST-65'],
    ['window scale without SYN', tcpFrame({ options: [1, 3, 3, 7] }), 'RFC 7323 2.2'],
    ['SACK-permitted without SYN', tcpFrame({ options: [1, 1, 4, 2] }), 'RFC 2018'],
    ['a shift of 15', tcpFrame({ flags: syn, options: [1, 3, 3, 15] }), 'at most 14'],
    ['an option twice', tcpFrame({ flags: syn, options: [2, 4, 5, 180, 2, 4, 5, 180] }), 'once'],
    ['a length past the end', tcpFrame({ options: [1, 8, 10, 0] }), 'length within the header'],
    ['an MSS of 3 octets', tcpFrame({ flags: syn, options: [2, 3, 5, 1] }), '4 octets'],
    ['a window scale of 4 octets', tcpFrame({ flags: syn, options: [3, 4, 5, 1] }), '3 octets'],
    ['a SACK-permitted of 3 octets', tcpFrame({ flags: syn, options: [4, 3, 5, 1] }), '2 octets'],
    ['SACK without a block', tcpFrame({ options: [1, 1, 5, 2] }), '1 to 4 blocks'],
    ['timestamps of 6 octets', tcpFrame({ options: [1, 1, 8, 6, 0, 0, 0, 0] }), '10 octets'],
  ])('%s', (_name, frame, law) => {
    expect(() => readTcpFrame(frame)).toThrow(law);
  });

  test('reserved bits', () => {
    const frame = tcpFrame({});
    frame[32] |= 1;
    repairChecksums(frame);
    expect(() => readTcpFrame(frame)).toThrow('reserved bits');
  });

  property.prop([fc.nat({ max: 24 }), fc.integer({ min: 1, max: 255 })])(
    'any octet that is changed',
    (at, noise) => {
      const frame = tcpFrame({ seq: 1 }, octets(5));
      frame[20 + at] ^= noise;
      expect(() => readTcpFrame(frame)).toThrow('TCP checksum');
    },
  );
});
