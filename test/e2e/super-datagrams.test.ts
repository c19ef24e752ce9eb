// Super-datagrams of UDP from a real kernel (UDP_SEGMENT): our socket hears each datagram, and where the next device takes none a
// router of ours cuts them, both ways with a vnet header in front. virtio 1.2 5.1.6.2; linux/udp.h.

import { once } from 'node:events';
import { Host } from '@tunstack/node';
import {
  findTool,
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_USO,
  TunLink,
} from '@tunstack/tun';
import { requireTools, requireTun } from '@tunstack/tun/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Running, run } from '../support/namespace.ts';

const SIZES = [1000, 1000, 1000, 1000, 1000, 500];

const open = (address: string, vnetHdr: boolean): OpenedDevice =>
  openDevice({
    mode: 'tun',
    netns: 'new',
    address,
    vnetHdr,
    offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_USO : 0,
  });

/** Sends 5500 octets as datagrams of 1000, and prints the lengths of what comes back, and whether it is what left. */
const CLIENT = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1000)
s.settimeout(5)
text = bytes(i * 7 % 251 for i in range(5500))
s.sendto(text, (sys.argv[1], 7))
back = [s.recv(65535) for _ in range(6)]
print([len(b) for b in back], b''.join(back) == text)
`;

const SERVER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 7))
print('ready', flush=True)
while True:
  text, peer = s.recvfrom(65535)
  s.sendto(text, peer)
`;

const python = findTool('python3');

describe.skipIf(requireTun() || requireTools('python3'))('super-datagrams from the kernel', () => {
  const client = (device: OpenedDevice, to: string): ReturnType<typeof run> =>
    run([...nsenterCommand(device), `${python}`, '-c', CLIENT, to]);

  test('a socket hears each datagram, and answers each', async () => {
    const host = new Host();
    onTestFinished(() => host.close());
    const stack = host.stack();
    const device = open('10.1.0.1/24', true);
    const link = new TunLink({ device, pool: host.pool });
    stack.addLink(link, '10.1.0.2/24');
    const heard: number[] = [];
    const socket = stack.udpSocket({
      readable(from) {
        for (let d = from.receive(); d !== undefined; d = from.receive()) {
          heard.push(d.length);
          from.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
        }
      },
    });
    socket.bind('0.0.0.0', 7);
    expect(await client(device, '10.1.0.2')).toMatchObject({ stdout: `[${SIZES.join(', ')}] True\n` });
    expect(heard).toEqual(SIZES);
    // The kernel left the cutting to us; the rest are its router solicitations.
    expect(link.counters.rxBytes).toBeGreaterThan(5500);
    expect(link.counters.rxPackets).toBeLessThan(SIZES.length);
  });

  test.each([false, true])('a router passes them on to a kernel, vnet header there: %s', async (vnetHdr) => {
    const host = new Host();
    onTestFinished(() => host.close());
    const stack = host.stack({ forwarding: true });
    const devices = [open('10.1.0.1/24', true), open('10.2.0.1/24', vnetHdr)];
    for (const [i, device] of devices.entries()) {
      stack.addLink(new TunLink({ device, pool: host.pool }), `10.${i + 1}.0.2/24`);
      const words = ['ip', 'route', 'add', 'default', 'via', `10.${i + 1}.0.2`];
      expect((await run([...nsenterCommand(device), ...words])).code).toBe(0);
    }
    const server = new Running([...nsenterCommand(devices[1]), `${python}`, '-c', SERVER]);
    onTestFinished(async () => {
      server.child.kill('SIGKILL');
      if (server.child.exitCode === null && server.child.signalCode === null)
        await once(server.child, 'close');
    });
    await server.until(/ready/);
    expect(await client(devices[0], '10.2.0.1')).toMatchObject({ stdout: `[${SIZES.join(', ')}] True\n` });
  });
});
