// dgram's multicast and broadcast calls, between two stacks on a pair.

import { once } from 'node:events';
import { veth } from '@tunstack/links';
import { expect, onTestFinished, test } from 'vitest';
import { Host } from './host.ts';
import { type RemoteInfo, UdpSocket } from './udp-socket.ts';

const GROUP = '239.1.2.3';

async function pair(): Promise<{ speaker: UdpSocket; hearer: UdpSocket }> {
  const host = new Host();
  onTestFinished(() => host.close());
  const [here, there] = [host.stack(), host.stack()];
  const [a, b] = veth();
  here.addLink(a, '10.0.0.1/24');
  there.addLink(b, '10.0.0.2/24');
  const [speaker, hearer] = [new UdpSocket(host, here), new UdpSocket(host, there)];
  hearer.bind(7000);
  await once(hearer, 'listening');
  return { speaker, hearer };
}

async function heard(hearer: UdpSocket): Promise<string> {
  const [data, from] = (await once(hearer, 'message')) as [Buffer, RemoteInfo];
  return `${data.toString()} from ${from.address}`;
}

test('a group is joined, spoken to, and left', async () => {
  const { speaker, hearer } = await pair();
  hearer.addMembership(GROUP, '10.0.0.2');
  speaker.setMulticastInterface('10.0.0.1');
  expect([speaker.setMulticastTTL(3), speaker.setMulticastLoopback(false)]).toEqual([3, false]);
  const message = heard(hearer);
  speaker.send('hello', 7000, GROUP);
  expect(await message).toBe('hello from 10.0.0.1');
  hearer.dropMembership(GROUP, '10.0.0.2');
  expect(() => hearer.dropMembership(GROUP, '10.0.0.2')).toThrow('EADDRNOTAVAIL');
});

test('a broadcast takes setBroadcast', async () => {
  const { speaker, hearer } = await pair();
  const refused = await new Promise((resolve) => speaker.send('x', 7000, '10.0.0.255', resolve));
  expect(refused).toMatchObject({ code: 'EACCES' });
  speaker.setBroadcast(true);
  const message = heard(hearer);
  speaker.send('to all', 7000, '10.0.0.255');
  expect(await message).toBe('to all from 10.0.0.1');
});

test('joining binds a socket that is not bound; a closed one throws', async () => {
  const { speaker } = await pair();
  speaker.addMembership(GROUP, '10.0.0.1');
  expect(speaker.address().port).toBeGreaterThan(0);
  speaker.close();
  const calls = [
    () => speaker.addMembership(GROUP, '10.0.0.1'),
    () => speaker.dropMembership(GROUP),
    () => speaker.setMulticastInterface('10.0.0.1'),
  ];
  for (const call of calls) expect(call).toThrow('Not running');
});
