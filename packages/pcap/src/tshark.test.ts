// Wireshark reads what we write: `tshark -r` on a file of ours. REQUIRE_TUN=1 makes a missing tshark a failure.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DIRECTION_IN, DIRECTION_OUT, type Packet, PacketPool, R } from '@tunstack/stack/contract';
import { craftIcmpEcho, craftIcmpError, craftUdp } from '@tunstack/stack/craft';
import { expect, test } from 'vitest';
import { LINKTYPE_RAW, PcapngWriter } from './index.ts';

const tshark = spawnSync('tshark', ['--version']).error === undefined;
const ends = { source: '10.9.0.1', destination: '10.9.0.2' };
const UDP = { ...ends, sourcePort: 40_000, destinationPort: 9, payload: new Uint8Array(5) };
const START_US = 1_700_000_000_250_000;

/** An echo and its reply, a datagram nobody takes, and one that finds no route. */
function capture(): Uint8Array {
  const pool = new PacketPool();
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter({
    write: (chunk) => chunks.push(chunk),
    interfaces: (id) => ({ name: `tun${id}`, linkType: LINKTYPE_RAW, snaplen: 262_144 }),
    epochUs: () => START_US,
  });
  const make = (octets: Uint8Array, ingress: number): Packet => {
    const packet = pool.allocate(octets.length)!;
    packet.bytes.set(octets, packet.put(octets.length));
    packet.network = packet.head;
    packet.ingress = ingress;
    return packet;
  };
  const echo = { ...ends, id: 1, sequence: 1, payload: new Uint8Array(56) };
  writer.packet(make(craftIcmpEcho(echo), 0), DIRECTION_IN, 0, -1);
  writer.packet(make(craftIcmpEcho({ ...echo, reply: true }), 0), DIRECTION_OUT, 0, 0);
  const strange = make(craftUdp(UDP), 1);
  writer.packet(strange, DIRECTION_IN, 1, 1);
  writer.drop(strange, R.UDP_NO_PORT, 1);
  writer.packet(make(craftIcmpError({ quoting: craftUdp(UDP) }), -1), DIRECTION_OUT, 1, 2);
  writer.drop(make(craftUdp(UDP), -1), R.NO_ROUTE, 3);
  const headless = make(craftUdp(UDP).slice(20), -1);
  headless.network = -1;
  writer.drop(headless, R.NO_ROUTE, 4);
  writer.flush();
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

test.skipIf(!tshark && process.env.REQUIRE_TUN !== '1')(
  'tshark counts our packets and reads our comments',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tunstack-pcapng-'));
    try {
      const file = join(folder, 'capture.pcapng');
      await writeFile(file, capture());
      const fields = [
        'interface_name',
        'packet_flags_direction',
        'protocols',
        'len',
        'comment',
        'time_epoch',
      ];
      const names = fields.map((field) => `frame.${field}`);
      // Wireshark checks checksums only when it is asked to.
      const check = ['ip.check_checksum:TRUE', 'udp.check_checksum:TRUE'].flatMap((o) => ['-o', o]);
      const args = [
        ...check,
        '-r',
        file,
        '-T',
        'fields',
        '-E',
        'separator=|',
        ...names.flatMap((n) => ['-e', n]),
      ];
      const bad = [
        '-r',
        file,
        ...check,
        '-Y',
        '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0',
      ];
      const run = async (a: readonly string[]): Promise<string[]> => {
        const { stdout } = await promisify(execFile)('tshark', ['-n', ...a]);
        return stdout === '' ? [] : stdout.trimEnd().split('\n');
      };
      const [lines, wrong] = await Promise.all([run(args), run(bad)]);
      expect(lines.map((line) => line.split('|').slice(0, 5).join('|').replace(/0x0+/, ''))).toEqual([
        'tun0|1|raw:ip:icmp:data|84|',
        'tun0|2|raw:ip:icmp:data|84|',
        'tun1|1|raw:ip:udp:data|33|dropped: UDP_NO_PORT (RFC 1122 4.1.3.1): no socket has this port',
        'tun1|2|raw:ip:icmp:ip:udp:data|61|',
        'drops||raw:ip:udp:data|33|dropped: NO_ROUTE (RFC 1122 3.3.1): no route leads there',
        'drops||raw|13|dropped: NO_ROUTE (RFC 1122 3.3.1): no route leads there',
      ]);
      expect(lines.map((line) => line.split('|')[5])).toEqual(
        [0, 1, 2, 3, 4, 5].map((us) => `1700000000.25000${us}000`),
      );
      expect(wrong).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
