// TCP between our stack and the kernel's: what goes in comes out, on wires that lose and wires that do not, many at a
// time; and nothing is left behind.

import type { Options } from '@tunstack/stack';
import { describe, expect, test } from 'vitest';
import { expectNoBadChecksum, expectNothingLeft, share, skipWithout } from '../support/tcp-checks.ts';
import { memory } from '../support/tcp-memory.ts';
import { HEADERS, STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, patternDigest, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';

const MIB = 1 << 20;

/** What the network did, for whoever reads the log of a soak. With offload: offload-loss.test.ts. */
const LOSSES: readonly (readonly [string, number, number])[] = [
  ['16 MiB at 1 %', 16 * MIB, 1],
  ['4 MiB at 5 %', 4 * MIB, 5],
];

/** The same controller at both ends, on a wire that loses a fifth each way, and how long all of it may take. */
const FIFTHS: readonly (readonly [string, string, number, number])[] = [
  ['64 MiB by BBR in less than a minute', 'bbr', 64 * MIB, 60],
  ['1 MiB by CUBIC in less than three', 'cubic', MIB, 180],
];

/** A rig whose router drops packets each way, in silence. */
async function lossyRig(percent: number, options: Partial<Options> = {}): Promise<TcpRig> {
  const rig = await TcpRig.open({ routed: true, options: { tcpTimeWaitMs: 50, ...options } });
  await rig.dropEachWay(percent);
  return rig;
}

async function expectDrops(rig: TcpRig): Promise<void> {
  const { toStack, fromStack } = await rig.dropped();
  expect([toStack > 0, fromStack > 0]).toEqual([true, true]);
}

describe.skipIf(skipWithout('nft', 'ethtool'))('TCP transfers between the kernel and the stack', () => {
  test.each(HEADERS)('64 MiB come back from the echo as they were sent: %s', async (_, vnetHdr) => {
    const rig = await TcpRig.open({ vnetHdr, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    const { bytes } = await rig.peer(['transfer', STACK, ECHO, 64 * MIB]);
    expect(bytes).toBe(64 * MIB);
    await expectNothingLeft(rig, services);
    await expectNoBadChecksum(rig);
  });

  test.each(HEADERS)('500 connections at once are served and leave nothing: %s', async (_, vnetHdr) => {
    const rig = await TcpRig.open({ vnetHdr, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    const { bytes } = await rig.peer(['many', STACK, ECHO, 500, 65_536]);
    expect({ bytes, accepted: services.accepted }).toEqual({ bytes: 500 * 65_536, accepted: 500 });
    await expectNothingLeft(rig, services);
    await expectNoBadChecksum(rig);
  });

  test.each(HEADERS)(
    'the first windows of 500 connections find room in the queue of the device: %s',
    async (_, vnetHdr) => {
      const rig = await TcpRig.open({ vnetHdr, options: { tcpTimeWaitMs: 50 } });
      const services = new TcpServices(rig.stack);
      await rig.peer(['many', STACK, ECHO, 500, 14_480]);
      expect(services.accepted).toBe(500);
      expect(await rig.queueDrops()).toBe(0);
      await expectNothingLeft(rig, services);
    },
  );

  test.each(LOSSES)(
    'a lossy wire loses no octet of an echo: %s',
    { timeout: 200_000 },
    async (_, all, percent) => {
      const rig = await lossyRig(percent);
      const services = new TcpServices(rig.stack);
      const { bytes } = await rig.peer(['transfer', STACK, ECHO, share(all)], 180_000);
      expect(bytes).toBe(share(all));
      await expectDrops(rig);
      await expectNothingLeft(rig, services);
      await expectNoBadChecksum(rig);
    },
  );

  test.each(LOSSES)(
    'a lossy wire loses no octet that we send: %s',
    { timeout: 200_000 },
    async (_, all, percent) => {
      const rig = await lossyRig(percent);
      const services = new TcpServices(rig.stack, share(all));
      const got = await rig.kernel('receive', STACK, SOURCE);
      expect(got).toEqual({ bytes: share(all), sha256: patternDigest(share(all)) });
      expect(rig.stack.stats.get('TcpRetransSegs')).toBeGreaterThan(0);
      await expectNothingLeft(rig, services);
    },
  );

  test.each(LOSSES)(
    'a lossy wire loses no octet that we receive: %s',
    { timeout: 200_000 },
    async (_, all, percent) => {
      const rig = await lossyRig(percent);
      const services = new TcpServices(rig.stack);
      const sent = await rig.kernel('send', STACK, SINK, share(all));
      expect({ bytes: services.sunk, sha256: services.sunkHash.digest('hex') }).toEqual(sent);
      expect(rig.stack.stats.get('TcpExtTCPOFOQueue')).toBeGreaterThan(0);
      await expectNothingLeft(rig, services);
    },
  );

  test.each(FIFTHS)(
    'an echo comes back through a wire that loses 20 % each way: %s',
    { timeout: 240_000 },
    async (_, controller, all, limitSeconds) => {
      const rig = await lossyRig(20, { tcpCongestion: controller });
      const services = new TcpServices(rig.stack);
      const words = ['-C', controller, 'transfer', STACK, ECHO, share(all)];
      // What takes longer is ended, and fails.
      const { bytes, seconds } = await rig.peer(words, limitSeconds * 1000);
      process.stderr.write(`${controller}: ${bytes} octets there and back in ${seconds.toFixed(1)} s\n`);
      expect(bytes).toBe(share(all));
      await expectDrops(rig);
      // Our last FIN, or its ACK, may be lost some times in a row, and each wait is twice the one before.
      await rig.until(() => rig.stack.tcpConnectionCount === 0, 'the last FIN is acknowledged', 50_000);
      await expectNothingLeft(rig, services);
    },
  );

  test('connections that come and go leave memory where it was', { timeout: 300_000 }, async () => {
    const rig = await TcpRig.open({ forgetTimeWait: true, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    const open = async (count: number): Promise<void> => {
      const goal = services.accepted + count;
      while (services.accepted < goal) await rig.peer(['-x', 'connect', STACK, ECHO, 1]);
      await expectNothingLeft(rig, services);
    };
    // The first ones make arenas, tables and compiled code.
    await open(share(10_000));
    const before = memory();
    await open(share(50_000));
    const after = memory();
    expect((after.heap - before.heap) / MIB).toBeLessThan(4);
    expect((after.external - before.external) / MIB).toBeLessThan(4);
    expect(rig.stack.stats.get('TcpPassiveOpens')).toBe(services.accepted);
  });
});
