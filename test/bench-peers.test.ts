// The peers of the benches: a peer that answers falsely is no measure. What is not built here is not fetched for a test.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PORTS, type Server } from '../bench/src/peers/contestant.ts';
import { asSources } from '../bench/src/peers/debian-source.ts';
import { gvisorHostGso, gvisorSoftGso } from '../bench/src/peers/gvisor.ts';
import { lwip } from '../bench/src/peers/lwip.ts';
import { onTun } from '../bench/src/peers/on-tun.ts';
import { CannotBuild } from '../bench/src/peers/peer.ts';
import { smoltcp } from '../bench/src/peers/smoltcp.ts';
import { Child } from '../bench/src/rig/child.ts';
import { nativeProgram } from '../bench/src/rig/native.ts';
import { STACK_ADDRESS } from '../bench/src/rig/tun.ts';
import { root } from './support/namespace.ts';
import { skipWithout } from './support/tcp-checks.ts';

describe('the archives of a Debian, as archives of sources', () => {
  test('a stanza has its types changed, and stays as it is otherwise', () => {
    const stanza =
      'Types: deb deb-src\nURIs: http://archive.example/debian\nSuites: a b\nSigned-By: /k.gpg\n';
    expect(asSources(stanza, false)).toBe(stanza.replace('deb deb-src', 'deb-src'));
  });

  test('of lines those of packages become sources with their options; sources and remarks go', () => {
    const lines = [
      '# deb http://archive.example/old a main',
      'deb [signed-by=/k.gpg] http://archive.example/debian a main',
      'deb-src http://archive.example/debian a main',
    ];
    expect(asSources(lines.join('\n'), true)).toBe(
      'deb-src [signed-by=/k.gpg] http://archive.example/debian a main\n',
    );
  });
});

test('a peer that cannot be built says why', async () => {
  await expect(smoltcp.build()).rejects.toThrow(CannotBuild);
});

/** By what is there when somebody has built them. */
const BUILT = [
  { peer: lwip, path: 'bench/build/lwip/source' },
  { peer: gvisorHostGso, path: 'bench/build/gvisor/gvisor' },
  { peer: gvisorSoftGso, path: 'bench/build/gvisor/gvisor' },
].filter(({ path }) => existsSync(join(root, path)));

describe.skipIf(BUILT.length === 0 || skipWithout('ip', 'nsenter'))('a peer on a TUN', () => {
  /** A client of the kernel's, which verifies what comes back. */
  async function ask(server: Server, ...words: readonly (string | number)[]): Promise<{ bytes: number }> {
    const client = new Child([...server.enter, await nativeProgram('tcp-peer'), ...words.map(String)]);
    try {
      return JSON.parse(await client.line()) as { bytes: number };
    } finally {
      await client.end();
    }
  }

  const cases = BUILT.flatMap(({ peer }) => [1500, 9000].map((mtu) => [peer.name, mtu, peer] as const));

  test.each(cases)('%s serves what a peer serves, at an MTU of %i', async (_, mtu, peer) => {
    const server = await onTun(peer).start({ mtu, cpu: undefined });
    try {
      const { sink, source, echo } = PORTS;
      const back = await ask(server, 'transfer', STACK_ADDRESS, echo, 8_000_003);
      expect(back.bytes).toBe(8_000_003);
      expect((await ask(server, 'many', STACK_ADDRESS, echo, 40, 100_001)).bytes).toBe(40 * 100_001);
      expect((await ask(server, 'bulk-in', STACK_ADDRESS, source, 0.1)).bytes).toBeGreaterThan(0);
      expect((await ask(server, 'bulk-out', STACK_ADDRESS, sink, 0.1)).bytes).toBeGreaterThan(0);
      await ask(server, '-x', 'connect', STACK_ADDRESS, echo, 0.1);
    } finally {
      await server.end();
    }
  });
});
