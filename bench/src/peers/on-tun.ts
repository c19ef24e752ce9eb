// A peer that serves on a TUN, in a namespace of its own beside the client: all such peers alike, ours among them.

import { closeDevice, nsenterCommand, openDevice, TUN_F_CSUM, TUN_F_TSO4 } from '@tunstack/tun';
import { Child, cpuNs } from '../rig/child.ts';
import { says } from '../rig/command.ts';
import { placed } from '../rig/cpus.ts';
import { forgetTimeWait } from '../rig/namespace.ts';
import { KERNEL_ADDRESS, needTun } from '../rig/tun.ts';
import { type Contestant, endAll, PORTS, type Service, startOn } from './contestant.ts';
import type { Peer } from './peer.ts';

/** A peer as a contestant: checksum and segmentation offload where it has a vnet header, else none. */
export function onTun(peer: Peer): Contestant {
  return {
    name: peer.name,
    start: async ({ mtu, cpu }) => {
      needTun();
      const program = await peer.build();
      const device = openDevice({
        ...{ mode: 'tun', netns: 'new', address: KERNEL_ADDRESS, mtu },
        ...(peer.offload && { vnetHdr: true, offload: TUN_F_CSUM | TUN_F_TSO4 }),
        ...(peer.bulkQueue && { queues: 2 }),
      });
      const children: Child[] = [];
      const end = async (): Promise<void> => {
        await endAll(children);
        closeDevice(device);
      };
      return startOn(end, async () => {
        const enter = nsenterCommand(device);
        await forgetTimeWait(enter);
        const words = [...program, PORTS.sink, PORTS.source, PORTS.echo, mtu].map(String);
        const child = new Child(placed(cpu, words), device.fd, ...(device.bulkFd < 0 ? [] : [device.bulkFd]));
        children.push(child);
        await says(child, 'ready');
        // Its echo serves the ping-pong, too.
        const port = (service: Service): number => PORTS[service === 'ping-pong' ? 'echo' : service];
        return { enter, port, child, cpuNs: () => cpuNs(child.process.pid as number).process };
      });
    },
  };
}
