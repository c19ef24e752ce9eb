// The flags of tun-iperf3: what they ask for, and what they refuse.

import { describe, expect, test } from 'vitest';
import { readFlags } from '../cli.ts';
import { IPERF_FLAGS, intervalFlag, parametersFrom, roleFlag } from './flags.ts';
import { DEFAULT_PARAMETERS } from './parameters.ts';

const given = (line: string) => readFlags(line === '' ? [] : line.split(' '), IPERF_FLAGS, 0);
const asked = (line: string) => {
  const flags = given(line);
  roleFlag(flags);
  intervalFlag(flags);
  return parametersFrom(flags);
};

describe('what a client asks for', () => {
  test('nothing said: ten seconds by TCP', () => {
    expect(asked('-c 10.0.0.1')).toEqual(DEFAULT_PARAMETERS);
  });

  test('UDP: a megabit a second, in datagrams that fit the path', () => {
    expect(asked('-c 10.0.0.1 -u')).toMatchObject({ udp: true, bitrate: 1e6, blockBytes: 0, seconds: 10 });
    expect(asked('-c 10.0.0.1 -u -b 0')).toMatchObject({ bitrate: 0 });
  });

  test.each([
    ['-n 1.5M', { bytes: 1_572_864, seconds: 0 }],
    ['-k 2K', { blocks: 2048, seconds: 0 }],
    ['-b 2.5M/8', { bitrate: 2_500_000, burst: 8 }],
    ['-l 64K -w 1M', { blockBytes: 65_536, windowBytes: 1 << 20 }],
    ['-P 8 -R -N -O 2 -t 5', { parallel: 8, reverse: true, noDelay: true, omitSeconds: 2, seconds: 5 }],
    ['-S 0x20', { tos: 32 }],
    ['-S 050', { tos: 40 }],
  ])('%s', (line, parameters) => {
    expect(asked(`-c 10.0.0.1 ${line}`)).toMatchObject(parameters);
  });
});

test.each([
  ['', /be a server \(-s\), or a client of one \(-c ADDR\)/],
  ['-s -c 10.0.0.1', /be a server/],
  ['-c localhost', /-c takes an IPv4 address, not 'localhost'/],
  ['-c 10.0.0.1 -1', /--one-off is for a server/],
  ['-s -u', /--udp is the client's to say/],
  ['-c 10.0.0.1 -t 1 -n 1M', /one end of the test: -t, -n or -k/],
  ['-c 10.0.0.1 -t 0', /--time takes a number from 1/],
  ['-c 10.0.0.1 -R --bidir', /--reverse or --bidir, not both/],
  ['-c 10.0.0.1 -b fast', /--bitrate takes bits a second, as 10M or 10M\/8, not 'fast'/],
  ['-c 10.0.0.1 -b 1M/x', /--bitrate/],
  ['-c 10.0.0.1 -u -l 70000', /--length takes 16 to 65507 octets/],
  ['-c 10.0.0.1 -l 2M', /--length takes 1 to 1048576 octets/],
  ['-c 10.0.0.1 -n 0', /--bytes takes a number with K, M or G/],
  ['-c 10.0.0.1 -P 129', /--parallel takes a number from 1 to 128/],
  ['-c 10.0.0.1 -C vegas', /--congestion takes cubic, reno, bbr, not 'vegas'/],
  ['-c 10.0.0.1 -S 256', /--tos takes 0 to 255/],
  ['-c 10.0.0.1 -i 0.05', /--interval takes 0, or 0\.1 to 60/],
  ['-c 10.0.0.1 --sctp', /Unknown option '--sctp'; --help/],
])('%s: refused in one line', (line, message) => {
  expect(() => asked(line)).toThrow(message);
});
