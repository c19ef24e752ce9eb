// SACK blocks that arrive, on segments: RFC 2018 sections 5 and 8, RFC 6675 Update(), RFC 2883 (what a DSACK is).

import { describe, expect, test } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { octets } from '../../testing/frames.ts';
import { RECOVERY_LOSS } from '../tcb.ts';
import { type Block, Flight, type FlightOptions, MSS } from './testing/flight.ts';

/** Ten segments are under way, and a round trip is over. */
function under(config: FlightOptions = {}): Flight {
  const flight = new Flight(config);
  flight.sends(10);
  flight.waits(100);
  return flight;
}

/** Runs of SACKed octets, from segment 0. */
function sacked(flight: Flight): Block[] {
  const { sent } = flight.tcb;
  const runs: Block[] = [];
  for (let place = 0; place < sent.count; place++) {
    const range = sent.at(place);
    const from = ((range.seq - flight.bench.iss) | 0) - flight.base;
    if (range.sacked) runs.push([from, from + range.length]);
  }
  return runs;
}

/** The peer SACKs these octets, counted from segment 0, and acknowledges all before segment `ack`. */
function tells(flight: Flight, ack: number, ...blocks: readonly Block[]): void {
  const { base } = flight;
  const relative = blocks.map(([from, to]): Block => [base + from, base + to]);
  flight.bench.segment({ ack: base + ack * MSS, options: flight.options(relative) });
}

const discarded = (flight: Flight): number => flight.counter('TcpExtTCPSACKDiscard');

describe('RFC 2018 section 5: blocks mark what arrived', () => {
  test('whole segments, once, and neighbours are one', () => {
    const flight = under();
    tells(flight, 0, [2000, 3000]);
    tells(flight, 0, [3000, 4000], [2000, 3000]);
    tells(flight, 0, [2000, 4000], [6000, 7000]);
    expect(sacked(flight)).toEqual([
      [2000, 4000],
      [6000, 7000],
    ]);
    expect(flight.tcb.sent.sackedSegments).toBe(3);
  });

  test('parts of segments count for nothing', () => {
    const flight = under();
    tells(flight, 0, [2001, 4999]);
    tells(flight, 0, [6000, 6999], [8001, 9000]);
    expect(sacked(flight)).toEqual([[3000, 4000]]);
  });

  test('of a super-segment whole segments are cut out, where the device cut', () => {
    const flight = new Flight();
    flight.bench.link.features = FEATURE_TSO4;
    // Half a window is one super-segment.
    flight.opens(20 * MSS);
    expect(flight.sends(10)).toEqual([0]);
    expect(flight.tcb.sent.count).toBe(1);
    tells(flight, 0, [1500, 3200]);
    expect(sacked(flight)).toEqual([[2000, 3000]]);
    tells(flight, 0, [5000, 10_000], [2000, 3000]);
    expect(sacked(flight)).toEqual([
      [2000, 3000],
      [5000, 10_000],
    ]);
    expect(flight.tcb.sent.sackedSegments).toBe(6);
  });

  test('a small segment at the end counts, and so does the FIN behind it', () => {
    const flight = new Flight();
    flight.bench.app.send(octets(1500));
    flight.bench.app.end();
    flight.bench.pump();
    flight.waits(100);
    tells(flight, 0, [1000, 1501]);
    expect(sacked(flight)).toEqual([[1000, 1501]]);
    expect(flight.waits(30).map(({ n }) => n)).toEqual([0]);
    tells(flight, 0);
    flight.bench.segment({ ack: flight.base + 1501 });
    expect(flight.bench.state()).toBe('FIN-WAIT-2');
  });

  test('they come with text, too: header prediction does not swallow them', () => {
    for (const tcpFastPath of [true, false]) {
      const flight = under({ options: { tcpFastPath } });
      const sent = flight.bench.batch(flight.frame(0, [[1, 4]], {}, octets(5)));
      expect(flight.numbers(sent)).toEqual([0]);
      expect(flight.bench.read).toHaveLength(5);
    }
  });

  test('they come with what acknowledges something new, and with what is older than SND.UNA', () => {
    const flight = under();
    expect(flight.tells(2, [[3, 4]])).toEqual([]);
    expect(flight.tells(1, [[3, 6]])).toEqual([2]);
  });

  // R6675.1
  test('the pipe is less by them: something new may go for each (RFC 6675 SetPipe)', () => {
    const flight = under();
    flight.sends(10);
    expect(flight.tells(0, [[5, 6]])).toEqual([10]);
    expect(flight.tells(0, [[5, 7]])).toEqual([11]);
  });

  test('a peer that did not agree to SACK sends none', () => {
    const flight = under({ sack: false });
    tells(flight, 0, [1000, 4000]);
    expect(sacked(flight)).toEqual([]);
  });
});

describe('blocks that cannot be are ignored, and counted', () => {
  test('inverted, empty, or beyond SND.NXT', () => {
    const flight = under();
    tells(flight, 0, [5000, 3000]);
    tells(flight, 0, [4000, 4000]);
    tells(flight, 0, [8000, 10_001]);
    tells(flight, 0, [2 ** 30, 2 ** 30 + 1000]);
    expect([sacked(flight), discarded(flight)]).toEqual([[], 4]);
  });

  test('those beside them count', () => {
    const flight = under();
    tells(flight, 0, [5000, 3000], [6000, 7000], [9000, 11_000]);
    expect([sacked(flight), discarded(flight)]).toEqual([[[6000, 7000]], 2]);
  });

  test('a second block below SND.UNA tells nothing; one across it, what is above', () => {
    const flight = under();
    tells(flight, 5, [8000, 9000], [1000, 2000]);
    expect(sacked(flight)).toEqual([[8000, 9000]]);
    tells(flight, 5, [8000, 9000], [4000, 7000]);
    expect(sacked(flight)).toEqual([
      [5000, 7000],
      [8000, 9000],
    ]);
    expect([flight.counter('TcpExtTCPDSACKRecv'), discarded(flight)]).toEqual([0, 0]);
  });

  test('RFC 2883: a DSACK of what is older than any window was', () => {
    const flight = under();
    const { sndWndMax } = flight.tcb;
    flight.tells(5);
    tells(flight, 5, [5000 - sndWndMax - 1, 4000 - sndWndMax]);
    expect([flight.counter('TcpExtTCPDSACKRecv'), discarded(flight)]).toEqual([0, 1]);
    tells(flight, 5, [5000 - sndWndMax, 6000 - sndWndMax]);
    expect([flight.counter('TcpExtTCPDSACKRecv'), discarded(flight)]).toEqual([1, 1]);
  });
});

describe('RFC 2883 section 4: a first block that is a DSACK', () => {
  test('it lies below the acknowledgment', () => {
    const flight = under();
    tells(flight, 4, [1000, 2000], [6000, 7000]);
    expect([sacked(flight), flight.counter('TcpExtTCPDSACKRecv')]).toEqual([[[6000, 7000]], 1]);
  });

  test('or inside the second block', () => {
    const flight = under();
    tells(flight, 0, [2000, 3000], [2000, 5000]);
    tells(flight, 0, [4000, 5000], [2000, 5000]);
    tells(flight, 0, [2000, 5000], [2000, 5000]);
    expect([sacked(flight), flight.counter('TcpExtTCPDSACKRecv')]).toEqual([[[2000, 5000]], 3]);
  });

  test('one that sticks out of the second block is none, and neither is one that stands second', () => {
    const flight = under();
    tells(flight, 0, [1000, 3000], [2000, 5000]);
    tells(flight, 0, [4000, 6000], [2000, 5000]);
    expect(flight.counter('TcpExtTCPDSACKRecv')).toBe(0);
    tells(flight, 0, [1000, 6000], [2000, 3000]);
    expect([sacked(flight), flight.counter('TcpExtTCPDSACKRecv')]).toEqual([[[1000, 6000]], 0]);
  });
});

describe('RFC 2018 section 8, RFC 6675 section 5.1: a timeout', () => {
  test('what was SACKed is not sent again', () => {
    const flight = under();
    tells(flight, 0, [1000, 3000], [8000, 10_000]);
    flight.tcb.loss!.reorderingSeen = true;
    const again = [flight.waits(2000).map(({ n }) => n), flight.tells(1, [[1, 3]])].flat();
    for (const ack of [3, 4, 5, 6]) again.push(...flight.tells(ack, [[8, 10]]));
    flight.waits(100);
    expect(new Set(again)).toEqual(new Set([0, 3, 4, 5, 6, 7]));
  });

  // R2018.5
  test('reneging: what is SACKed and first in line was thrown away: all of it goes again', () => {
    const flight = under();
    // The peer acknowledges up to what it SACKed, and not beyond.
    tells(flight, 0, [1000, 10_000]);
    flight.tells(1);
    expect(sacked(flight)).toEqual([[1000, 10_000]]);
    const again = flight.waits(flight.tcb.rtoMs + 10).map(({ n }) => n);
    expect(again).toEqual([1]);
    expect([sacked(flight), flight.counter('TcpExtTCPSACKReneging')]).toEqual([[], 1]);
    expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
    let ack = 2;
    while (ack < 10) {
      const more = flight.tells(ack++);
      again.push(...more);
    }
    expect(again.map((n) => n).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('a timeout of what is not SACKed is no reneging', () => {
    const flight = under();
    tells(flight, 0, [9000, 10_000]);
    flight.waits(3000);
    expect([sacked(flight), flight.counter('TcpExtTCPSACKReneging')]).toEqual([[[9000, 10_000]], 0]);
  });
});
