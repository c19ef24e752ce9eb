import { describe, expect, test } from 'vitest';
import { wr32 } from './bytes.ts';
import * as wire from './tcp-options.ts';
import { TCP_SYN_OF_LINUX } from './testing/captures.ts';
import { hex } from './testing/hex.ts';

const NONE = {
  mss: 0,
  windowScale: -1,
  sackPermitted: false,
  timestamps: false,
  tsVal: 0,
  tsEcr: 0,
  sackCount: 0,
  sackAt: 0,
};

function parsed(octets: Uint8Array): [boolean, object] {
  const into = new wire.TcpOptions();
  const good = wire.parseTcpOptions(octets, 0, octets.length, into);
  return [good, into];
}

/** The options of an object made anew differ from NONE in these fields. */
const found = (fields: object): object => ({ ...NONE, ...fields });

describe('parseTcpOptions', () => {
  test.each([
    ['no octets', '', {}],
    [
      'a SYN of Linux',
      '0204 05b4 0402 080a 1111 2222 0000 0000 0103 0307',
      {
        mss: 1460,
        sackPermitted: true,
        timestamps: true,
        tsVal: 0x1111_2222,
        windowScale: 7,
      },
    ],
    [
      'timestamps, aligned',
      '0101 080a 8000 0001 ffff fffe',
      { timestamps: true, tsVal: -0x7fff_ffff, tsEcr: -2 },
    ],
    ['timestamps, then the end', '080a 0000 0001 0000 0002 00 00', { timestamps: true, tsVal: 1, tsEcr: 2 }],
    ['one SACK block', '0101 050a 0000 0001 0000 0002', { sackCount: 1, sackAt: 4 }],
    ['four SACK blocks', `0522 ${'00'.repeat(32)}`, { sackCount: 4, sackAt: 2 }],
    [
      'three SACK blocks behind timestamps',
      `0101 080a 0000 0001 0000 0002 0101 051a ${'00'.repeat(24)}`,
      {
        timestamps: true,
        tsVal: 1,
        tsEcr: 2,
        sackCount: 3,
        sackAt: 16,
      },
    ],
    ['unknown kinds are skipped by their length (MUST-6)', 'fd04 0204 2202 0204 0218', { mss: 536 }],
    ['options at an odd place (MUST-64)', '01 0303 0a 0204 4000', { windowScale: 10, mss: 16_384 }],
    ['a shift above 14 is told as it came', '0303 ff', { windowScale: 255 }],
    ['a shift of 0 is there', '0303 00', { windowScale: 0 }],
    ['behind EOL nothing counts', '0000 0204 05b4 0303', {}],
    ['the last of two counts', '0204 05b4 0204 0200 0303 01 0303 02', { mss: 512, windowScale: 2 }],
    [
      'the last of two timestamps counts',
      '080a 0000 0001 0000 0002 080a 0000 0003 0000 0004',
      {
        timestamps: true,
        tsVal: 3,
        tsEcr: 4,
      },
    ],
    ['an MSS of 3 or 6 octets is none', '0203 05 0206 0000 0000 0303 01', { windowScale: 1 }],
    ['a window scale of 4 octets is none', '0304 0102 0204 0200', { mss: 512 }],
    ['a SACK-permitted of 3 octets is none', '0403 00 0204 0200', { mss: 512 }],
    ['timestamps of 8 octets are none', '0808 0000 0000 0000 0204 0200', { mss: 512 }],
    ['a wrong one does not undo a right one', '0303 07 0304 0102', { windowScale: 7 }],
    ['a SACK option without a block is none', '0502 0204 0200', { mss: 512 }],
    ['a SACK option of half a block is none', '0506 0000 0000 0204 0200', { mss: 512 }],
    ['a SACK option of a block and a half is none', `050e ${'00'.repeat(12)} 0204 0200`, { mss: 512 }],
    ['a SACK option of five blocks is none', `052a ${'00'.repeat(40)} 0204 0200`, { mss: 512 }],
  ])('%s', (_name, octets, fields) => {
    expect(parsed(hex(octets))).toEqual([true, found(fields)]);
  });

  test.each([
    ['a length of 0', '0204 05b4 fd00 0303', { mss: 1460 }],
    ['a length of 1', '0204 05b4 fd01 0303', { mss: 1460 }],
    ['a length of 0 of a known kind', '0200 05b4', {}],
    ['a length past the end', '0402 0204 05', { sackPermitted: true }],
    ['no room for a length', '0402 02', { sackPermitted: true }],
    ['a timestamps option cut short', '0101 080a 0000 0000 0000', {}],
  ])('%s is bad, and what stands before it is read', (_name, octets, fields) => {
    expect(parsed(hex(octets))).toEqual([false, found(fields)]);
  });

  test('nothing is left of the segment before, on either lane', () => {
    const all = hex('0204 05b4 0402 080a 1111 2222 3333 4444 0103 0307 050a 0000 0001 0000 0002');
    const stamps = hex('0101 080a 0000 0001 0000 0002');
    const into = new wire.TcpOptions();
    wire.parseTcpOptions(all, 0, all.length, into);
    expect(into).not.toEqual(NONE);
    wire.parseTcpOptions(stamps, 0, stamps.length, into);
    expect(into).toEqual(found({ timestamps: true, tsVal: 1, tsEcr: 2 }));
    wire.parseTcpOptions(stamps, 0, 0, into);
    expect(into).toEqual(NONE);
  });
});

describe('the options of a SYN stand as Linux writes them', () => {
  test('in a SYN that Linux sent', () => {
    const b = new Uint8Array(20);
    expect(wire.writeSynOptions(b, 0, 0xffd7, true, true, 0x42dc_e9f5, 0, 10)).toBe(20);
    expect(b).toEqual(TCP_SYN_OF_LINUX.slice(40));
  });

  test.each([
    [true, true, 7, '0204 05b4 0402 080a 1111 2222 3333 4444 0103 0307'],
    [true, true, -1, '0204 05b4 0402 080a 1111 2222 3333 4444'],
    [false, true, 7, '0204 05b4 0101 080a 1111 2222 3333 4444 0103 0307'],
    [true, false, 7, '0204 05b4 0101 0402 0103 0307'],
    [true, false, -1, '0204 05b4 0101 0402'],
    [false, false, 0, '0204 05b4 0103 0300'],
    [false, false, -1, '0204 05b4'],
  ])('SACK %s, timestamps %s, shift %i', (sack, timestamps, shift, octets) => {
    const b = new Uint8Array(60).fill(0xaa);
    const end = wire.writeSynOptions(b, 3, 1460, sack, timestamps, 0x1111_2222, 0x3333_4444, shift);
    expect(b.slice(3, end)).toEqual(hex(octets));
    expect(wire.synOptionsLength(sack, timestamps, shift)).toBe(end - 3);
    expect(b.slice(end)).toEqual(new Uint8Array(60 - end).fill(0xaa));
  });
});

test('the writer of SACK leaves the blocks to its caller', () => {
  const b = new Uint8Array(24);
  const at = wire.writeSackOption(b, 2, 2);
  for (let i = 0; i < 4; i++) wr32(b, at + 4 * i, i + 1);
  expect(b).toEqual(hex('0000 0101 0512 0000 0001 0000 0002 0000 0003 0000 0004 0000'));
});
