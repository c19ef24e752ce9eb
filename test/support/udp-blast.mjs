// The kernel's side of a UDP flood: sends N numbered datagrams to an echo service and counts what comes back.
// node udp-blast.mjs ADDRESS PORT COUNT SIZE IN_FLIGHT: prints {sent, received, wrong} as JSON.

import { createSocket } from 'node:dgram';

const [address, port, count, size, inFlight] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
const data = Buffer.alloc(size, 0x5a);
const seen = new Uint8Array(count);
let sent = 0;
let received = 0;
let wrong = 0;
let quiet;

socket.on('message', (got) => {
  const number = got.length === size ? got.readUInt32BE() : count;
  if (number >= count || seen[number] === 1) wrong++;
  else {
    seen[number] = 1;
    received++;
  }
  more();
});

function more() {
  clearTimeout(quiet);
  for (let burst = 0; burst < 32 && sent < count && sent - received < inFlight; burst++) {
    data.writeUInt32BE(sent++);
    socket.send(Buffer.from(data));
  }
  if (received === count) end();
  // Nothing came for a while: what is missing is lost, and more may go.
  else quiet = setTimeout(sent === count ? end : skip, 1000);
}

function skip() {
  sent = Math.max(sent, received);
  data.writeUInt32BE(sent++);
  socket.send(Buffer.from(data));
  more();
}

function end() {
  clearTimeout(quiet);
  console.log(JSON.stringify({ sent, received, wrong }));
  socket.close();
}

socket.connect(port, address, more);
