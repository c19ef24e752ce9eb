// What SYNs say and teach: RFC 9293 3.1, 3.2, 3.7.1; RFC 7323 2.2, 2.3; RFC 2018 section 2.

import { describe, expect, test } from 'vitest';
import { type TcpBenchOptions, tcpIn } from '../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_SYN } from '../wire/tcp.ts';
import { windowScaleFor } from './synchronize.ts';

const SYN_ACK = TCP_SYN | TCP_ACK;

/** The SYN,ACK that answers a peer whose SYN has these options, and the connection after it. */
function accepted(config: TcpBenchOptions, options?: readonly number[]) {
  const bench = tcpIn('LISTEN', config);
  bench.peer.sndNxt = 1;
  const [syn] = bench.segment({ seq: 0, flags: TCP_SYN, ...(options !== undefined && { options }) });
  bench.acks();
  return { bench, syn };
}

/** The sizes of the segments that `octets` octets leave in. */
function sizes(config: TcpBenchOptions, octets: number): number[] {
  const bench = tcpIn('ESTABLISHED', config);
  bench.app.send(new Uint8Array(octets));
  return bench.pump().map(({ payload }) => payload.length);
}

describe('the MSS option', () => {
  test.each([
    [1500, 1460],
    [9000, 8960],
    [65_535, 65_495],
    [576, 536],
  ])('MUST-14, MUST-67, SHLD-5, SHLD-6: over an MTU of %i each SYN says %i', (mtu, mss) => {
    const active = tcpIn('CLOSED', { mtu });
    expect(active.connect()[0].mss).toBe(mss);
    expect(accepted({ mtu }).syn.mss).toBe(mss);
  });

  // MAY-3: nothing else would be known to have been said.
  test('it is sent although it is the default', () => {
    expect(accepted({ mtu: 576 }).syn.mss).toBe(536);
  });

  test('SHLD-6: what is said is what the link takes, not what a router once told of the way out', () => {
    const bench = tcpIn('LISTEN');
    bench.link.setMtu(1280);
    bench.peer.sndNxt = 1;
    expect(bench.segment({ seq: 0, flags: TCP_SYN })[0].mss).toBe(1240);
  });

  test.each(['active', 'passive'] as const)(
    'MUST-14: what the peer says limits our segments (%s)',
    (open) => {
      expect(sizes({ open, mss: 1000 }, 2500)).toEqual([1000, 1000, 500]);
    },
  );

  test.each(['active', 'passive'] as const)('MUST-15: a peer that says nothing takes 536 (%s)', (open) => {
    expect(sizes({ open, mss: false }, 1072)).toEqual([536, 536]);
  });

  // R1122.32
  test('MUST-16: it is the smaller of what the peer takes and the path allows', () => {
    expect(sizes({ mss: 9000 }, 2920)).toEqual([1460, 1460]);
    expect(sizes({ mss: 1460, mtu: 1000 }, 1920)).toEqual([960, 960]);
  });

  test('MUST-16: timestamps are taken off what a segment may carry', () => {
    expect(sizes({ mss: 1460, timestamps: true }, 2896)).toEqual([1448, 1448]);
    expect(sizes({ mss: 536, timestamps: true }, 1048)).toEqual([524, 524]);
  });

  test('MUST-65: it is in no segment but a SYN, and a peer that says it elsewhere is not heard', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.segment({ options: [2, 4, 1, 0] });
    bench.app.send(new Uint8Array(1460));
    const sent = bench.pump();
    expect(sent.map(({ mss, payload }) => [mss, payload.length])).toEqual([[0, 1460]]);
  });

  test.each([0, 1, 47])('a peer that says %i makes us send no crumbs', (mss) => {
    expect(Math.min(...sizes({ mss }, 480))).toBeGreaterThanOrEqual(48);
  });
});

describe('window scale', () => {
  test.each([
    [1, 0],
    [65_535, 0],
    [65_536, 1],
    [6 << 20, 7],
    [65_535 * 2 ** 14, 14],
    [2 ** 31, 14],
  ])('a buffer of %i octets needs a shift of %i, and 14 is the most (RFC 7323 2.3)', (limit, shift) => {
    expect(windowScaleFor(limit)).toBe(shift);
  });

  // R7323.1
  test('it is offered in a SYN, and in the answer to a SYN that offers it only', () => {
    expect(tcpIn('CLOSED').connect()[0].windowScale).toBe(7);
    expect(accepted({ windowScale: 3 }).syn.windowScale).toBe(7);
    const { bench, syn } = accepted({});
    expect(syn.windowScale).toBe(-1);
    expect(bench.app.status().windowScale).toEqual([0, 0]);
  });

  // R7323.2
  test('a shift above 14 is taken for 14 (RFC 7323 2.3)', () => {
    expect(accepted({ windowScale: 15 }).bench.app.status().windowScale[0]).toBe(14);
    expect(accepted({ windowScale: 255 }).bench.app.status().windowScale[0]).toBe(14);
  });

  // R7323.3
  test('the window of a SYN is not scaled, that of every other segment is (RFC 7323 2.2)', () => {
    const bench = tcpIn('SYN-SENT', { windowScale: 4 });
    bench.peer.sndNxt = 1;
    const [ack] = bench.segment({ seq: 0, flags: SYN_ACK, window: 1000 });
    expect(bench.app.status().sndWnd).toBe(1000);
    expect(ack.window).toBe(131_072 >> 7);
    bench.acks(1, 1000);
    expect(bench.app.status().sndWnd).toBe(16_000);
  });

  // REC-1
  test('MUST-1, REC-1: a window of 65535 with a shift of 14 is 2^30 - 2^14 octets, and not negative', () => {
    const bench = tcpIn('ESTABLISHED', { windowScale: 14, window: 65_535 });
    expect(bench.app.status().sndWnd).toBe(65_535 * 2 ** 14);
  });

  test('MUST-1: an unscaled window above 32767 is as large as it says', () => {
    const bench = tcpIn('ESTABLISHED', { window: 0xffff });
    expect(bench.app.status().sndWnd).toBe(65_535);
    bench.acks(1, 0x8000);
    expect(bench.app.status().sndWnd).toBe(32_768);
  });
});

describe('timestamps and SACK', () => {
  // R7323.10
  test('they are offered in a SYN, and in the answer to one that offers them only', () => {
    expect(tcpIn('CLOSED').connect()[0]).toMatchObject({ timestamps: true, sackPermitted: true, tsEcr: 0 });
    const plain = accepted({});
    expect(plain.syn).toMatchObject({ timestamps: false, sackPermitted: false });
    const both = accepted({ timestamps: true, sack: true });
    expect(both.syn).toMatchObject({ timestamps: true, sackPermitted: true, tsEcr: 0x7fff_fff0 });
  });

  test.each([
    ['tcpTimestamps', 'timestamps', false],
    ['tcpSack', 'sackPermitted', false],
    ['tcpWindowScaling', 'windowScale', -1],
  ] as const)('%s switched off is not offered, nor agreed to', (option, field, none) => {
    const options = { [option]: false };
    expect(tcpIn('CLOSED', { options }).connect()[0][field]).toBe(none);
    const peer = { timestamps: option !== 'tcpTimestamps', sack: true, windowScale: 2 };
    expect(accepted({ options, ...peer }).syn[field]).toBe(none);
  });

  // R7323.4
  test.each(['active', 'passive'] as const)(
    'once agreed, every segment but a RST has timestamps (%s)',
    (open) => {
      const bench = tcpIn('ESTABLISHED', { open, timestamps: true });
      const sent = bench.sends(Uint8Array.of(1, 2, 3));
      bench.app.send(new Uint8Array(3000));
      sent.push(...bench.pump(), ...bench.run(1000));
      bench.app.end();
      sent.push(...bench.pump());
      expect(sent.length).toBeGreaterThan(4);
      expect(sent.every(({ timestamps }) => timestamps)).toBe(true);
    },
  );

  // R2018.1, R7323.1
  test.each(['active', 'passive'] as const)(
    'in no segment but a SYN is SACK permitted or a scale said (%s)',
    (open) => {
      const bench = tcpIn('ESTABLISHED', { open, sack: true, windowScale: 7, timestamps: true });
      const sent = bench.sends(Uint8Array.of(1, 2, 3));
      bench.app.send(new Uint8Array(3000));
      sent.push(...bench.pump(), ...bench.segment({ seq: 10 }, Uint8Array.of(1)), ...bench.run(1000));
      bench.app.close();
      sent.push(...bench.pump());
      expect(sent.length).toBeGreaterThan(4);
      expect(sent.map(({ sackPermitted, windowScale }) => [sackPermitted, windowScale])).toEqual(
        sent.map(() => [false, -1]),
      );
    },
  );

  test.each(['active', 'passive'] as const)('where it is not agreed, no segment has any (%s)', (open) => {
    const bench = tcpIn('ESTABLISHED', { open });
    const sent = bench.sends(Uint8Array.of(1, 2, 3));
    bench.app.send(new Uint8Array(3000));
    sent.push(...bench.pump());
    expect(sent.map(({ options }) => options.length)).toEqual(sent.map(() => 0));
  });
});

describe('options as they come', () => {
  const TEXT = Uint8Array.of(1, 2, 3);
  /** What the application reads of text whose segment has these options. */
  const read = (options: readonly number[]): number[] => {
    const bench = tcpIn('ESTABLISHED');
    bench.segment({ options }, TEXT);
    expect(bench.state()).toBe('ESTABLISHED');
    return bench.read;
  };

  test.each([
    ['none', []],
    ['EOL', [0]],
    ['NOPs', [1, 1, 1, 1]],
    ['EOL before zeros (MUST-69)', [1, 0, 0, 0]],
    ['MSS', [2, 4, 5, 180]],
    // MUST-68: its length says where the next begins.
    ['an unknown option (MUST-6, MUST-68)', [253, 6, 1, 2, 3, 4, 1, 1]],
    ['an unknown one of 2 octets, then one of 38', [254, 2, 253, 38, ...new Array<number>(36).fill(7)]],
  ])('MUST-4, MUST-5: a segment of text may have %s', (_name, options) => {
    expect(read(options)).toEqual([...TEXT]);
  });

  test.each([
    ['length 0', [253, 0, 0, 0]],
    ['length 1', [253, 1, 0, 0]],
    ['a length past the header', [253, 5, 0, 0]],
    ['a kind without a length', [1, 1, 1, 253]],
    ['an MSS of length 0', [2, 0, 5, 180]],
    ['timestamps past the header', [8, 10, 1, 1]],
    ['forty octets of kind 253, length 0', new Array<number>(40).fill(0).with(0, 253)],
  ])('MUST-7: %s ends the options, and the segment counts', (_name, options) => {
    expect(read(options)).toEqual([...TEXT]);
  });

  test.each([
    [[2, 4, 3, 232]],
    [[1, 2, 4, 3, 232]],
    [[1, 1, 2, 4, 3, 232]],
    [[1, 1, 1, 2, 4, 3, 232]],
    [[253, 3, 9, 2, 4, 3, 232]],
  ])('MUST-64, MUST-6: MSS 1000 is read at any alignment: %j', (options) => {
    const { bench } = accepted({}, options);
    expect(bench.app.status().mss).toBe(1000);
  });

  test('MUST-7: what stood before a broken length was said', () => {
    const { bench } = accepted({}, [2, 4, 3, 232, 253, 0, 4, 2]);
    expect(bench.app.status()).toMatchObject({ mss: 1000, sack: false });
  });

  test('MUST-68: of all that is sent, every option but NOP has its length', () => {
    const config = { timestamps: true, sack: true, windowScale: 7 };
    const { bench, syn } = accepted(config);
    const sent = [syn, ...bench.segment({ seq: 3 }, TEXT)];
    bench.app.send(TEXT);
    sent.push(...bench.pump(), ...bench.segment({ seq: 4, flags: TCP_ACK | TCP_FIN }));
    expect(sent.length).toBeGreaterThanOrEqual(3);
    // readTcpFrame asserts the lengths; here it is that there were options to assert it of.
    expect(sent.every(({ options }) => options.length >= 12)).toBe(true);
  });
});
