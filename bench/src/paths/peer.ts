// Our side of `paths` and `share`, a process of its own: the whole stack on the TUN inherited as fd 3, as sender or as receiver.
//   peer.js CONTROLLER source PORT              says "ready", and sends to whoever connects
//   peer.js CONTROLLER bulk-in HOST PORT SECONDS   connects, and says how much came, as tcp-peer does
// On SIGTERM it prints its counters.

import { Host } from '@tunstack/node';
import type { TcpHandler, TcpSocket } from '@tunstack/stack';
import { adoptDevice, TunLink } from '@tunstack/tun';

/** More than the largest path holds with its queue (5.6 MB), so that the network is what limits. */
const BUFFER_BYTES = 16 << 20;

const [controller, mode, ...words] = process.argv.slice(2);
const host = new Host();
const stack = host.stack({
  tcpCongestion: controller,
  tcpSendBytes: BUFFER_BYTES,
  tcpReceiveBytesMax: BUFFER_BYTES,
});
const device = adoptDevice({ fd: 3, mode: 'tun' });
const face = stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
stack.addRoute('0.0.0.0/0', face, '10.9.0.1');

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const chunk = new Uint8Array(131_072).fill(0x5a);

function pour(socket: TcpSocket): void {
  while (socket.sendOwned(chunk, () => {}));
}

function serve(port: number): void {
  const source: TcpHandler = {
    writable: pour,
    readable: (socket) => socket.consume(socket.unread),
    ended: (socket) => socket.abort(),
  };
  const listener = stack.tcpListener({
    acceptable(from) {
      for (let socket = from.accept(source); socket !== undefined; socket = from.accept(source)) pour(socket);
    },
  });
  listener.listen('0.0.0.0', port);
  process.stdout.write('ready\n');
}

/** Counts from the moment that the connection is there. */
function fetch(address: string, port: number, seconds: number): void {
  let bytes = 0;
  const socket = stack.tcpSocket({
    connected() {
      const begin = process.hrtime.bigint();
      setTimeout(() => {
        const took = Number(process.hrtime.bigint() - begin) / 1e9;
        print({ mode: 'bulk-in', seconds: took, bytes, rate: Math.round(bytes / took) });
        socket.abort();
      }, seconds * 1000);
    },
    readable(from) {
      for (let text = from.receive(); text !== undefined; text = from.receive()) {
        bytes += text.length;
        from.consume(text.length);
      }
    },
    error(_, { message }) {
      process.stderr.write(`peer: ${message}\n`);
      process.exit(1);
    },
  });
  socket.connect(address, port);
}

host.ref();
process.on('SIGTERM', () => {
  print(stack.stats.nstat());
  process.exit(0);
});
if (mode === 'source') serve(Number(words[0]));
else fetch(words[0], Number(words[1]), Number(words[2]));
