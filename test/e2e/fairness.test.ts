// Four stacks on one event loop: two that flood each other, one that floods itself, and one on a TUN that is to stay alive.

import { veth } from '@tunstack/links';
import { Host } from '@tunstack/node';
import type { Stack, UdpSocket } from '@tunstack/stack';
import { nsenterCommand, openDevice, TunLink } from '@tunstack/tun';
import { requireTun } from '@tunstack/tun/testing';
import { describe, expect, test } from 'vitest';
import { run, tool } from '../support/namespace.ts';

/** A datagram thrown back and forth between two stacks for ever; answers how often. */
function flood(from: Stack, to: Stack, address: string): () => number {
  let count = 0;
  const back = (socket: UdpSocket): void => {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      count++;
      socket.reply(d, d.bytes, d.offset, d.length);
    }
  };
  to.udpSocket({ readable: back }).bind('0.0.0.0', 1000);
  from.udpSocket({ readable: back }).sendTo(Uint8Array.of(1), 0, 1, address, 1000);
  return () => count;
}

describe.skipIf(requireTun())('fairness', () => {
  test('floods on a veth and on loopback starve neither each other, nor a timer, nor a TUN', async () => {
    const host = new Host();
    const [a, b, alone, served] = [host.stack(), host.stack(), host.stack(), host.stack()];
    const [left, right] = veth();
    a.addLink(left, '10.0.0.1/24');
    b.addLink(right, '10.0.0.2/24');
    const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
    served.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
    const overVeth = flood(a, b, '10.0.0.2');
    const overLoopback = flood(alone, alone, '127.0.0.1');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const ping = [tool('ping'), '-q', '-c', '50', '-i', '0.01', '-W', '2', '10.9.0.2'];
    const { stdout } = await run([...nsenterCommand(device), ...ping]);
    clearInterval(timer);
    host.close();
    expect(stdout).toContain('50 packets transmitted, 50 received, 0% packet loss');
    expect([overVeth() > 1000, overLoopback() > 1000, ticks > 10]).toEqual([true, true, true]);
    expect(host.pool.inUse).toBe(0);
  });
});
