// What offload costs of memory: readers that stop cost their windows and nothing more, and at full rate the process stays
// as large as it is. Under SOAK the latter for ten minutes.

import { readFileSync } from 'node:fs';
import { tcpTables } from '@tunstack/sim';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nativeProgram } from '../../bench/src/rig/native.ts';
import { bin, Running } from '../support/namespace.ts';
import { expectNothingLeft, share, skipWithout } from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, patternDigest, SOURCE, TcpServices } from '../support/tcp-services.ts';

const MIB = 1 << 20;
const READERS = 16;
const WINDOW = 131_072;
/** Of each of them, octets: all of it, if it came in, would be seen. */
const OFFERED = 8 * MIB;
const PAGE = 4096;
/** What Node's own heap may come and go by. A packet that kept 100 octets would take three times as much in the seconds of CI. */
const SLACK = 8 * MIB;

/** How long the loads run first, for the arenas, buffers and code that come with the first octets; and then, seconds. */
const WARM_SECONDS = 1;
const SECONDS = process.env.SOAK === '1' ? 600 : 3;

/** What the kernel does with the services of tun-echo, all three at once. */
const LOADS: readonly (readonly [string, number])[] = [
  ['bulk-out', 9],
  ['bulk-in', 19],
  ['echo', 7],
];

describe.skipIf(skipWithout('nft', 'ethtool'))('memory with offload', () => {
  test('readers that stop cost their windows and nothing more, and hold up nobody', {
    timeout: 100_000,
  }, async () => {
    const windows = { tcpReceiveBytes: WINDOW, tcpReceiveBytesMax: WINDOW };
    const rig = await TcpRig.open({ vnetHdr: true, options: { tcpTimeWaitMs: 50, ...windows } });
    const other = share(128 * MIB);
    const services = new TcpServices(rig.stack, other);
    services.pause();
    const before = process.memoryUsage().rss;
    const all = rig.peer(['many', STACK, ECHO, READERS, OFFERED]);
    const held = (): number => tcpTables(rig.stack).receiveOctets;
    await rig.until(() => held() >= (READERS * WINDOW) / 2, 'full windows');
    // Meanwhile a connection that is read goes as ever.
    const got = await rig.kernel('receive', STACK, SOURCE);
    expect(got).toEqual({ bytes: other, sha256: patternDigest(other) });
    // Scaling rounds a window up.
    expect(held()).toBeLessThanOrEqual(READERS * WINDOW * 1.125);
    // The memory that holds it is hardly more, and not that of packets.
    expect(tcpTables(rig.stack).receiveBytes).toBeLessThanOrEqual(READERS * WINDOW * 1.5);
    await rig.until(() => rig.host.pool.inUse === 0, 'all packets are back');
    expect(rig.host.pool.chunks.inUseBytes).toBe(0);
    // Rather their windows, 2 MiB, than what they were offered.
    expect(process.memoryUsage().rss - before).toBeLessThan((READERS * OFFERED) / 2);
    services.resume();
    expect((await all).bytes).toBe(READERS * OFFERED);
    await expectNothingLeft(rig, services);
  });

  test('at full rate in, out and by an echo the process stays as large as it is', {
    timeout: 1_000_000,
  }, async () => {
    // V8's young generation, else, grows for as long as it likes.
    const words = [process.execPath, '--max-semi-space-size=1', bin('tun-echo'), '--json', '--vnet-hdr'];
    const echo = new Running(words);
    onTestFinished(() => void echo.stop('SIGKILL'));
    const [line] = await echo.until(/^\{.*\}$/m);
    const { enter } = JSON.parse(line) as { enter: string[] };
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(rssBytes(echo.child.pid as number)), 20);
    onTestFinished(() => clearInterval(timer));
    await load(enter, WARM_SECONDS);
    samples.length = 0;
    await load(enter, SECONDS);
    clearInterval(timer);
    const tenth = Math.ceil(samples.length / 10);
    const [begin, end] = [samples.slice(0, tenth), samples.slice(-tenth)].map(median);
    expect(end - begin, `${begin} octets, then ${end}`).toBeLessThan(SLACK);
    expect(await echo.stop('SIGINT')).toBe(0);
  });
});

/** All three loads at once. Throws what a client has to complain of. */
async function load(enter: readonly string[], seconds: number): Promise<void> {
  const program = await nativeProgram('tcp-peer');
  const clients = LOADS.map(([mode, port]) => {
    const client = new Running([...enter, program, '-C', 'cubic', mode, STACK, `${port}`, `${seconds}`]);
    onTestFinished(() => void client.stop('SIGKILL'));
    return client;
  });
  const codes = await Promise.all(clients.map(({ ended }) => ended));
  expect(codes, clients.map(({ stderr }) => stderr).join('')).toEqual(LOADS.map(() => 0));
}

function rssBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
