// The verdict and its lines, and that the addon agrees with the machine's libuv where its header is there.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { describeErrno, hintFor, TunError } from './errors.ts';
import { formatPreflight, preflight } from './preflight.ts';
import { run } from './testing/command.ts';
import { requireTun } from './testing/require-tun.ts';

describe('preflight', () => {
  test.skipIf(requireTun())('all is well here', () => {
    const { ok, checks } = preflight();
    expect(ok).toBe(true);
    expect(checks.map((check) => check.name)).toEqual([
      'linux',
      'addon',
      'device',
      'open',
      'net-admin',
      'netns',
      'tun',
    ]);
  });

  test('a bad verdict prints its remedy under its check', () => {
    const checks = [
      { name: 'open', ok: false, detail: '/dev/net/tun: EACCES', remedy: 'chmod', required: true },
    ];
    expect(formatPreflight({ ok: false, checks })).toEqual([
      'FAIL open      /dev/net/tun: EACCES',
      '               try: chmod',
    ]);
  });
});

describe('errors', () => {
  test('every remedy is one line, for every call and code', () => {
    const calls = [
      'open',
      'open(netns)',
      'setns',
      'unshare(CLONE_NEWNET)',
      'write(uid_map)',
      'ioctl(TUNSETIFF)',
    ];
    calls.push('ioctl(TUNSETOFFLOAD)', 'rtnetlink(RTM_NEWADDR)', 'rtnetlink(RTM_GETLINK)', 'read', 'fork');
    for (const call of calls) {
      for (const errno of [1, 2, 5, 6, 11, 12, 13, 16, 17, 19, 22, 24, 28, 36, 77, 87, 9999]) {
        expect(hintFor(describeErrno(errno)[0], call)).toMatch(/^[^\n]{8,}$/);
      }
    }
  });

  test('an error says all it knows', () => {
    const error = new TunError(13, 'open', { path: '/dev/net/tun' });
    expect(error).toMatchObject({
      code: 'EACCES',
      errno: 13,
      syscall: 'open',
      path: '/dev/net/tun',
      name: 'TunError',
    });
    expect(error.message).toBe(`open /dev/net/tun: EACCES, permission denied; ${error.hint}`);
    expect(new TunError(77, 'write')).toMatchObject({ code: 'EBADFD' });
    expect(new TunError(9999, 'write')).toMatchObject({ code: 'errno 9999' });
  });
});

describe('uv_min.h', () => {
  const include = [
    '/usr/include/node',
    fileURLToPath(new URL('../include/node', `file://${process.execPath}`)),
  ].find((folder) => existsSync(`${folder}/uv.h`));

  test.skipIf(include === undefined)('agrees with the real uv.h', async () => {
    const source = fileURLToPath(new URL('./native/uv_check.cc', import.meta.url));
    const { code, stderr } = await run([
      'g++',
      '-std=c++17',
      '-fsyntax-only',
      '-I',
      include as string,
      source,
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});
