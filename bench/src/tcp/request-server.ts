// The server of the requests bench, written for node:net: 100 octets of request, 1024 of answer, any number of connections.
// It is given node:net, or our module on the TUN inherited as fd 3, and does not know which.
//   request-server.js PORT net|ours [SINK_PORT SOURCE_PORT ECHO_PORT MTU]     prints "ready", serves until SIGTERM

import { createServer } from 'node:net';
import { Host, TcpServer } from '@tunstack/node';
import { adoptDevice, TunLink } from '@tunstack/tun';
import { STACK_ADDRESS } from '../rig/tun.ts';

const REQUEST_BYTES = 100;
const ANSWER_BYTES = 1024;

/** What it needs of a socket, and of a module. */
interface Socket {
  on(event: 'data', heard: (data: Uint8Array) => void): unknown;
  on(event: 'error', heard: (error: Error) => void): unknown;
  write(data: Uint8Array): boolean;
  destroy(): unknown;
  setNoDelay(on: boolean): unknown;
}
type Listen = (serve: (socket: Socket) => void, port: number, listening: () => void) => void;

const answer = new Uint8Array(ANSWER_BYTES).fill(0x5a);

function serve(socket: Socket): void {
  let unanswered = 0;
  socket.setNoDelay(true);
  socket.on('data', (data) => {
    unanswered += data.length;
    for (; unanswered >= REQUEST_BYTES; unanswered -= REQUEST_BYTES) socket.write(answer);
  });
  socket.on('error', () => socket.destroy());
}

const listenByNet: Listen = (heard, port, listening) => {
  createServer(heard).listen(port, listening);
};

function listenByOurs(mtu: number): Listen {
  const host = new Host();
  const stack = host.stack();
  const device = adoptDevice({ fd: 3, bulkFd: 4, mode: 'tun', vnetHdr: true, mtu });
  stack.addLink(new TunLink({ device, pool: host.pool }), `${STACK_ADDRESS}/24`);
  return (heard, port, listening) => {
    new TcpServer(host, stack, heard).listen(port, listening);
  };
}

const [port, module, , , , mtu = '1500'] = process.argv.slice(2);
const listen = module === 'net' ? listenByNet : listenByOurs(Number(mtu));
process.on('SIGTERM', () => process.exit(0));
listen(serve, Number(port), () => process.stdout.write('ready\n'));
