// RACK-TLP on segments: RFC 8985 sections 6 and 7. Round trips of 100 ms: a quarter is 25.

import { describe, expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE, RECOVERY_REDUCE } from '../tcb.ts';
import { Flight, type FlightOptions, MSS } from './testing/flight.ts';

/** So many segments left, and the first answers come: a round trip is over. */
function under(segments: number, config: FlightOptions = {}): Flight {
  const flight = new Flight(config);
  flight.sends(segments);
  flight.waits(100);
  return flight;
}

/** Segments 0 and 1 came in the wrong order: the peer said so, and nothing was sent again. */
function reordering(segments: number): Flight {
  const flight = under(2);
  expect(flight.tells(0, [[1, 2]])).toEqual([]);
  flight.restart();
  flight.sends(segments);
  flight.waits(100);
  return flight;
}

describe('RFC 8985 section 6: RACK', () => {
  // R6675.3
  test('6.2 step 4: three segments beyond a hole, and what is missing goes at once', () => {
    const flight = under(6);
    expect(flight.tells(0, [[1, 2]])).toEqual([]);
    expect(flight.tells(0, [[1, 3]])).toEqual([]);
    expect(flight.tells(0, [[1, 4]])).toEqual([0]);
    expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
  });

  test('RFC 5681 3.2, equation 4: half of what is outstanding, SACKed or not, is the threshold', () => {
    const flight = under(6);
    flight.tells(0, [[1, 2]]);
    flight.tells(0, [[1, 3]]);
    flight.tells(0, [[1, 4]]);
    expect(flight.ssthresh).toBe(3);
  });

  // R6675.2
  test('6.2 step 4: three segments count wherever they are', () => {
    const flight = under(8);
    expect(flight.tells(0, [[2, 3]])).toEqual([]);
    expect(
      flight.tells(0, [
        [4, 5],
        [2, 3],
      ]),
    ).toEqual([]);
    expect(
      flight.tells(0, [
        [6, 7],
        [4, 5],
        [2, 3],
      ]),
    ).toEqual([0]);
    // 1, 3 and 5 wait for the window; 7 is later than all that arrived.
    expect(flight.tcb.sent.lostOctets).toBe(3 * MSS);
  });

  // R8985.3
  test('6.2 step 5: fewer, and it goes a round trip and a quarter of the least after it left', () => {
    const flight = under(3);
    expect(flight.tells(0, [[1, 3]])).toEqual([]);
    expect(flight.waits(200)[0]).toEqual({ n: 0, atMs: 25 });
  });

  // R8985.3
  test('6.2 step 5: what was sent behind what arrived is not lost, however late it is', () => {
    const flight = under(3);
    flight.tells(0, [[1, 2]]);
    expect(flight.waits(190)).toEqual([{ n: 0, atMs: 25 }]);
  });

  test('6.2 step 5: the timer is stopped when the missing segment comes', () => {
    const flight = under(3);
    flight.tells(0, [[1, 3]]);
    flight.waits(20);
    flight.tells(3);
    expect(flight.waits(1000)).toEqual([]);
    expect(flight.ssthresh).toBeGreaterThan(1000);
  });

  test('6.1: what was sent again and is lost again is found, too, by what was sent behind it', () => {
    const flight = under(10);
    flight.sends(40);
    expect(flight.tells(0, [[1, 4]])[0]).toBe(0);
    flight.waits(100);
    const before = flight.nxt;
    flight.tells(0, [[1, 10]]);
    expect(flight.nxt).toBeGreaterThan(before);
    flight.waits(100);
    expect(flight.tells(0, [[1, before + 1]])[0]).toBe(0);
  });

  // R8985.1
  test('6.2 step 2: the answer to what was sent first is none to what was sent again: RACK does not move by it', () => {
    const flight = under(10);
    flight.tells(0, [[1, 4]]);
    const { rackUs, rackEnd } = flight.loss;
    flight.waits(10);
    // Ten milliseconds after it was sent again, where 100 are the least: this is the first copy.
    flight.tells(4, []);
    expect([flight.loss.rackUs, flight.loss.rackEnd]).toEqual([rackUs, rackEnd]);
  });

  // R8985.2
  test('6.2 step 4: once reordering was seen three segments are no proof: it waits', () => {
    const flight = reordering(6);
    expect(flight.loss.reorderingSeen).toBe(true);
    expect(flight.tells(0, [[1, 5]])).toEqual([]);
    expect(flight.waits(200)[0]).toEqual({ n: 0, atMs: 25 });
  });

  test('6.2 step 3: what was sent again does not show reordering', () => {
    const flight = under(6);
    flight.tells(0, [[1, 4]]);
    flight.waits(100);
    flight.tells(6);
    expect(flight.loss.reorderingSeen).toBe(false);
  });

  test('6.2 step 1: the least round trip is that of the last minutes', () => {
    const flight = under(1, { rttMs: 20 });
    flight.restart();
    for (let i = 0; i < 4; i++) {
      flight.waits(80_000);
      flight.sends(1);
      flight.waits(100);
      flight.restart();
    }
    expect(flight.tcb.minRttUs).toBe(100_000);
  });
});

test('a timeout takes for lost what has been away for longer than a round trip, no more (Linux tcp_rack_skb_timeout)', () => {
  const flight = new Flight({ options: { tcpTailLossProbe: false } });
  flight.sends(5);
  const { rtoMs } = flight.tcb;
  flight.waits(rtoMs - 20);
  expect(flight.sends(2)).toEqual([5, 6]);
  expect(flight.waits(25)).toEqual([{ n: 0, atMs: 20 }]);
  expect(flight.tcb.sent.lostOctets).toBe(4 * MSS);
});

describe('RFC 8985 6.2 step 4: the reordering window', () => {
  /** Segment 0 of 2 is lost: milliseconds until it goes again; then all is acknowledged. */
  function patience(flight: Flight): number {
    flight.restart();
    flight.sends(2);
    flight.waits(100);
    expect(flight.tells(0, [[1, 2]])).toEqual([]);
    const [again] = flight.waits(120);
    expect(again.n).toBe(0);
    flight.tells(2);
    return again.atMs;
  }

  /** The peer got segment 0 twice, and says so with `ack`. */
  const dsack = (flight: Flight, ack: number): void => void flight.tells(ack, [[0, 1]]);

  // R8985.2
  test('a DSACK widens it by a quarter of the least round trip', () => {
    const flight = under(2);
    dsack(flight, 1);
    expect(patience(flight)).toBe(50);
  });

  test('several of one round trip widen it once', () => {
    const flight = under(6);
    for (let ack = 1; ack < 5; ack++) dsack(flight, ack);
    for (let i = 0; i < 3; i++) dsack(flight, 5);
    expect(patience(flight)).toBe(50);
  });

  // R8985.2
  test('those of three round trips widen it to the smoothed round trip at most', () => {
    const flight = new Flight();
    for (let round = 0; round < 9; round++) {
      flight.sends(2);
      flight.waits(100);
      dsack(flight, 1);
      flight.restart();
    }
    expect(patience(flight)).toBe(100);
  });

  test('sixteen recoveries narrow it again', () => {
    const flight = under(2);
    dsack(flight, 1);
    const waits = Array.from({ length: 18 }, () => patience(flight));
    expect(waits).toEqual([...new Array<number>(16).fill(50), 25, 25]);
  });
});

describe('RFC 8985 section 7: the tail loss probe', () => {
  // R8985.4
  test('7.2, 7.3: after two round trips (and the slack of Linux) the last segment goes again', () => {
    const flight = new Flight();
    flight.sends(5);
    expect(flight.waits(210)).toEqual([{ n: 4, atMs: 202 }]);
    expect(flight.counter('TcpExtTCPLossProbes')).toBe(1);
    expect(flight.tcb.recovery).toBe(RECOVERY_NONE);
  });

  test('7.2: an acknowledgment, or something new, begins the wait anew', () => {
    const flight = new Flight();
    flight.sends(3);
    flight.waits(100);
    flight.tells(1);
    flight.waits(50);
    flight.sends(1);
    expect(flight.waits(210)).toEqual([{ n: 3, atMs: 202 }]);
  });

  // R8985.4
  test('7.2: a single segment may be waiting for a delayed ACK: 200 ms more', () => {
    const flight = new Flight();
    Object.assign(flight.tcb, { rttvarUs: 100_000, rtoMs: 500 });
    flight.sends(1);
    expect(flight.waits(450)).toEqual([{ n: 0, atMs: 400 }]);
    expect(flight.counter('TcpExtTCPTimeouts')).toBe(0);
  });

  // R8985.4
  test('7.2: a timeout that would come before it is the time of the probe, which takes its place', () => {
    const flight = new Flight();
    flight.sends(1);
    const { rtoMs } = flight.tcb;
    expect(flight.waits(rtoMs + 50)).toEqual([{ n: 0, atMs: rtoMs }]);
    expect([flight.counter('TcpExtTCPLossProbes'), flight.counter('TcpExtTCPTimeouts')]).toEqual([1, 0]);
  });

  test('7.3: something new goes, if there is any, whatever the congestion window says', () => {
    const flight = new Flight();
    expect(flight.sends(30)).toHaveLength(10);
    expect(flight.waits(210)).toEqual([{ n: 10, atMs: 202 }]);
  });

  test('7.3: but not beyond the window of the peer', () => {
    const flight = new Flight({ windowScale: 3, window: 375 });
    expect(flight.sends(10)).toEqual([0, 1, 2]);
    expect(flight.waits(210).map(({ n }) => n)).toEqual([2]);
  });

  // R8985.4
  test('7.3: there is one probe, and a timeout after it', () => {
    const flight = new Flight();
    flight.sends(5);
    const { rtoMs } = flight.tcb;
    expect(flight.waits(202 + rtoMs)).toEqual([
      { n: 4, atMs: 202 },
      { n: 0, atMs: 202 + rtoMs },
    ]);
    expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
  });

  test('7.4.1: what the answer SACKs finds the losses before it, at once', () => {
    const flight = new Flight();
    flight.sends(5);
    flight.waits(302);
    // 2 and 3 were lost, and 4 was; the probe arrived.
    expect(flight.tells(2, [[4, 5]])).toEqual([2, 3]);
    expect(flight.counter('TcpExtTCPTimeouts')).toBe(0);
  });

  test('7.1: none while something is SACKed, none while it recovers, none for a peer without SACK, none if switched off', () => {
    const sacked = under(5);
    sacked.tells(0, [[4, 5]]);
    const without = under(5, { sack: false });
    const off = under(5, { options: { tcpTailLossProbe: false } });
    for (const flight of [sacked, without, off]) {
      flight.waits(1000);
      expect(flight.counter('TcpExtTCPLossProbes')).toBe(0);
    }
  });
});

describe('RFC 8985 7.4.2: what the answer to a probe says', () => {
  /** Segment 4 of 5 was probed with, and what it brought is acknowledged. */
  function probed(): Flight {
    const flight = under(5);
    flight.tells(4);
    flight.waits(flight.tcb.rtoMs);
    expect(flight.counter('TcpExtTCPLossProbes')).toBe(1);
    flight.waits(50);
    flight.tells(5);
    return flight;
  }

  /** Two segments more, and their acknowledgment. */
  function goesOn(flight: Flight): void {
    flight.sends(2);
    flight.waits(100);
    flight.tells(flight.nxt);
  }

  // R8985.5
  test('a probe that repaired the loss is congestion: the window goes down, once', () => {
    const flight = probed();
    const { cwnd } = flight;
    goesOn(flight);
    expect(flight.counter('TcpExtTCPLossProbeRecovery')).toBe(1);
    const { ssthresh } = flight;
    expect(ssthresh).toBeLessThan(cwnd);
    goesOn(flight);
    goesOn(flight);
    expect([flight.counter('TcpExtTCPLossProbeRecovery'), flight.ssthresh]).toEqual([1, ssthresh]);
    expect(flight.tcb.recovery).toBe(RECOVERY_NONE);
  });

  test('with a DSACK nothing was lost: the window stays', () => {
    const flight = probed();
    flight.tells(5, [[4, 5]]);
    goesOn(flight);
    expect(flight.counter('TcpExtTCPLossProbeRecovery')).toBe(0);
    expect(flight.ssthresh).toBeGreaterThan(1000);
  });

  test('so it does when the DSACK comes while something new is under way, or with its acknowledgment', () => {
    for (const ack of [5, 7]) {
      const flight = probed();
      flight.sends(2);
      flight.waits(50);
      flight.tells(ack, [[4, 5]]);
      flight.waits(50);
      flight.tells(7);
      goesOn(flight);
      expect(flight.counter('TcpExtTCPLossProbeRecovery')).toBe(0);
    }
  });

  test('so it does when the acknowledgment of the original comes again for the probe, without SACK', () => {
    const flight = probed();
    flight.tells(5);
    goesOn(flight);
    expect(flight.counter('TcpExtTCPLossProbeRecovery')).toBe(0);
  });

  test('and when the probe was something new', () => {
    const flight = new Flight();
    flight.sends(11);
    flight.waits(210);
    flight.tells(11);
    goesOn(flight);
    expect(flight.counter('TcpExtTCPLossProbeRecovery')).toBe(0);
    expect(flight.tcb.recovery).not.toBe(RECOVERY_REDUCE);
  });

  test('a probe that waits for room in the link is forgotten once something was SACKed', () => {
    const flight = new Flight();
    flight.sends(5);
    flight.bench.link.room = 0;
    flight.waits(205);
    flight.bench.link.room = 1000;
    flight.bench.batch(flight.frame(0, [[4, 5]]));
    expect(flight.tcb.sent.last?.retransmits).toBe(0);
    expect(flight.waits(24).map(({ n }) => n)).not.toContain(4);
  });
});
