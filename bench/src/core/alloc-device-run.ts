// The process that alloc.ts measures for what a device costs: one echo request at a time, sent and answered through the addon over a
// pair of sockets: a bare device asks, and the stack with its host answers, or another bare device, which sends back what came. Prints
// octets per round trip as JSON.
//   argv: stack|bare ROUND_TRIPS

import { PerformanceObserver } from 'node:perf_hooks';
import { Host } from '@tunstack/node';
import { adoptDevice, Device, socketPair, TunLink, WRITE_STRIDE } from '@tunstack/tun';
import { echoRequest } from './frames.ts';

const PAYLOAD = 56;
const WARM_UP = 100_000;

const [kind, words] = process.argv.slice(2);
const count = Number(words);
let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const [near, far] = socketPair({ sequenced: true });

function failed(errno: number): never {
  throw new Error(`a device failed: errno ${errno}`);
}

function answerByStack(): void {
  const host = new Host();
  const link = new TunLink({ device: adoptDevice({ fd: near, mode: 'tun' }), pool: host.pool });
  host.stack().addLink(link, '10.9.0.2/24');
}

function answerBare(): void {
  const writes = new Int32Array(WRITE_STRIDE);
  const device = new Device({
    fd: near,
    onReadable() {
      writes[0] = 1;
      writes[2] = device.records[0];
      writes[3] = device.records[1];
      device.write(writes, 0, 1);
      device.consumed();
    },
    onError: failed,
  });
  device.bindArena(0, device.slab);
  device.watchReadable(true);
}

if (kind === 'stack') answerByStack();
else answerBare();

const request = echoRequest(PAYLOAD);
/** One packet of one piece: see Device.write. */
const record = new Int32Array(WRITE_STRIDE);
let left = 0;
let done: () => void = () => {};

const peer = new Device({
  fd: far,
  onReadable() {
    peer.consumed();
    if (--left > 0) ask();
    else done();
  },
  onError: failed,
});
peer.bindArena(0, request);
peer.watchReadable(true);

function ask(): void {
  record[0] = 1;
  record[3] = request.length;
  peer.write(record, 0, 1);
}

function run(trips: number): Promise<void> {
  left = trips;
  return new Promise((resolve) => {
    done = resolve;
    ask();
  });
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

await run(WARM_UP);
// What was compiled in the warm-up settles; entries of the observer come in a later turn of the event loop.
await new Promise((resolve) => setTimeout(resolve, 200));
collections = 0;
const before = used();
await run(count);
const bytes = (used() - before) / count;
await new Promise((resolve) => setTimeout(resolve, 50));
process.stdout.write(`${JSON.stringify({ bytes, collections })}\n`, () => process.exit(0));
