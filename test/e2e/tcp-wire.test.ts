// What TCP puts on the wire against the kernel, seen by tcpdump at the client and judged by tshark, by the kernel's own
// counters, and by the laws of tcp-trace.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  expectCleanWire,
  expectNoBadChecksum,
  expectNothingLeft,
  skipWithout,
} from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';

const MIB = 1 << 20;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-wire-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `${++files}.pcap`);

describe.skipIf(skipWithout('nft', 'ethtool', 'tcpdump'))('TCP on the wire', () => {
  test('a transfer and many small ones are clean: checksums, windows, MSS, no RST', async () => {
    const rig = await TcpRig.open({ options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    const sniffer = await Sniffer.start(rig, newFile());
    await rig.peer(['transfer', STACK, ECHO, 4 * MIB]);
    await rig.peer(['many', STACK, ECHO, 50, 20_000]);
    await expectNothingLeft(rig, services);
    await expectCleanWire(sniffer);
    await expectNoBadChecksum(rig);
  });

  test('what we leave to the device (checksums, segmentation) reaches the far side complete', async () => {
    const rig = await TcpRig.open({ routed: true, vnetHdr: true, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack, 2 * MIB);
    const sniffer = await Sniffer.start(rig, newFile());
    await rig.peer(['transfer', STACK, ECHO, 2 * MIB]);
    await rig.kernel('receive', STACK, SOURCE);
    await expectNothingLeft(rig, services);
    const segments = await expectCleanWire(sniffer);
    expect(Math.max(...segments.map(({ text }) => text))).toBe(1448);
    // It did leave it to the device.
    expect(rig.stack.stats.get('IpOutRequests')).toBeLessThan(rig.stack.stats.get('TcpOutSegs') / 2);
    await expectNoBadChecksum(rig);
  });

  test('a lossy wire makes no segment wrong', async () => {
    const rig = await TcpRig.open({ routed: true, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    await rig.dropEachWay(2);
    const sniffer = await Sniffer.start(rig, newFile());
    await rig.peer(['transfer', STACK, ECHO, MIB]);
    await rig.kernel('send', STACK, SINK, MIB);
    await expectNothingLeft(rig, services);
    await rig.atRouter('nft', 'flush', 'ruleset');
    await expectCleanWire(sniffer);
    await expectNoBadChecksum(rig);
  });

  test('SYN and SYN,ACK say MSS, window scale, timestamps and SACK-permitted as Linux does: MUST-14', async () => {
    const rig = await TcpRig.open();
    new TcpServices(rig.stack);
    const sniffer = await Sniffer.start(rig, newFile());
    await rig.peer(['transfer', STACK, ECHO, 1]);
    await sniffer.stop();
    const fields = ['mss_val', 'wscale.shift', 'sack_perm', 'timestamp.tsval'];
    const lines = await sniffer.tshark('tcp.flags.syn == 1', ...fields.map((name) => `tcp.options.${name}`));
    const [kernel, ours] = lines
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    // Of the kernel all four are there; ours say the same but for the shift: 6 MiB need 7.
    expect(kernel.every((field) => field !== '')).toBe(true);
    expect(ours.slice(0, 3)).toEqual([kernel[0], '7', kernel[2]]);
    expect(ours[3]).toMatch(/^\d+$/);
    // RFC 7323 3.2: once agreed, every segment has timestamps.
    expect(await sniffer.tshark('tcp && !tcp.options.timestamp.tsval')).toBe('');
  });

  test('a small MTU on our side makes small segments on both: MUST-16, SHLD-6', async () => {
    const rig = await TcpRig.open({ options: { tcpTimeWaitMs: 50 }, mtu: 576 });
    const services = new TcpServices(rig.stack);
    const sniffer = await Sniffer.start(rig, newFile());
    await rig.peer(['transfer', STACK, ECHO, MIB / 4]);
    await expectNothingLeft(rig, services);
    const segments = await expectCleanWire(sniffer);
    expect(Math.max(...segments.map(({ text }) => text))).toBe(576 - 40 - 12);
  });

  test('the path MTU behind a router is found: what is too large is cut smaller and sent again', async () => {
    const rig = await TcpRig.open({ routed: true, options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack, MIB);
    await rig.atRouter('ip', 'link', 'set', 'veth0', 'mtu', '1000');
    const sniffer = await Sniffer.start(rig, newFile());
    const { bytes } = await rig.kernel('receive', STACK, SOURCE);
    await expectNothingLeft(rig, services);
    const segments = await expectCleanWire(sniffer);
    const ours = segments.filter(({ fromStack }) => fromStack);
    expect({ bytes, text: Math.max(...ours.map(({ text }) => text)) }).toEqual({ bytes: MIB, text: 948 });
    expect(rig.stack.stats.get('IcmpInDestUnreachs')).toBeGreaterThan(0);
  });
});
