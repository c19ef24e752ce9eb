// Our side of the echo benches, a process of its own: the whole stack on the TUN inherited as fd 3, with a UDP echo
// socket on port 7. On SIGTERM it prints what bench/native/reflector.c prints.

import { Host } from '@tunstack/node';
import { adoptDevice, TunLink } from '@tunstack/tun';

const PORT = 7;

const host = new Host();
const stack = host.stack();
const link = new TunLink({ device: adoptDevice({ fd: 3, mode: 'tun' }), pool: host.pool });
stack.addLink(link, '10.9.0.2/24');

const socket = stack.udpSocket({
  readable(from) {
    for (let d = from.receive(); d !== undefined; d = from.receive()) {
      from.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
    }
  },
});
socket.bind('0.0.0.0', PORT);

process.on('SIGTERM', () => {
  const { user, system } = process.cpuUsage();
  const result = { packets: link.counters.txPackets, cpuSeconds: (user + system) / 1e6 };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
});
process.stdout.write('ready\n');
