// The same job without a TUN: two stacks on an in-memory wire, one answers, the other asks.

import { randomBytes } from 'node:crypto';
import { veth } from '@tunstack/links';
import { Host, TcpSocket } from '@tunstack/node';
import type { CheckResult } from './self-check.ts';
import { ECHO_PORT, Services } from './services.ts';

const PINGS = 3;
const LIMIT_MS = 2000;
const TCP_BYTES = 1 << 20;
const SAME = `sent ${TCP_BYTES} octets and got back the same`;

/** Pings, echoes by UDP and by TCP between two stacks; answers what came of it. */
export async function memoryCheck(): Promise<CheckResult[]> {
  const host = new Host();
  const [answering, asking] = [host.stack(), host.stack()];
  const [a, b] = veth();
  answering.addLink(a, '10.9.0.2/24');
  asking.addLink(b, '10.9.0.1/24');
  const services = new Services(answering);
  host.ref();
  try {
    const replies = await collect(PINGS, (got) => {
      const socket = asking.echoSocket({
        readable(s) {
          for (let d = s.receive(); d !== undefined; d = s.receive()) got(`seq=${d.sequence} ttl=${d.ttl}`);
        },
      });
      for (let i = 1; i <= PINGS; i++) socket.send('10.9.0.2', i, new Uint8Array(56));
    });
    const echoes = await collect(1, (got) => {
      const socket = asking.udpSocket({
        readable(s) {
          for (let d = s.receive(); d !== undefined; d = s.receive()) got(`${d.length} octets`);
        },
      });
      socket.sendTo(new TextEncoder().encode('hello'), 0, 5, '10.9.0.2', ECHO_PORT);
    });
    const socket = new TcpSocket(host, asking);
    const data = randomBytes(TCP_BYTES);
    const octets: Uint8Array[] = [];
    const came = await collect(1, (got) => {
      socket.on('data', (part: Uint8Array) => octets.push(part));
      socket.on('error', (error) => got(error.message));
      socket.on('end', () => got(Buffer.concat(octets).equals(data) ? SAME : 'other octets'));
      socket.connect(ECHO_PORT, '10.9.0.2').end(data);
    });
    socket.destroy();
    return [
      { name: 'ping 10.9.0.2', ok: replies.length === PINGS, detail: `${replies.length}/${PINGS} replies` },
      { name: `udp 10.9.0.2 ${ECHO_PORT}`, ok: echoes.length === 1, detail: echoes.join() || 'no answer' },
      { name: `tcp 10.9.0.2 ${ECHO_PORT}`, ok: came[0] === SAME, detail: came.join() || 'no answer' },
    ];
  } finally {
    services.close();
    host.unref();
    host.close();
  }
}

/** What `start` hands to `got`, until there are `count` of it or time is up. */
function collect(count: number, start: (got: (item: string) => void) => void): Promise<string[]> {
  return new Promise((resolve) => {
    const items: string[] = [];
    const timer = setTimeout(() => resolve(items), LIMIT_MS);
    start((item) => {
      items.push(item);
      if (items.length < count) return;
      clearTimeout(timer);
      resolve(items);
    });
  });
}
