// How the programs end when something is not as it should be: none hangs, none shows a stack trace.

import { requireTun } from '@tunstack/tun/testing';
import { expect, test } from 'vitest';
import { bin, run } from '../support/namespace.ts';

const lacking = requireTun();

test.skipIf(lacking).each([
  [
    'the address of a network',
    'tun-echo',
    ['--address', '10.9.0.0/24'],
    /--address 10\.9\.0\.0\/24 is no host/,
  ],
  ['the broadcast address', 'tun-ping', ['--address', '10.9.0.255/24'], /10\.9\.0\.255\/24 is no host/],
  [
    'a broadcast address of the kernel',
    'tun-echo',
    ['--host-address', '10.9.0.255/24'],
    /--host-address .* is no host/,
  ],
  [
    'an address that no host has',
    'tun-echo',
    ['--address', '224.0.0.2/24', '--host-address', '224.0.0.1/24'],
    /--address: .*224\.0\.0\.2\/24|224\.0\.0\.1/,
  ],
  ['a negative count', 'tun-ping', ['-c', '-1'], /ambiguous; --help/],
  ['a TTL with a fraction', 'tun-ping', ['-t', '1.5'], /--ttl takes a whole number, not '1\.5'/],
  ['an MTU with a fraction', 'tun-echo', ['--mtu', '1400.5'], /--mtu takes a whole number/],
])('%s is a wrong use, told in one line, and the program ends', async (_, name, args, line) => {
  const result = await run([process.execPath, bin(name), ...args]);
  expect(result.stderr).toMatch(line);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.code).toBe(2);
});

test.skipIf(lacking)('tun-ping ends in order when nobody reads its results any more', async () => {
  const command = `${process.execPath} ${bin('tun-ping')} -c 200 -i 0.05 | head -n 1`;
  const result = await run(['bash', '-o', 'pipefail', '-c', command]);
  expect(result.stderr).toBe('');
  expect(result.code).toBe(0);
});

test.skipIf(lacking)(
  'with --json each line of tun-ping is JSON, also where a request cannot be sent',
  async () => {
    const { stdout } = await run([
      process.execPath,
      bin('tun-ping'),
      ...'--json -c 1 -W 0 255.255.255.255'.split(' '),
    ]);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { sequence: 1, error: expect.stringContaining('EACCES') },
      { transmitted: 1, received: 0, errors: 1 },
    ]);
  },
);
