// The kernel's TCP over a veth pair: C servers that block, or Node's own net.

import { built } from '../rig/built.ts';
import { Child } from '../rig/child.ts';
import { says } from '../rig/command.ts';
import { placed } from '../rig/cpus.ts';
import { VethPair } from '../rig/namespace.ts';
import { nativeProgram } from '../rig/native.ts';
import { type Contestant, endAll, PORTS, startOn } from './contestant.ts';

/** The kernel's default may be BBR, which paces: not what is compared. */
export const CONGESTION = ['-C', 'cubic'] as const;

/** A server for each service: what the kernel can do at its best. */
async function servers(): Promise<string[][]> {
  const program = await nativeProgram('tcp-peer');
  const modes = { sink: 'sink', source: 'source', echo: 'echo', 'ping-pong': 'pingpong-server' } as const;
  return Object.entries(modes).map(([service, mode]) => {
    return [program, ...CONGESTION, mode, `${PORTS[service as keyof typeof modes]}`];
  });
}

function overVeth(name: string, programs: () => Promise<readonly string[][]>): Contestant {
  return {
    name,
    start: async ({ mtu, cpu }) => {
      const veth = await VethPair.open(mtu);
      const children: Child[] = [];
      const end = async (): Promise<void> => {
        await endAll(children);
        await veth.close();
      };
      return startOn(end, async () => {
        for (const words of await programs()) {
          const child = new Child([...veth.server.enter, ...placed(cpu, words)]);
          children.push(child);
          await says(child, 'ready');
        }
        return { enter: veth.client.enter, port: (service) => PORTS[service] };
      });
    },
  };
}

export const kernel: Contestant = overVeth('kernel over veth', servers);

/** The same program as `oursAsNode`, with node:net. */
export const nodeNet: Contestant = {
  ...overVeth('node:net over veth', () =>
    Promise.resolve([[process.execPath, built('tcp/request-server.js'), `${PORTS.requests}`, 'net']]),
  ),
  compiles: true,
};
