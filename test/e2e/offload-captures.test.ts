// Checksums as others see them: none is bad in a capture of ours with offload on, which sums what the device was to sum; nor
// on a TUN without offload; nor behind a device that leaves nothing to offload, to which the kernel forwards.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UdpSocket } from '@tunstack/stack';
import { afterAll, describe, expect, test } from 'vitest';
import { nativeProgram } from '../../bench/src/rig/native.ts';
import { Lane } from '../support/lane.ts';
import { root, startEcho, stopEcho, tool } from '../support/namespace.ts';
import { must } from '../support/tap-rig.ts';
import {
  expectCleanWire,
  expectNoBadChecksum,
  expectNothingLeft,
  skipWithout,
} from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';
import { checksumsIn } from '../support/tshark.ts';

const MIB = 1 << 20;
/** tun-echo's ports. */
const DISCARD = 9;
const CHARGEN = 19;
/** The longest frame on a wire: the Ethernet header, and the MTU. */
const MTU_FRAME = 14 + 1500;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-captures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** 500 datagrams of the kernel's to our echo, and pings in one packet and in three, all answered. */
async function chatter(enter: readonly string[]): Promise<void> {
  const blast = [process.execPath, join(root, 'test/support/udp-blast.mjs'), STACK, String(ECHO)];
  expect(JSON.parse(await must([...enter, ...blast, '500', '1001', '32']))).toMatchObject({ received: 500 });
  for (const size of ['1001', '3000']) {
    const ping = await must([...enter, tool('ping'), '-q', '-c', '20', '-i', '0.005', '-s', size, STACK]);
    expect(ping).toContain('20 received');
  }
}

/** None is bad, and tshark did look. Answers who sent frames that are longer than an MTU. */
async function expectGood(file: string): Promise<Set<string>> {
  const { good, faults, longFrom } = await checksumsIn(file, MTU_FRAME);
  expect(faults).toEqual([]);
  expect([good.tcp > 100, good.udp >= 1000]).toEqual([true, true]);
  return longFrom;
}

/** A UDP echo beside the services of TCP. */
function echoUdp(rig: TcpRig): void {
  const readable = (socket: UdpSocket): void => {
    for (let d = socket.receive(); d !== undefined; d = socket.receive())
      socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
  };
  rig.stack.udpSocket({ readable }).bind('0.0.0.0', ECHO);
}

/** All there is, between the kernel and a rig's services; and then the rig is as it was. */
async function talk(rig: TcpRig, octets: number): Promise<void> {
  const services = new TcpServices(rig.stack, octets);
  echoUdp(rig);
  await rig.peer(['transfer', STACK, ECHO, octets]);
  await rig.kernel('send', STACK, SINK, octets);
  await rig.kernel('receive', STACK, SOURCE);
  await chatter(rig.client);
  await expectNothingLeft(rig, services);
}

describe.skipIf(skipWithout('nft', 'ethtool', 'tcpdump', 'tshark'))('checksums in captures', () => {
  test.each([
    ['a TUN', []],
    ['a TAP', ['--tap']],
  ])('our own capture of %s with offload has no bad checksum, super-segments and all', async (_, flags) => {
    const file = join(folder, `own${flags.length}.pcapng`);
    const echo = await startEcho('--vnet-hdr', '-w', file, ...flags);
    const peer = [...echo.enter, await nativeProgram('tcp-peer')];
    await must([...peer, 'transfer', STACK, `${ECHO}`, `${2 * MIB}`]);
    await must([...peer, 'bulk-out', STACK, `${DISCARD}`, '0.01']);
    await must([...peer, 'bulk-in', STACK, `${CHARGEN}`, '0.01']);
    await chatter(echo.enter);
    await stopEcho(echo);
    expect(await expectGood(file)).toEqual(new Set([STACK, '10.9.0.1']));
  });

  test('on a TUN without offload all is good both ways', async () => {
    const rig = await TcpRig.open({ options: { tcpTimeWaitMs: 50 } });
    const sniffer = await Sniffer.start(rig, join(folder, 'plain.pcap'));
    await talk(rig, MIB);
    const segments = await expectCleanWire(sniffer);
    expect(Math.max(...segments.map(({ text }) => text))).toBe(1448);
    expect(await expectGood(sniffer.file)).toEqual(new Set());
    await expectNoBadChecksum(rig);
  });

  test('behind a device with `tx off`, to which the kernel forwards what we left to it, all is good', async () => {
    const rig = await TcpRig.open({ vnetHdr: true, options: { tcpTimeWaitMs: 50 } });
    await Lane.open(rig, 'cut');
    const sniffer = await Sniffer.start(rig, join(folder, 'behind.pcap'));
    await talk(rig, MIB);
    const segments = await expectCleanWire(sniffer);
    expect(Math.max(...segments.map(({ text }) => text))).toBe(1448);
    // It did leave it to the device.
    expect(rig.stack.stats.get('IpOutRequests')).toBeLessThan(rig.stack.stats.get('TcpOutSegs'));
    expect(await expectGood(sniffer.file)).toEqual(new Set());
    await expectNoBadChecksum(rig);
    const { UdpInCsumErrors, IcmpInCsumErrors } = await rig.nstat();
    expect([UdpInCsumErrors, IcmpInCsumErrors]).toEqual([0, 0]);
  });
});
