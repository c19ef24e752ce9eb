// What our side of the TCP benches does: a sink, a source and an echo, on a stack that somebody else made.

import type { Stack, TcpHandler, TcpSocket } from '@tunstack/stack';

const chunk = new Uint8Array(131_072).fill(0x5a);

const sink: TcpHandler = {
  readable(socket) {
    for (let text = socket.receive(); text !== undefined; text = socket.receive())
      socket.consume(text.length);
  },
  ended: (socket) => socket.close(),
};

/** It is sent again and again, and never changes. One function for all: a new one each time would be what the collector collects. */
const released = (): void => {};

/** Without copying. */
function pour(socket: TcpSocket): void {
  while (socket.sendOwned(chunk, released));
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

function serve(stack: Stack, port: number, handler: TcpHandler, begin: (socket: TcpSocket) => void): void {
  const listener = stack.tcpListener({
    acceptable(from) {
      for (let socket = from.accept(handler); socket !== undefined; socket = from.accept(handler))
        begin(socket);
    },
  });
  listener.listen('0.0.0.0', port);
}

/** The three of them, each on its port. */
export function serveBulk(stack: Stack, sinkPort: number, sourcePort: number, echoPort: number): void {
  serve(stack, sinkPort, sink, () => {});
  serve(stack, sourcePort, source, pour);
  serve(stack, echoPort, echo, (socket) => {
    socket.noDelay = true;
  });
}
