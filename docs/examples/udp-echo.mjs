import { Host, UdpSocket } from '@tunstack/node';
import { nsenterCommand, openDevice, TunLink } from '@tunstack/tun';

// A TUN in a network namespace of its own: the kernel is 10.9.0.1 there, we are 10.9.0.2.
const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });

const host = new Host();
const stack = host.stack();
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');

const socket = new UdpSocket(host, stack);
socket.on('message', (data, from) => socket.send(data, from.port, from.address));
socket.bind(7, () => console.log([...nsenterCommand(device), 'nc', '-u', '10.9.0.2', '7'].join(' ')));
