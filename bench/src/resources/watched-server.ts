// tcp/server.ts under observation: what the collector took, what the stack counted while its event loop stood still; a crowd of idle
// connections beside what is measured; and connections that are kept alive.
//   watched-server.js CROWD SINK_PORT SOURCE_PORT ECHO_PORT MTU       prints "ready" when the crowd is connected
//   SIGUSR2: stands still for two seconds; a while after prints what it counted since, as JSON
//   SIGTERM: prints what the collector took, as JSON, and ends

import { writeSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { Host } from '@tunstack/node';
import { C, type Stack, type TcpSocket } from '@tunstack/stack';
import { adoptDevice, TunLink } from '@tunstack/tun';
import { median } from '../rows.ts';
import { serveBulk } from '../tcp/services.ts';
import { CROWD_ADDRESS, CROWD_PORT, Crowd } from './crowd.ts';
import { BLOCKED_MS, type Blocked, type Collected, KEEP_ALIVE_MS, KEPT_PORT } from './watched.ts';

/** After the blockage: longer than any timeout that it could have caused. */
const LOOK_AFTER_MS = 1500;

/** What is collected before is of the start: modules, code that is compiled. */
const START_MS = 3000;

const [crowdSize, sinkPort, sourcePort, echoPort, mtu] = process.argv.slice(2).map(Number);

const host = new Host();
const stack = host.stack({ tcpConnectionsMax: Math.max(262_144, crowdSize + 1024) });
const device = adoptDevice({ fd: 3, bulkFd: 4, mode: 'tun', vnetHdr: true, mtu });
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
serveBulk(stack, sinkPort, sourcePort, echoPort);

const collected: Collected = {
  longestMs: 0,
  medianMs: 0,
  longestKind: 0,
  longestAtMs: 0,
  totalMs: 0,
  collections: 0,
};
const observer = new PerformanceObserver((list) => collect(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });

/** As perf_hooks' entries of type gc are. */
interface Collection {
  readonly duration: number;
  readonly startTime: number;
  readonly detail?: unknown;
}

const durations: number[] = [];

function collect(entries: readonly Collection[]): void {
  for (const { duration, startTime, detail } of entries) {
    if (startTime < START_MS) continue;
    durations.push(duration);
    collected.collections++;
    collected.totalMs += duration;
    if (duration <= collected.longestMs) continue;
    collected.longestMs = duration;
    collected.longestAtMs = startTime;
    collected.longestKind = (detail as { kind: number }).kind;
  }
}

function tell(value: object): void {
  writeSync(1, `${JSON.stringify(value)}\n`);
}

/** Connections that are held, and nothing else. */
function hold(on: Stack, port: number, begin: (socket: TcpSocket) => void): TcpSocket[] {
  const held: TcpSocket[] = [];
  const listener = on.tcpListener({
    acceptable(from) {
      for (let socket = from.accept({}); socket !== undefined; socket = from.accept({})) {
        held.push(socket);
        begin(socket);
      }
    },
  });
  listener.listen('0.0.0.0', port, { backlog: 4096 });
  return held;
}

function counters(): Blocked {
  const { counters: counted } = stack.stats;
  return {
    timeouts: counted[C.TcpExtTCPTimeouts],
    retransmitted: counted[C.TcpRetransSegs],
    lossProbes: counted[C.TcpExtTCPLossProbes],
    resets: counted[C.TcpOutRsts],
  };
}

process.on('SIGUSR2', () => {
  const before = counters();
  const end = performance.now() + BLOCKED_MS;
  while (performance.now() < end);
  setTimeout(() => {
    const after = counters();
    const names = Object.keys(before) as (keyof Blocked)[];
    tell(Object.fromEntries(names.map((name) => [name, after[name] - before[name]])));
  }, LOOK_AFTER_MS);
});

process.on('SIGTERM', () => {
  collect(observer.takeRecords());
  if (durations.length > 0) collected.medianMs = median(durations);
  tell(collected);
  process.exit(0);
});

async function gather(count: number): Promise<void> {
  const crowd = new Crowd(host.pool, { manyAddresses: false, requestBytes: 0 });
  stack.addLink(crowd, CROWD_ADDRESS);
  const held = hold(stack, CROWD_PORT, () => {});
  crowd.open(count);
  while (held.length < count) await new Promise((resolve) => setImmediate(resolve));
}

hold(stack, KEPT_PORT, (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS, KEEP_ALIVE_MS));
if (crowdSize > 0) await gather(crowdSize);
writeSync(1, 'ready\n');
