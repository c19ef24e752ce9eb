// The register of hostile input, replayed: what the generators of its rows make, as a capture that tcpreplay sends from the
// kernel into our TAP. docs/hostile-input.md says which rows; test/hostile-frames.prop.test.ts holds them to their laws.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LINKTYPE_ETHERNET, PcapngWriter } from '@tunstack/pcap';
import { BAD_ETHERNET_FRAMES, type EthernetTarget, hostileRound } from '@tunstack/sim';
import type { ReasonName, Stack } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { DIRECTION_IN, PacketPool, type Tap } from '@tunstack/stack/contract';
import { findTool } from '@tunstack/tun';
import { requireRoot } from '@tunstack/tun/testing';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { ip } from '../../packages/stack/src/testing/index.ts';
import { ETHERTYPE_ARP, etherType } from '../../packages/stack/src/wire/ether.ts';
import { Running, run, tool } from '../support/namespace.ts';
import { KERNEL, STACK, STATION, TapRig } from '../support/tap-rig.ts';
import { TcpServices } from '../support/tcp-services.ts';

const ROUNDS = 150;
/** Of an Ethernet header: the kernel sends no shorter frame, and none longer than its MTU. */
const FRAME_MIN = 14;
const FRAME_MAX = 14 + 1500;
const MIB = 1 << 20;

const TARGET: Omit<EthernetTarget, 'peerStation'> = {
  address: ip(STACK),
  peer: ip(KERNEL),
  broadcast: ip('10.9.0.255'),
  openPort: 7,
  closedPort: 99,
  connectedPort: 5000,
  remotePort: 6000,
  echoId: 77,
  tcpPort: 80,
  tcpLocalPort: 5001,
  tcpRemotePort: 6001,
  station: STATION,
};

/** Reasons that the capture must have met: at least one of each row that is dropped as a frame. */
const HIT: readonly ReasonName[] = [
  ...(['IP_FRAGMENT_BEYOND', 'IP_FRAGMENT_OVERLAP', 'IP_FRAGMENT_TINY', 'IP_FRAGMENT_RAGGED'] as const),
  ...([
    'IP_FRAGMENT_EMPTY',
    'IP_BAD_HEADER',
    'IP_BAD_TOTAL_LENGTH',
    'IP_BAD_OPTIONS',
    'IP_SOURCE_ROUTE',
  ] as const),
  ...(['IP_BAD_CHECKSUM', 'ICMP_BAD_CHECKSUM', 'UDP_BAD_CHECKSUM', 'TCP_BAD_CHECKSUM'] as const),
  ...(['IP_MARTIAN_SOURCE', 'IP_MARTIAN_DESTINATION', 'IP_BROADCAST', 'IP_MULTICAST'] as const),
  ...([
    'ICMP_BAD_QUOTE',
    'ICMP_QUOTE_UNKNOWN',
    'ICMP_REDIRECT',
    'TCP_BAD_OFFSET',
    'TCP_LISTEN_NO_SYN',
  ] as const),
  ...(['TCP_NO_CONNECTION', 'UDP_BAD_LENGTH', 'UDP_PORT_ZERO', 'IP_UNKNOWN_PROTOCOL'] as const),
  ...(['ARP_BAD', 'ARP_MARTIAN', 'ARP_CONFLICT', 'ETHER_OTHER_HOST', 'ETHER_LENGTH', 'ETHER_VLAN'] as const),
  ...(['ETHER_BAD_SOURCE', 'IP_LINK_BROADCAST', 'IP_TRUNCATED', 'IP_BAD_VERSION'] as const),
];

const folder = mkdtempSync(join(tmpdir(), 'tunstack-hostile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(requireRoot())('hostile input from the kernel', () => {
  test('every frame of the capture is accounted for, a connection lives on, and the stack serves afterwards', async (context) => {
    if (findTool('tcpreplay') === undefined) {
      if (process.env.REQUIRE_TUN === '1') throw new Error('apt install tcpreplay');
      context.skip('tcpreplay is not installed (apt install tcpreplay)');
    }
    // Of a device called tapN tcpreplay wants to be the other end.
    const rig = await TapRig.open({ device: { name: 'wire0', address: `${KERNEL}/24` } });
    const services = new TcpServices(rig.stack);
    inhabit(rig.stack);
    expect(await rig.ping(1)).toBe(1);
    const arps = countArps(rig.stack);
    const { stats } = rig.stack;
    /** Frames that came by the TAP: dropped as frames, ARP, or datagrams; what came by loopback is none of them. */
    const accounted = (): number => {
      const dropped = Object.entries(stats.drops()).filter(([name]) => name.startsWith('ETHER_'));
      const datagrams = stats.get('IpInReceives') - rig.stack.loopback.link.counters.rxPackets;
      const merged = stats.get('TcpExtTCPRcvCoalesce');
      return dropped.reduce((sum, [, count]) => sum + count, datagrams + merged + arps());
    };
    const before = { rx: rig.link.counters.rxPackets, accounted: accounted() };
    const { peerStation, dripping } = await beginDripping(rig);
    const frames = capture(7, { ...TARGET, peerStation });
    const file = join(folder, 'hostile.pcapng');
    writeFileSync(file, captureOf(frames));
    const replay = [tool('tcpreplay'), '-i', rig.device.name, '--pps', '10000', file];
    const { stdout, stderr, code } = await run([...rig.kernel, ...replay], 60_000);
    expect(code, stderr).toBe(0);
    expect(Number(/Successful packets:\s+(\d+)/.exec(stdout)?.[1]), stdout).toBe(frames.length);
    // It was open all the while, and ended by FIN: a RST would be an error of both ends.
    expect(await dripping.ended).toBe(0);
    expect(services.errors).toEqual([]);
    expect(await rig.ping(5)).toBe(5);
    expect((await rig.transfer(MIB)).bytes).toBe(MIB);
    const arrived = rig.link.counters.rxPackets - before.rx;
    expect(arrived).toBeGreaterThanOrEqual(frames.length + 5);
    expect(accounted() - before.accounted).toBe(arrived);
    expect(HIT.filter((reason) => stats.reason(reason) === 0)).toEqual([]);
    expect(rig.stack.ethernet.list().length).toBeLessThanOrEqual(1024);
    rig.close();
    expect(rig.host.pool.inUse).toBe(0);
    expect(rig.host.pool.chunks.inUseBytes).toBe(0);
  });
});

/** What the frames of TARGET may meet. */
function inhabit(stack: Stack): void {
  stack.udpSocket({}).bind('0.0.0.0', TARGET.openPort);
  const connected = stack.udpSocket({ error: () => {} });
  connected.bind(STACK, TARGET.connectedPort);
  connected.connect(KERNEL, TARGET.remotePort);
  stack.echoSocket({}, TARGET.echoId);
  stack.tcpListener({ acceptable: (l) => l.accept({})?.abort() }).listen('0.0.0.0', TARGET.tcpPort);
}

/** Counts ARP packets that arrive from now on. */
function countArps(stack: Stack): () => number {
  let arps = 0;
  const tap: Tap = {
    packet(packet, direction) {
      if (direction !== DIRECTION_IN || packet.length < FRAME_MIN) return;
      if (etherType(packet.bytes, packet.head) === ETHERTYPE_ARP) arps++;
    },
    drop() {},
  };
  stack.tap = tap;
  return () => arps;
}

/** An octet each 20 ms by the kernel's TCP to our echo, for four seconds; and where the kernel stands. */
async function beginDripping(rig: TapRig): Promise<{ peerStation: string; dripping: Running }> {
  const shown = await rig.atKernel('ip', 'link', 'show', rig.device.name);
  const peerStation = /link\/ether (\S+)/.exec(shown)?.[1] ?? '';
  const program = join(dirname(dirname(fileURLToPath(import.meta.url))), 'support/tcp-kernel.mjs');
  const dripping = new Running([...rig.kernel, process.execPath, program, 'drip', STACK, '7', '200', '20']);
  onTestFinished(() => void dripping.stop('SIGKILL'));
  await rig.until(() => rig.stack.tcpConnectionCount > 0, 'the connection');
  return { peerStation, dripping };
}

/** Rounds of all classes of all rows, with a flood of ARP senders among them. */
function capture(seed: number, target: EthernetTarget): Uint8Array[] {
  const prng = new Prng(seed);
  const frames = Array.from({ length: ROUNDS }, () => [
    ...hostileRound(prng, target),
    ...Array.from({ length: 10 }, () => BAD_ETHERNET_FRAMES.arpSenders(prng, target)),
  ]).flat();
  return frames.filter(({ length }) => length >= FRAME_MIN && length <= FRAME_MAX);
}

/** The frames as a pcapng file. */
function captureOf(frames: readonly Uint8Array[]): Buffer {
  const pool = new PacketPool();
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter({
    write: (chunk) => chunks.push(chunk),
    interfaces: () => ({ name: 'hostile', linkType: LINKTYPE_ETHERNET, snaplen: 0 }),
    epochUs: () => 1e15,
  });
  for (const [i, frame] of frames.entries()) {
    const packet = pool.allocate(frame.length);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame, packet.put(frame.length));
    writer.packet(packet, DIRECTION_IN, 0, 100 * i);
    packet.release();
  }
  writer.flush();
  return Buffer.concat(chunks);
}
