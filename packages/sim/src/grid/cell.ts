// One cell of the throughput grid: one sender, one receiver, one bottleneck, so and so much loss, reordering, round trip
// and queue, in virtual time. Equal cells give equal numbers, on any machine.

import { World } from '../world.ts';
import { Flow } from './flow.ts';

export interface Cell {
  /** Shares, 0 .. 1, of what the sender sends. */
  readonly loss: number;
  readonly reorder: number;
  /** Propagation there and back, without the queue. */
  readonly rttMs: number;
  /** The queue in front of the bottleneck, in bandwidth-delay products. */
  readonly queueBdp: number;
  readonly rateMbit: number;
  /** 'reno', 'cubic', 'bbr'. */
  readonly controller: string;
  /** Virtual seconds from the first SYN on. */
  readonly seconds: number;
  readonly seed: number;
}

export interface CellResult {
  /** Text that the receiver read, over the time since the connection was established. */
  readonly goodputMbit: number;
  readonly delivered: number;
  /** As nstat counts them: segments that went again, timeouts, recoveries begun by duplicates or SACK. */
  readonly retransmits: number;
  readonly timeouts: number;
  readonly fastRetransmits: number;
  /** Packets that were lost by chance, and that found the queue full. */
  readonly lost: number;
  readonly overflowed: number;
  /** Of the sender, at the end. */
  readonly srttMs: number;
  readonly cwnd: number;
}

/** A reordered packet is this late: four packets of 1500 octets at 50 Mbit/s. */
const REORDER_US = 1000;
/** Neither buffer is to be what limits: 300 ms at 50 Mbit/s with a queue twice as long are 5.6 MB. */
const BUFFER_BYTES = 16 << 20;
const PORT = 7;

/**
 * Runs it.
 *
 * @example
 * runCell({ loss: 0.01, reorder: 0, rttMs: 20, queueBdp: 2, rateMbit: 50, controller: 'reno', seconds: 2, seed: 1 });
 */
export function runCell(cell: Cell): CellResult {
  const { loss, reorder, rttMs, queueBdp, rateMbit, seconds, seed } = cell;
  const world = new World({ seed });
  try {
    const options = {
      tcpSendBytes: BUFFER_BYTES,
      tcpReceiveBytesMax: BUFFER_BYTES,
      tcpCongestion: cell.controller,
    };
    const [sender, receiver] = [world.host('sender', options), world.host('receiver', options)];
    const delayUs = (rttMs * 1000) / 2;
    const rateBps = rateMbit * 1e6;
    const wire = world.connect(sender, receiver, {
      line: [{ rateBps, queue: { bdp: queueBdp, rttUs: rttMs * 1000 } }, undefined],
      impairment: [{ delayUs, loss, reorder, reorderUs: REORDER_US }, { delayUs }],
    });
    const flow = new Flow(world, sender, receiver, { port: PORT });
    world.runFor(seconds * 1000);
    const nstat = sender.stack.stats.nstat();
    const { srttMs, cwnd } = flow.socket.status();
    const us = world.clock.elapsedUs - flow.connectedUs;
    return {
      goodputMbit: us > 0 ? (flow.delivered * 8) / us : 0,
      delivered: flow.delivered,
      retransmits: nstat.TcpRetransSegs,
      timeouts: nstat.TcpExtTCPTimeouts,
      fastRetransmits: nstat.TcpExtTCPFastRetrans,
      lost: wire.counters.lost,
      overflowed: wire.counters.overflowed,
      srttMs,
      cwnd,
    };
  } finally {
    world.close();
  }
}
