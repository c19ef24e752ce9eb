// A small HTTP/1.1 server (RFC 9112) on TcpServer of packages/node: what curl and the like ask for in tests.
//   GET /octets/N     N octets of the pattern, Content-Length
//   HEAD              the head of the same
//   POST /echo        the body back, chunk by chunk as it comes
// Connections are kept, unless the client says `Connection: close`.

import { type Host, TcpServer, type TcpSocket } from '@tunstack/node';
import type { Stack } from '@tunstack/stack';
import { PATTERN } from './tcp-services.ts';

/** Requests so far, as `METHOD /path`. */
export interface HttpLog {
  readonly requests: string[];
  connections: number;
  readonly errors: string[];
}

/** Serves on port 80 of the stack. */
export function serveHttp(host: Host, stack: Stack): HttpLog {
  const log: HttpLog = { requests: [], connections: 0, errors: [] };
  const server = new TcpServer(host, stack, (socket) => {
    log.connections++;
    socket.on('error', ({ message }: Error) => log.errors.push(message));
    serveConnection(socket, log).catch((error: unknown) => {
      log.errors.push(String(error));
      socket.destroy();
    });
  });
  server.listen(80);
  return log;
}

async function serveConnection(socket: TcpSocket, log: HttpLog): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  const more = async (): Promise<boolean> => {
    const { value, done } = await chunks.next();
    if (done === true) return false;
    rest = Buffer.concat([rest, value]);
    return true;
  };
  for (;;) {
    while (!rest.includes('\r\n\r\n')) if (!(await more())) return;
    const headEnd = rest.indexOf('\r\n\r\n') + 4;
    const head = rest.subarray(0, headEnd).toString('latin1');
    rest = rest.subarray(headEnd);
    const [method, path] = head.split(' ');
    log.requests.push(`${method} ${path}`);
    let body = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (/^expect: *100-continue/im.test(head))
      await write(socket, Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
    const length = path.startsWith('/octets/') ? Number(path.slice('/octets/'.length)) : body;
    await write(socket, Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`));
    if (method === 'GET') await pour(socket, length);
    while (body > 0) {
      if (rest.length === 0 && !(await more())) return;
      const part = rest.subarray(0, body);
      rest = rest.subarray(part.length);
      body -= part.length;
      await write(socket, part);
    }
    if (/^connection: *close/im.test(head)) {
      socket.end();
      return;
    }
  }
}

async function pour(socket: TcpSocket, octets: number): Promise<void> {
  for (let at = 0; at < octets; at += PATTERN.length) {
    await write(socket, Buffer.from(PATTERN.buffer, 0, Math.min(PATTERN.length, octets - at)));
  }
}

/** Waits for room where there is none. */
async function write(socket: TcpSocket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await new Promise((resolve) => socket.once('drain', resolve));
}
