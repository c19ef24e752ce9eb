// The process that alloc.ts measures: echo through the whole stack on a link in memory, with a young generation so large
// that nothing is collected meanwhile. Prints octets allocated per packet as JSON.  argv: icmp|udp PAYLOAD PACKETS

import { PerformanceObserver } from 'node:perf_hooks';
import { Stack } from '@tunstack/stack';
import { PacketPool } from '@tunstack/stack/contract';
import { AllocLink } from './alloc-link.ts';
import { echoRequest, udpRequest } from './frames.ts';

const BATCH = 256;
const WARM_UP = 200_000;

const [protocol, payload, count] = process.argv.slice(2);
let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

// A clock that stands still: readings of the real one are doubles, a few octets a batch.
const clock = { nowMs: () => 1, nowUs: () => 1000 };
const entropy = { int32: () => 0x1234_5678 };
const pool = new PacketPool();
const stack = new Stack({ clock, entropy, pool });
const frame = protocol === 'udp' ? udpRequest(Number(payload)) : echoRequest(Number(payload));
const link = new AllocLink(pool, frame, BATCH);
stack.addLink(link, '10.9.0.2/24');
const socket = stack.udpSocket({
  readable(from) {
    for (let d = from.receive(); d !== undefined; d = from.receive()) {
      from.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
    }
  },
});
socket.bind('0.0.0.0', 7);

/** Pumps until so many packets were answered. */
function pump(packets: number): void {
  const end = link.counters.txPackets + packets;
  while (link.counters.txPackets < end) {
    const before = link.counters.txPackets;
    stack.pump();
    if (link.counters.txPackets === before)
      throw new Error(`nothing was answered: ${JSON.stringify(stack.stats.drops())}`);
  }
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

pump(WARM_UP);
// What was compiled in the warm-up settles; entries of the observer come in a later turn of the event loop.
setTimeout(() => {
  collections = 0;
  const packets = Number(count);
  const before = used();
  const start = process.hrtime.bigint();
  pump(packets);
  const ns = Number(process.hrtime.bigint() - start);
  const after = used();
  setTimeout(() => {
    const result = { bytes: (after - before) / packets, ns: ns / packets, collections };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }, 50);
}, 200);
