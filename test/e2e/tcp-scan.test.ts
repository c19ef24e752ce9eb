// What nmap makes of our TCP: open and closed ports by RFC 9293 3.10.7.1 and .2, and sequence numbers nobody guesses.

import { describe, expect, test } from 'vitest';
import { run, tool } from '../support/namespace.ts';
import { skipWithout } from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, TcpServices } from '../support/tcp-services.ts';

const CLOSED = 5555;

/** Ports and their states as nmap reports them. */
async function scan(rig: TcpRig, ...flags: string[]): Promise<Record<string, string>> {
  const ports = `${ECHO},${CLOSED}`;
  const bounds = ['--max-retries', '1', '--host-timeout', '20s'];
  const words = ['-n', '-Pn', ...bounds, ...flags, '-p', ports, STACK];
  const { stdout, stderr, code } = await run([...rig.client, tool('nmap'), ...words], 40_000);
  expect(code, stderr).toBe(0);
  return Object.fromEntries(
    [...stdout.matchAll(/^(\d+)\/tcp +(\S+)/gm)].map(([, port, state]) => [port, state]),
  );
}

async function rigWithEcho(): Promise<TcpRig> {
  const rig = await TcpRig.open();
  new TcpServices(rig.stack);
  return rig;
}

describe.skipIf(skipWithout('nmap'))('TCP as nmap sees it', () => {
  test('a SYN is answered with SYN,ACK by an open port and with RST by a closed one', async () => {
    const rig = await rigWithEcho();
    expect(await scan(rig, '-sS')).toEqual({ [ECHO]: 'open', [CLOSED]: 'closed' });
    expect(rig.stack.stats.reason('TCP_NO_CONNECTION')).toBe(1);
    // Half-open, and reset by nmap: nothing stays (MUST-11).
    expect(rig.stack.tcpConnectionCount).toBe(0);
  });

  test('a segment with a wrong checksum gets no answer: MUST-3', async () => {
    const rig = await rigWithEcho();
    expect(await scan(rig, '-sS', '--badsum')).toEqual({ [ECHO]: 'filtered', [CLOSED]: 'filtered' });
    const { stats } = rig.stack;
    expect(stats.get('TcpInCsumErrors')).toBe(stats.reason('TCP_BAD_CHECKSUM'));
    expect([stats.get('TcpInCsumErrors') > 0, stats.get('TcpOutSegs')]).toEqual([true, 0]);
  });

  test.each(['-sF', '-sN', '-sX'])(
    '%s: a closed port answers with RST, an open one not at all',
    async (flag) => {
      const rig = await rigWithEcho();
      expect(await scan(rig, flag)).toEqual({ [ECHO]: 'open|filtered', [CLOSED]: 'closed' });
    },
  );

  test('-sA: an acknowledgment of nothing gets a RST from every port', async () => {
    const rig = await rigWithEcho();
    expect(await scan(rig, '-sA')).toEqual({ [ECHO]: 'unfiltered', [CLOSED]: 'unfiltered' });
  });

  test('nmap finds our initial sequence numbers as hard to guess as can be: MUST-9', async () => {
    const rig = await rigWithEcho();
    const words = ['-n', '-Pn', '-v', '-O', '--max-os-tries', '1', '--host-timeout', '40s'];
    const target = ['-p', `${ECHO},${CLOSED}`, STACK];
    const { stdout } = await run([...rig.client, tool('nmap'), ...words, ...target], 50_000);
    const [, difficulty] = /TCP Sequence Prediction: Difficulty=(\d+)/.exec(stdout) ?? [];
    expect(Number(difficulty), stdout).toBeGreaterThan(200);
  });
});
