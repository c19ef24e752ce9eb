// Our side of the TCP benches, a process of its own: the whole stack on the TUN inherited as fd 3. A peer as peers/peer.ts has it.
//   server.js [--no-offload] SINK_PORT SOURCE_PORT ECHO_PORT [MTU]     prints "ready", serves until SIGTERM

import { parseArgs } from 'node:util';
import { Host } from '@tunstack/node';
import { adoptDevice, TunLink } from '@tunstack/tun';
import { serveBulk } from './services.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-offload': { type: 'boolean', default: false } },
});
const [sinkPort, sourcePort, echoPort, mtu = '1500'] = positionals;

const host = new Host();
const stack = host.stack();
const vnetHdr = !values['no-offload'];
const device = adoptDevice({ fd: 3, bulkFd: vnetHdr ? 4 : -1, mode: 'tun', vnetHdr, mtu: Number(mtu) });
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');

serveBulk(stack, Number(sinkPort), Number(sourcePort), Number(echoPort));

process.on('SIGTERM', () => process.exit(0));
process.stdout.write('ready\n');
