// A client of the kernel's that opens connections and holds them.    holder.js HOST PORT COUNT     prints "ready" when all are open

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [host, port, count] = process.argv.slice(2);
const held: Socket[] = [];
while (held.length < Number(count)) {
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  held.push(socket);
}
process.on('SIGTERM', () => process.exit(0));
process.stdout.write('ready\n');
