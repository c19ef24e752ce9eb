// TAP against the kernel: ARP both ways, the bridge with veth and offloads, devices that others made, conflicts, hostile frames.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINKTYPE_ETHERNET, PcapngWriter } from '@tunstack/pcap';
import { BAD_FRAMES, type BadFrame } from '@tunstack/sim';
import { Prng } from '@tunstack/stack/base';
import { DIRECTION_IN, PacketPool, type Tap } from '@tunstack/stack/contract';
import { findTool } from '@tunstack/tun';
import { requireRoot } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { arpFrame, etherFrame, octets } from '../../packages/stack/src/testing/index.ts';
import { ETHERTYPE_ARP, etherType } from '../../packages/stack/src/wire/ether.ts';
import { run, tool } from '../support/namespace.ts';
import { KERNEL, must, namespace, PEER, STACK, STATION, TapRig } from '../support/tap-rig.ts';
import { TcpServices } from '../support/tcp-services.ts';

/** Where all tools must be, a test whose tool is not there fails; elsewhere it is skipped, by what this answers. */
function missing(name: string, from: string): string | undefined {
  if (findTool(name) !== undefined) return undefined;
  if (process.env.REQUIRE_TUN === '1') throw new Error(`apt install ${from}`);
  return `${name} is not installed (apt install ${from})`;
}

const MIB = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), 'tunstack-tap-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ours = { address: STACK, etherAddress: STATION };
const neighborsOf = ({ stack }: TapRig): string[] =>
  stack.ethernet.list().map(({ address, etherAddress, state }) => `${address} ${etherAddress} ${state}`);

describe.skipIf(requireRoot())('a stack on a TAP and the kernel', () => {
  test('the kernel finds us by ARP, arping hears us, and `ip neigh` shows our station REACHABLE', async (context) => {
    const lacking = missing('arping', 'iputils-arping');
    if (lacking !== undefined) context.skip(lacking);
    const rig = await TapRig.open();
    expect(await rig.ping(3)).toBe(3);
    const neighbors = await rig.atKernel('ip', 'neigh', 'show', ours.address);
    expect(neighbors).toContain(`lladdr ${ours.etherAddress} REACHABLE`);
    const device = rig.device.name;
    const arping = await rig.atKernel(tool('arping'), '-c', '2', '-I', device, ours.address);
    expect(arping).toContain('Received 2 response');
    expect(arping).toContain(`[${ours.etherAddress.toUpperCase()}]`);
    // And we found the kernel.
    const [, hwaddr] = /link\/ether (\S+)/.exec(await rig.atKernel('ip', 'link', 'show', device)) ?? [];
    expect(neighborsOf(rig)).toEqual([
      expect.stringMatching(`^${KERNEL} ${hwaddr} (REACHABLE|STALE|DELAY)$`),
    ]);
    // Before IPv6 was switched off the kernel may have said something.
    expect(Object.keys(rig.stack.stats.drops()).filter((name) => name !== 'ETHER_UNKNOWN_TYPE')).toEqual([]);
  });

  test('our own question is answered by the kernel: an echo of ours, and then nobody is asked again', async () => {
    const rig = await TapRig.open();
    const replies: number[] = [];
    const socket = rig.stack.echoSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive()) replies.push(d.length);
      },
    });
    socket.send(KERNEL, 1, octets(8));
    await rig.until(() => replies.length === 1, 'the reply');
    expect(neighborsOf(rig)[0]).toMatch(/REACHABLE$/);
    socket.send(KERNEL, 2, octets(8));
    await rig.until(() => replies.length === 2, 'the second reply');
    expect(rig.stack.stats.get('ArpOutRequests')).toBeLessThanOrEqual(3);
  });

  test.each([
    ['without the vnet header', false],
    ['with it: partial checksums and super-segments', true],
  ])('as a port of a bridge, 64 MiB go to a namespace behind a veth and back: %s', async (_, vnetHdr) => {
    const rig = await TapRig.open({ bridged: true, vnetHdr });
    const services = new TcpServices(rig.stack);
    expect(await rig.ping(3)).toBe(3);
    expect(await rig.ping(2, '-s', '8000')).toBe(2);
    const shown = await rig.atPeer('ip', 'neigh', 'show', STACK);
    expect(shown).toContain(`lladdr ${STATION} REACHABLE`);
    const { bytes, seconds } = await rig.transfer(64 * MIB);
    expect(bytes).toBe(64 * MIB);
    process.stdout.write(`TAP on a bridge, vnet ${vnetHdr}: 64 MiB echo in ${seconds.toFixed(2)} s\n`);
    expect(services.errors).toEqual([]);
    const { TcpInCsumErrors, IpInHdrErrors } = await rig.nstat();
    expect({ TcpInCsumErrors, IpInHdrErrors }).toEqual({ TcpInCsumErrors: 0, IpInHdrErrors: 0 });
    expect(rig.stack.stats.get('TcpInCsumErrors')).toBe(0);
    const { rxBytes, rxPackets } = rig.link.counters;
    if (vnetHdr) expect(rxBytes / rxPackets).toBeGreaterThan(1514);
    else expect(rxBytes / rxPackets).toBeLessThanOrEqual(1514);
  });

  test('neighbours forgotten on both sides in the middle of a transfer do not hurt it', async () => {
    const rig = await TapRig.open({ bridged: true });
    const services = new TcpServices(rig.stack);
    expect(await rig.ping(1)).toBe(1);
    let flushed = 0;
    let over = false;
    const transfer = rig.transfer(64 * MIB).finally(() => {
      over = true;
    });
    // While its SYN waits the kernel would tell its own socket that a neighbour who is flushed cannot be reached.
    await rig.until(() => rig.link.counters.rxBytes > MIB, 'the first octets');
    while (!over && flushed < 20) {
      // It ends with an error when neighbours come back faster than it flushes them: that is what is wanted here.
      await run([...rig.peer, 'ip', 'neigh', 'flush', 'dev', 'veth0']);
      rig.stack.ethernet.removeNeighbor(rig.face, PEER);
      flushed++;
    }
    expect((await transfer).bytes).toBe(64 * MIB);
    expect(flushed).toBeGreaterThan(3);
    expect(services.errors).toEqual([]);
  });

  test('another station that takes our address is told of, by DAD it is warned, and a claim sees it', async (context) => {
    const lacking = missing('arping', 'iputils-arping');
    if (lacking !== undefined) context.skip(lacking);
    const rig = await TapRig.open({ bridged: true });
    expect(await rig.ping(1)).toBe(1);
    const arping = [...rig.peer, tool('arping'), '-I', 'veth0'];
    // Who looks first finds us: exit code 1 says that the address is taken.
    const dad = await run([...arping, '-D', '-c', '2', '-w', '5', STACK]);
    expect(dad.code, dad.stdout).toBe(1);
    const [, rival] = /link\/ether (\S+)/.exec(await rig.atPeer('ip', 'link', 'show', 'veth0')) ?? [];
    await rig.atPeer('ip', 'address', 'add', `${STACK}/24`, 'dev', 'veth0');
    await run([...arping, '-U', '-c', '2', '-w', '3', '-s', STACK, STACK]);
    await rig.until(() => rig.news.length >= 1, 'the conflict');
    expect(rig.news[0]).toBe(`conflict ${STACK} ${rival}`);
    expect(rig.stack.stats.reason('ARP_CONFLICT')).toBeGreaterThan(0);
    rig.news.length = 0;
    rig.stack.ethernet.claim(rig.face, PEER);
    await rig.until(() => rig.news.includes(`conflict ${PEER} ${rival}`), 'the refusal of the claim');
    rig.stack.ethernet.claim(rig.face, '10.9.0.77');
    await rig.until(() => rig.news.includes('claimed 10.9.0.77'), 'the claim');
  });

  const makers: readonly [tool: string, make: readonly string[]][] = [
    ['ip', ['ip', 'tuntap', 'add', 'dev', 'tap7', 'mode', 'tap', 'user', '65534']],
    ['tunctl', ['tunctl', '-u', '65534', '-t', 'tap7']],
    ['openvpn', ['openvpn', '--mktun', '--dev', 'tap7', '--dev-type', 'tap', '--user', 'nobody']],
  ];
  test.for(makers)(
    'a TAP that %s made is attached to, works, and keeps owner and persistence',
    async ([name, make], context) => {
      const lacking = missing(name, name === 'tunctl' ? 'uml-utilities' : name);
      if (lacking !== undefined) context.skip(lacking);
      const { pid, enter } = await namespace();
      await must([...enter, tool(name), ...make.slice(1)]);
      const before = await must([...enter, 'ip', '-d', 'link', 'show', 'tap7']);
      expect(before).toMatch(/persist on.* user (nobody|65534)/);
      const device = { netns: `/proc/${pid}/ns/net`, name: 'tap7', create: false, address: `${KERNEL}/24` };
      const rig = await TapRig.open({ device });
      expect(await rig.ping(3)).toBe(3);
      rig.close();
      const after = await must([...enter, 'ip', '-d', 'link', 'show', 'tap7']);
      expect(after).toMatch(/persist on.* user (nobody|65534)/);
      await expect(TapRig.open({ device: { ...device, name: 'tap8' } })).rejects.toMatchObject({
        code: 'ENODEV',
      });
    },
  );

  test('the character device of a macvtap is an Ethernet port like another', async () => {
    const { pid, enter } = await namespace();
    const ip = (words: string): Promise<string> => must([...enter, 'ip', ...words.split(' ')]);
    await ip('link add low type veth peer name peer');
    // The node is named by the index, which all namespaces share one folder for.
    const index = 100_000 + (process.pid % 100_000);
    await ip(`link add link low name mv0 index ${index} address ${STATION} type macvtap mode bridge`);
    await ip('link set low up');
    await ip('link set peer up');
    await ip('link set mv0 up');
    await ip(`address add ${KERNEL}/24 dev peer`);
    const path = `/dev/tap${index}`;
    expect(existsSync(path)).toBe(true);
    const device = { netns: `/proc/${pid}/ns/net`, name: 'mv0', path, create: false };
    const rig = await TapRig.open({ device });
    expect(await rig.ping(3)).toBe(3);
    expect(await ip(`neigh show ${STACK}`)).toContain(`lladdr ${STATION} REACHABLE`);
  });

  test('hostile frames that tcpreplay sends into the TAP are each accounted for, and the stack answers afterwards', async (context) => {
    const lacking = missing('tcpreplay', 'tcpreplay');
    if (lacking !== undefined) context.skip(lacking);
    // Of a device called tapN tcpreplay wants to be the other end.
    const rig = await TapRig.open({ device: { name: 'wire0', address: `${KERNEL}/24` } });
    expect(await rig.ping(1)).toBe(1);
    let arps = 0;
    const tap: Tap = {
      packet(packet, direction) {
        if (direction === DIRECTION_IN && packet.length >= 14) {
          if (etherType(packet.bytes, packet.head) === ETHERTYPE_ARP) arps++;
        }
      },
      drop() {},
    };
    rig.stack.tap = tap;
    const { stats } = rig.stack;
    /** Frames that came by the TAP: dropped as frames, ARP, or datagrams; what came by loopback is none of them. */
    const accounted = (): number => {
      const dropped = Object.entries(stats.drops()).filter(([name]) => name.startsWith('ETHER_'));
      const datagrams = stats.get('IpInReceives') - rig.stack.loopback.link.counters.rxPackets;
      return dropped.reduce((sum, [, count]) => sum + count, datagrams + arps);
    };
    const before = { rx: rig.link.counters.rxPackets, accounted: accounted() };
    const frames = hostileFrames(7);
    const file = join(folder, 'hostile.pcapng');
    writeFileSync(file, captureOf(frames));
    const replay = [tool('tcpreplay'), '-i', rig.device.name, '--pps', '20000', file];
    const { stdout, stderr, code } = await run([...rig.kernel, ...replay], 60_000);
    expect(code, stderr).toBe(0);
    const sent = Number(/Successful packets:\s+(\d+)/.exec(stdout)?.[1]);
    expect(sent, stdout).toBe(frames.length);
    expect(await rig.ping(5)).toBe(5);
    const arrived = rig.link.counters.rxPackets - before.rx;
    expect(arrived).toBeGreaterThanOrEqual(frames.length + 5);
    expect(accounted() - before.accounted).toBe(arrived);
    for (const reason of HIT) expect(stats.reason(reason), reason).toBeGreaterThan(0);
    expect(rig.stack.ethernet.list().length).toBeLessThanOrEqual(1024);
    rig.close();
    expect(rig.host.pool.inUse).toBe(0);
  });
});

/** Reasons that the hostile frames must have met. */
const HIT = [
  'ETHER_OTHER_HOST',
  'ETHER_LENGTH',
  'ETHER_VLAN',
  'ETHER_BAD_SOURCE',
  'ARP_BAD',
  'ARP_MARTIAN',
  'ARP_CONFLICT',
  'IP_LINK_BROADCAST',
  'IP_FRAGMENT_BEYOND',
  'IP_FRAGMENT_RAGGED',
  'IP_FRAGMENT_EMPTY',
  'IP_FRAGMENT_OVERLAP',
  'IP_BAD_OPTIONS',
  'IP_SOURCE_ROUTE',
] as const;

const FRAGMENTS: readonly BadFrame[] = [
  'pingOfDeath',
  'teardrop',
  'fragmentFlood',
  'nestedFragment',
  'tinyFragment',
  'raggedFragment',
  'emptyFragment',
  'looseFragment',
  'badHeaderLength',
  'badTotalLength',
  'badOptions',
];

/** Rows 1 to 9 of the bad inputs in Ethernet, row 42 (ARP) and row 43 (Ethernet). */
function hostileFrames(seed: number): Uint8Array[] {
  const prng = new Prng(seed);
  const target = {
    ...{ address: 0x0a09_0002, peer: 0x0a09_0001, broadcast: 0x0a09_00ff, openPort: 7, closedPort: 9 },
    ...{
      connectedPort: 5000,
      remotePort: 6000,
      echoId: 77,
      tcpPort: 80,
      tcpLocalPort: 5001,
      tcpRemotePort: 6001,
    },
  };
  const rival = '02:00:00:00:00:66';
  const frames: Uint8Array[] = [];
  for (let round = 0; round < 200; round++) {
    for (const name of FRAGMENTS) frames.push(etherFrame({}, BAD_FRAMES[name](prng, target)));
    const good = BAD_FRAMES.badOptions(prng, target);
    const sender = `10.9.${1 + (round >> 7)}.${round & 127}`;
    const operation = prng.below(30);
    frames.push(
      etherFrame({ to: '02:00:00:00:00:03' }, good),
      etherFrame({ type: 1 + prng.below(1500) }, good),
      etherFrame({ type: 0x8100 }, good),
      etherFrame({ from: '03:00:00:00:00:01' }, good),
      etherFrame({ to: 'ff:ff:ff:ff:ff:ff' }, BAD_FRAMES.strayReply(prng, target)),
      etherFrame({}, good.slice(0, prng.below(20))),
      arpFrame({ wrong: [2 * prng.below(3), prng.below(65_536)], sender, target: STACK }),
      arpFrame({ operation: operation < 3 ? operation + 3 : operation, sender, target: STACK }),
      arpFrame({ sender: '255.255.255.255', target: STACK }),
      arpFrame({ sender: STACK, station: rival, target: KERNEL }),
      arpFrame({ sender, target: sender, station: rival }),
      arpFrame({ operation: 2, sender, station: rival, target: STACK }),
      ...Array.from({ length: 20 }, (_, i) => arpFrame({ sender: `10.${10 + i}.${round}.9`, target: STACK })),
    );
  }
  return frames;
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
