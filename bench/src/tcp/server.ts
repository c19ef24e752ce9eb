// Our side of the TCP benches, a process of its own: the whole stack on the TUN inherited as fd 3. A peer as peers/peer.ts has it.
//   server.js [--no-offload] SINK_PORT SOURCE_PORT ECHO_PORT [MTU]     prints "ready", serves until SIGTERM

import { parseArgs } from 'node:util';
import { Host } from '@tunstack/node';
import type { TcpHandler, TcpSocket } from '@tunstack/stack';
import { adoptDevice, TunLink } from '@tunstack/tun';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-offload': { type: 'boolean', default: false } },
});
const [sinkPort, sourcePort, echoPort, mtu = '1500'] = positionals;

const host = new Host();
const stack = host.stack();
const device = adoptDevice({ fd: 3, mode: 'tun', vnetHdr: !values['no-offload'], mtu: Number(mtu) });
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');

const chunk = new Uint8Array(131_072).fill(0x5a);

const sink: TcpHandler = {
  readable(socket) {
    for (let text = socket.receive(); text !== undefined; text = socket.receive())
      socket.consume(text.length);
  },
  ended: (socket) => socket.close(),
};

/** Without copying: the same memory again and again, it never changes. */
function pour(socket: TcpSocket): void {
  while (socket.sendOwned(chunk, () => {}));
}

const source: TcpHandler = {
  connected: pour,
  writable: pour,
  readable: (socket) => socket.consume(socket.unread),
  ended: (socket) => socket.abort(),
};

/** Reads no more than it can send. */
function echoMore(socket: TcpSocket): void {
  for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
    const sent = socket.send(text.bytes, text.offset, text.length);
    if (sent === 0) return;
    socket.consume(sent);
  }
  if (socket.ended) socket.close();
}

const echo: TcpHandler = { readable: echoMore, writable: echoMore, ended: echoMore };

function serve(port: number, handler: TcpHandler, begin: (socket: TcpSocket) => void): void {
  const listener = stack.tcpListener({
    acceptable(from) {
      for (let socket = from.accept(handler); socket !== undefined; socket = from.accept(handler))
        begin(socket);
    },
  });
  listener.listen('0.0.0.0', port);
}

serve(Number(sinkPort), sink, () => {});
serve(Number(sourcePort), source, pour);
serve(Number(echoPort), echo, (socket) => {
  socket.noDelay = true;
});

process.on('SIGTERM', () => process.exit(0));
process.stdout.write('ready\n');
