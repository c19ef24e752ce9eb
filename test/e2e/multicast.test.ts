// Groups between the kernel and our stack: joined on a TUN and a TAP, spoken to both ways, reports as tshark reads them.

import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host, UdpSocket } from '@tunstack/node';
import { nsenterCommand, openDevice, TunLink } from '@tunstack/tun';
import { requireTun } from '@tunstack/tun/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Running, run, tool } from '../support/namespace.ts';

const GROUP = '239.1.2.3';

/** Joins the group at the kernel, answers what it hears there to its sender, and says what it heard. */
const KERNEL_MEMBER = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (data, from) => {
  console.log('heard ' + data + ' from ' + from.address);
  socket.send('yes, ' + data, from.port, from.address);
});
socket.bind(5000, () => { socket.addMembership('${GROUP}', '10.9.0.1'); console.log('joined'); });
setTimeout(() => process.exit(0), 60000);
`;

/** Sends to the group, and to the broadcast address, from the kernel. */
const KERNEL_SENDER = `
const socket = require('node:dgram').createSocket('udp4');
socket.bind(6000, () => {
  socket.setMulticastInterface('10.9.0.1');
  socket.setBroadcast(true);
  socket.send('to the group', 7000, '${GROUP}', () =>
    socket.send('to another', 7000, '239.1.2.4', () =>
      socket.send('to all', 7000, '10.9.0.255', () => socket.close())));
});
`;

describe.skipIf(requireTun())('groups and the kernel', () => {
  test.each(['tun', 'tap'] as const)(
    'on a %s the kernel speaks to a group that we joined, and we to its',
    async (mode) => {
      const folder = mkdtempSync(join(tmpdir(), 'tunstack-multicast-'));
      const device = openDevice({ mode, netns: 'new', address: '10.9.0.1/24' });
      const enter = nsenterCommand(device);
      const host = new Host();
      const stack = host.stack();
      stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
      const file = join(folder, 'groups.pcapng');
      const dump = new Running([
        ...enter,
        tool('tshark'),
        '-i',
        device.name,
        '-w',
        file,
        // Each packet is said as it is written.
        '-P',
        '-l',
        '-a',
        'duration:60',
      ]);
      onTestFinished(async () => {
        await dump.stop('SIGINT');
        host.close();
        rmSync(folder, { recursive: true, force: true });
      });
      await dump.until(/Capturing on/);
      // It says so before it hears anything: it listens once it has heard one of our markers.
      while (!/Echo \(ping\)/.test(dump.stdout)) {
        await run([...enter, tool('ping'), '-c', '1', '-W', '1', '10.9.0.2']);
      }
      const pings = stack.stats.get('IcmpOutMsgs');

      const socket = new UdpSocket(host, stack);
      const heard: string[] = [];
      const messages = new EventEmitter();
      socket.on('message', (data, from) => {
        heard.push(`${data.toString()} ${from.address}`);
        messages.emit(`${heard.length}`);
      });
      const second = once(messages, '2');
      const third = once(messages, '3');
      await new Promise<void>((resolve) => socket.bind(7000, resolve));
      socket.addMembership(GROUP, '10.9.0.2');
      expect(await run([...enter, process.execPath, '-e', KERNEL_SENDER])).toMatchObject({
        code: 0,
        stderr: '',
      });
      await second;
      expect(heard).toEqual(['to the group 10.9.0.1', 'to all 10.9.0.1']);

      const member = new Running([...enter, process.execPath, '-e', KERNEL_MEMBER]);
      onTestFinished(async () => {
        await member.stop('SIGKILL');
      });
      await member.until(/joined/);
      socket.setMulticastInterface('10.9.0.2');
      socket.send('hello', 5000, GROUP);
      await member.until(/heard hello from 10\.9\.0\.2/);
      await third;
      expect(heard[2]).toBe('yes, hello 10.9.0.1');
      socket.dropMembership(GROUP, '10.9.0.2');
      socket.close();
      await dump.until(/Leave Group/i);
      await dump.stop('SIGINT');

      const fields = [
        'igmp.type',
        'igmp.maddr',
        'ip.dst',
        'ip.ttl',
        'ip.opt.ra',
        'igmp.checksum.status',
        'ip.checksum.status',
      ];
      const { stdout } = await run([
        tool('tshark'),
        ...['-r', file, '-o', 'ip.check_checksum:TRUE', '-Y', 'igmp && ip.src == 10.9.0.2', '-T', 'fields'],
        ...fields.flatMap((field) => ['-e', field]),
      ]);
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      expect(lines[0]).toEqual(['0x16', GROUP, GROUP, '1', '0', '1', '1']);
      expect(lines[lines.length - 1]).toEqual(['0x17', GROUP, '224.0.0.2', '1', '0', '1', '1']);
      const bad = await run([tool('tshark'), '-r', file, '-Y', '_ws.malformed && ip.src == 10.9.0.2']);
      expect(bad.stdout).toBe('');
      const other = mode === 'tap' ? 'ETHER_OTHER_GROUP' : 'IP_MULTICAST';
      expect(stack.stats.reason(other)).toBeGreaterThan(0);
      expect(stack.stats.get('IcmpOutMsgs')).toBe(pings);
    },
  );
});
