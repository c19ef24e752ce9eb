// SYN cookies (RFC 4987 3.6) with the kernel as the client that means well, and sequence numbers beside the kernel's own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINKTYPE_ETHERNET } from '@tunstack/pcap';
import { Prng } from '@tunstack/stack/base';
import { craftFrame, craftTcp } from '@tunstack/stack/craft';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { captureOf } from '../support/capture.ts';
import { Running, run, tool } from '../support/namespace.ts';
import { KERNEL, STACK, STATION, TapRig } from '../support/tap-rig.ts';
import { expectNoBadChecksum, expectNothingLeft, skipWithout } from '../support/tcp-checks.ts';
import * as tun from '../support/tcp-rig.ts';
import { ECHO, TcpServices } from '../support/tcp-services.ts';

const FLOOD = 20_000;
/** Five seconds of it. */
const RATE = 4000;
const CLIENTS = 20;
const BACKLOG = 256;
/** Who floods: nobody has this station, and nobody answers for those addresses. */
const FLOODER = '02:00:00:00:00:66';
const CLOSED = 5555;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-flood-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** SYNs from all over the Internet, as a capture. */
function floodFile(seed: number): string {
  const prng = new Prng(seed);
  const frames = Array.from({ length: FLOOD }, () => {
    const datagram = craftTcp({
      source: ((1 + prng.below(9)) << 24) | prng.below(1 << 24),
      destination: STACK,
      sourcePort: 1 + prng.below(65_535),
      destinationPort: ECHO,
      seq: prng.int32(),
      flags: ['SYN'],
      options: [{ option: 'mss', mss: 1460 }],
    });
    return craftFrame({ destination: STATION, source: FLOODER, payload: datagram });
  });
  const file = join(folder, `flood-${seed}.pcapng`);
  writeFileSync(file, captureOf(frames, 'flood', LINKTYPE_ETHERNET));
  return file;
}

// [hostile 30]
describe.skipIf(skipWithout('tcpreplay', 'nc'))(
  'a flood of 20,000 SYNs that tcpreplay sends into our TAP',
  () => {
    test.each([1, 0])(
      'with cookies each of 20 kernel clients is served meanwhile; without, no table grows (cookies: %i)',
      async (tcpSynCookies) => {
        // Of a device called tapN tcpreplay wants to be the other end.
        const device = { name: 'wire0', address: `${KERNEL}/24` } as const;
        const rig = await TapRig.open({ device, options: { tcpSynCookies, tcpSynBacklogMax: BACKLOG } });
        const services = new TcpServices(rig.stack);
        rig.stack.addRoute('0.0.0.0/0', rig.face, KERNEL);
        const { stats } = rig.stack;
        const words = [
          tool('tcpreplay'),
          '-i',
          rig.device.name,
          '--pps',
          `${RATE}`,
          floodFile(1 + tcpSynCookies),
        ];
        let over = false;
        const flood = run([...rig.kernel, ...words], 60_000).finally(() => {
          over = true;
        });
        await rig.until(() => stats.get('TcpInSegs') > 2 * BACKLOG, 'the flood');
        let served = 0;
        let whileFlooded = 0;
        for (let i = 0; i < CLIENTS; i++) {
          const line = `line ${i}\n`;
          const nc = [...rig.kernel, tool('nc'), '-N', '-w', '10', STACK, `${ECHO}`];
          const { stdout } = await run(nc, 30_000, line);
          if (stdout === line) served++;
          if (!over) whileFlooded++;
        }
        const { code, stderr } = await flood;
        expect(code, stderr).toBe(0);
        const [sent, back, failed] = ['Sent', 'Recv', 'Failed'].map((what) =>
          stats.get(`TcpExtSyncookies${what as 'Sent' | 'Recv' | 'Failed'}`),
        );
        process.stdout.write(
          `SYN flood, cookies ${tcpSynCookies}: ${served} of ${CLIENTS} served (${whileFlooded} of them while it lasted), ` +
            `cookies sent ${sent}, back ${back}, bad ${failed}\n`,
        );
        expect(rig.stack.tcpConnectionCount).toBeLessThanOrEqual(BACKLOG + CLIENTS);
        expect(services.errors).toEqual([]);
        if (tcpSynCookies === 0) return;
        expect(served).toBe(CLIENTS);
        expect(whileFlooded).toBeGreaterThan(2);
        // Those that came in it had no row to be remembered in.
        expect(back).toBeGreaterThanOrEqual(whileFlooded);
        expect(sent).toBeGreaterThan(FLOOD / 2);
      },
    );
  },
);

// [hostile 30]
describe.skipIf(skipWithout('nc'))('cookies for everybody, with the kernel as client', () => {
  test('20 connections in a row, and what they agreed on is what the SYN said: scaling, SACK, timestamps', async () => {
    const rig = await tun.TcpRig.open({ options: { tcpSynCookies: 2, tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    for (let i = 0; i < CLIENTS; i++) {
      const { bytes } = await rig.peer(['transfer', tun.STACK, ECHO, 100_000]);
      expect(bytes).toBe(100_000);
    }
    const { stats } = rig.stack;
    expect([stats.get('TcpExtSyncookiesRecv'), stats.get('TcpPassiveOpens')]).toEqual([CLIENTS, CLIENTS]);
    expect(stats.get('TcpExtSyncookiesFailed')).toBe(0);
    await expectNothingLeft(rig, services);
    await expectNoBadChecksum(rig);
    const held = await rig.startKernel(/connected/, 'receive', tun.STACK, 19);
    const shown = await rig.atClient('ss', '-tino', 'dst', tun.STACK);
    const [, send, receive] = / ts sack .*wscale:(\d+),(\d+)/.exec(shown) ?? [];
    const [socket] = services.open;
    const { windowScale, sack, timestamps } = socket.status();
    expect({ windowScale, sack, timestamps }, shown).toEqual({
      windowScale: [Number(receive), Number(send)],
      sack: true,
      timestamps: true,
    });
    await held.stop('SIGKILL');
  });
});

// [hostile 28]
describe.skipIf(skipWithout('nmap', 'nc'))('initial sequence numbers as nmap judges them', () => {
  test("ours are as hard to predict as the kernel's, in one run of -O", async () => {
    const rig = await tun.TcpRig.open({ routed: true });
    new TcpServices(rig.stack);
    const router = '10.8.0.254';
    const listening = new Running([...rig.router, tool('nc'), '-n', '-v', '-l', '-k', `${ECHO}`]);
    onTestFinished(() => void listening.stop('SIGKILL'));
    await listening.until(/[Ll]istening/);
    const bounds = ['--max-os-tries', '1', '--host-timeout', '50s'];
    const words = ['-n', '-Pn', '-v', '-O', ...bounds, '-p', `${ECHO},${CLOSED}`, tun.STACK, router];
    const { stdout } = await run([...rig.client, tool('nmap'), ...words], 100_000);
    const difficulties = [...stdout.matchAll(/TCP Sequence Prediction: Difficulty=(\d+)/g)].map(([, d]) =>
      Number(d),
    );
    expect(difficulties.length, stdout).toBe(2);
    const [ours, theirs] = difficulties;
    process.stdout.write(
      `nmap's sequence prediction difficulty: ${ours} of ours, ${theirs} of the kernel's\n`,
    );
    expect(ours).toBeGreaterThan(0.9 * theirs);
  });
});
