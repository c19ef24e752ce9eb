import { Host, TcpServer } from '@tunstack/node';
import { nsenterCommand, openDevice, TunLink } from '@tunstack/tun';

const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
const host = new Host();
const stack = host.stack();
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');

// A Duplex each: pipe, pipeline, async iteration. Who does not read is not sent to.
const server = new TcpServer(host, stack, (socket) => {
  socket.on('error', (error) => console.error(error.message));
  socket.pipe(socket);
});
server.listen(7, () => console.log([...nsenterCommand(device), 'nc', '-N', '10.9.0.2', '7'].join(' ')));
