// Connections opened, used and closed by the ten thousand: memory afterwards is what it was before. `SOAK=1` opens a million.
// RFC 9293 3.4.2, 3.6.1: TIME-WAIT is waited out in virtual time.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { tcpTables, World } from '@tunstack/sim';
import type { Stack, TcpHandler, TcpSocket } from '@tunstack/stack';
import { setChecks } from '@tunstack/stack/base';
import { afterEach, expect, test } from 'vitest';

const soak = process.env.SOAK === '1';
const connections = soak ? 1_000_000 : 20_000;
/** Opened between two looks at the heap; each wave within them has its own TIME-WAIT. */
const CHECKPOINTS = 5;
const WAVE = 2000;
const AT_ONCE = 50;
const TIME_WAIT_MS = 60_000;
const PORT = 7;
/**
 * What a heap may differ by without anything having stayed: what the engine compiles and caches. An octet a connection in the
 * long run, 52 in the short one: less than any record of a connection.
 */
const HEAP_SLACK_BYTES = 1 << 20;

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

// Production's memory is what counts: poison and invariants would look at every connection at every turn.
afterEach(() => setChecks(true));

function heapBytes(): number {
  for (let i = 0; i < 4; i++) collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}

class Churn {
  readonly world: World = new World({ seed: 5 });
  readonly client: Stack;
  readonly server: Stack;
  opened = 0;
  echoed = 0;
  over = 0;

  constructor() {
    const { world } = this;
    this.client = world.stack();
    this.server = world.stack();
    const wire = world.wire({ impairment: { delayUs: 500 } });
    this.client.addLink(wire.ends[0], '10.0.0.1/24');
    this.server.addLink(wire.ends[1], '10.0.0.2/24');
    const handler = echo();
    const listener = this.server.tcpListener({
      acceptable: (l) => {
        for (let s = l.accept(handler); s !== undefined; s = l.accept(handler));
      },
    });
    listener.listen('0.0.0.0', PORT, { backlog: AT_ONCE });
  }

  /** Opens so many, each used and closed, and waits until nobody remembers them. */
  run(count: number): void {
    for (let wave = 0; wave < count; wave += WAVE) {
      for (let i = 0; i < WAVE; i += AT_ONCE) {
        const until = this.over + AT_ONCE;
        for (let k = 0; k < AT_ONCE; k++) this.open();
        if (!this.world.runUntil(() => this.over === until, 10_000))
          throw new Error('a connection never ended');
      }
      this.world.runFor(2 * TIME_WAIT_MS);
    }
  }

  private open(): void {
    // An odd octet asks the server to close first.
    const octet = this.opened++ & 0xff;
    const socket = this.client.tcpSocket({
      connected: (s) => s.send(Uint8Array.of(octet)),
      readable: (s) => {
        if (take(s) !== octet) throw new Error('another octet came back');
        this.echoed++;
        if (octet % 2 === 0) s.end();
      },
      ended: (s) => s.end(),
      closed: (s) => {
        this.over++;
        s.close();
      },
    });
    socket.connect('10.0.0.2', PORT);
  }
}

function echo(): TcpHandler {
  return {
    readable: (s) => {
      const octet = take(s);
      s.send(Uint8Array.of(octet));
      if (octet % 2 === 1) s.end();
    },
    ended: (s) => s.end(),
    closed: (s) => s.close(),
  };
}

function take(socket: TcpSocket): number {
  const text = socket.receive();
  const octet = text === undefined ? -1 : text.bytes[text.offset];
  if (text !== undefined) socket.consume(text.length);
  return octet;
}

test(`${connections} connections leave memory where it was`, { timeout: 1_200_000 }, () => {
  setChecks(false);
  const churn = new Churn();
  const { world, client, server } = churn;
  const empty = [client, server].map(tcpTables);
  // Pools, tables and compiled code reach their size.
  churn.run(2 * WAVE);
  const arenas = { count: world.pool.arenas.count, chunks: world.pool.chunks.allocatedBytes };
  const before = heapBytes();
  const grown: number[] = [];
  for (let i = 0; i < CHECKPOINTS; i++) {
    churn.run(connections / CHECKPOINTS);
    grown.push(heapBytes() - before);
    expect([client, server].map(tcpTables)).toEqual(empty);
    expect(world.pool.inUse).toBe(0);
    expect(world.pool.chunks.inUseBytes).toBe(0);
  }
  expect({ count: world.pool.arenas.count, chunks: world.pool.chunks.allocatedBytes }).toEqual(arenas);
  expect(churn.echoed).toBe(churn.opened);
  // Both ends closed first, one as often as the other.
  const [active, passive] = [client, server].map((stack) => stack.stats.get('TcpExtTW'));
  expect(active).toBe(churn.opened / 2);
  expect(passive).toBe(churn.opened / 2);
  if (soak || process.env.SEED !== undefined)
    process.stdout.write(`tcp churn: heap grew by ${grown.join(', ')} octets\n`);
  expect(Math.max(...grown)).toBeLessThan(HEAP_SLACK_BYTES);
  world.close();
});
