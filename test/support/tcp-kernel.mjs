// The kernel's TCP behind node:net, for what tcp-peer does not do. Says what it does, a line each.
//   node tcp-kernel.mjs reset-server PORT              answers the first octets with a RST (SO_LINGER 0)
//   node tcp-kernel.mjs receive HOST PORT              reads to the end: {bytes, sha256}
//   node tcp-kernel.mjs lazy-receive HOST PORT         the same, but nothing before SIGUSR2
//   node tcp-kernel.mjs send HOST PORT BYTES           that many octets of a pattern, then FIN: {bytes, sha256}
//   node tcp-kernel.mjs drip HOST PORT COUNT MS        an octet each MS, then FIN; ends with the peer's

import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';

const [mode, ...words] = process.argv.slice(2);

function resetServer(port) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  server.listen(port, () => console.log('ready'));
}

function receive(host, port, lazy) {
  const hash = createHash('sha256');
  let bytes = 0;
  const socket = connect({ host, port }, () => console.log('connected'));
  const read = () =>
    socket.on('data', (data) => {
      bytes += data.length;
      hash.update(data);
    });
  // A socket that nobody reads keeps no process alive.
  const hold = setInterval(() => {}, 1000);
  if (lazy) process.once('SIGUSR2', read);
  else read();
  socket.on('end', () => {
    clearInterval(hold);
    console.log(JSON.stringify({ bytes, sha256: hash.digest('hex') }));
  });
}

function send(host, port, count) {
  const hash = createHash('sha256');
  const pattern = Buffer.from(Uint8Array.from({ length: 65_521 }, (_, i) => (i * 11 + (i >> 8)) & 255));
  let left = count;
  const socket = connect({ host, port });
  const more = () => {
    while (left > 0) {
      const data = pattern.subarray(0, left);
      left -= data.length;
      hash.update(data);
      if (!socket.write(data)) return;
    }
    socket.end();
  };
  socket.on('connect', more).on('drain', more).resume();
  socket.on('end', () => console.log(JSON.stringify({ bytes: count, sha256: hash.digest('hex') })));
}

function drip(host, port, count, ms) {
  let left = count;
  const socket = connect({ host, port, noDelay: true }, () => {
    const timer = setInterval(() => {
      socket.write('x');
      if (--left > 0) return;
      clearInterval(timer);
      socket.end();
    }, ms);
  });
  socket.resume();
  socket.on('close', () => console.log('closed'));
}

if (mode === 'reset-server') resetServer(Number(words[0]));
else if (mode.endsWith('receive')) receive(words[0], Number(words[1]), mode !== 'receive');
else if (mode === 'send') send(words[0], ...words.slice(1).map(Number));
else if (mode === 'drip') drip(words[0], ...words.slice(1).map(Number));
else throw new Error(`no mode '${mode}'`);
