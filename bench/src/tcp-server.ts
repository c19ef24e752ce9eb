// Our side of the TCP bench, a process of its own: the whole stack on the TUN inherited as fd 3, with a sink, a source and
// an echo on three ports. Prints "ready", and serves until SIGTERM.

import { Host } from '@tunstack/node';
import { adoptDevice, TunLink } from '@tunstack/tun';

const host = new Host();
const stack = host.stack();
const device = adoptDevice({ fd: 3, mode: 'tun', vnetHdr: true });
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');

process.on('SIGTERM', () => process.exit(0));

// argv: SINK SOURCE ECHO, the ports. Sink: read and forget; on FIN, close. Source: send 128 KiB chunks as long as there
// is room; on FIN or RST, close. Echo: no delay; send what came, and stop reading while it cannot be sent; on FIN, close
// when all is sent.
console.error(`the stack has no TCP yet to serve ${process.argv.slice(2).join(', ')} with`);
process.exit(1);
