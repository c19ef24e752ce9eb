// Losses that were none: Eifel by timestamps (RFC 3522, RFC 4015), DSACK (RFC 3708), F-RTO (RFC 5682). What was only late brings the window back.

import { describe, expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE } from '../tcb.ts';
import { Flight, type FlightOptions } from './testing/flight.ts';

const NO_FRTO: FlightOptions = { options: { tcpFrto: false } };
const NO_PROBE: FlightOptions = { options: { tcpTailLossProbe: false } };

/** Ten segments are under way, 20 wait behind them, and a round trip is over. */
function under(config: FlightOptions = {}): Flight {
  const flight = new Flight(config);
  flight.sends(30);
  flight.waits(100);
  return flight;
}

/** And all of it is late: the timer runs out. */
function timedOut(config: FlightOptions = {}): Flight {
  const flight = new Flight({ ...config, options: { tcpTailLossProbe: false, ...config.options } });
  flight.sends(30);
  expect(flight.waits(flight.tcb.rtoMs).map(({ n }) => n)).toEqual([0]);
  expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
  expect(flight.cwnd).toBe(1);
  return flight;
}

/** Nothing is reduced, nothing waits to be resent. */
function expectUndone(flight: Flight, cwnd: number): void {
  expect(flight.tcb.recovery).toBe(RECOVERY_NONE);
  expect(flight.tcb.sent.lostOctets).toBe(0);
  expect(flight.cwnd).toBeGreaterThanOrEqual(cwnd);
  expect(flight.ssthresh).toBeGreaterThan(1000);
}

describe('RFC 4015 (Eifel): the echoed timestamp is older than the retransmission', () => {
  test('of a fast retransmit: the window is as it was', () => {
    const flight = under({ timestamps: true });
    const original = flight.bench.peer.tsRecent;
    expect(flight.tells(0, [[1, 4]], { tsEcr: original })).toContain(0);
    expect(flight.cwnd).toBe(5);
    flight.waits(10);
    flight.tells(4, [], { tsEcr: original });
    expectUndone(flight, 10);
  });

  test('of the retransmission itself it undoes nothing', () => {
    const flight = under({ timestamps: true });
    const original = flight.bench.peer.tsRecent;
    flight.tells(0, [[1, 4]], { tsEcr: original });
    const { tsRecent } = flight.bench.peer;
    flight.waits(100);
    flight.tells(4, [], { tsEcr: tsRecent });
    expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
    expect(flight.ssthresh).toBe(5);
  });

  test('what does not move SND.UNA echoes what came before the hole: it proves nothing (RFC 7323 4.3)', () => {
    const fast = under({ timestamps: true });
    const before = fast.bench.peer.tsRecent;
    fast.tells(0, [[1, 4]], { tsEcr: before });
    fast.waits(10);
    fast.tells(
      0,
      [
        [-3, -2],
        [1, 5],
      ],
      { tsEcr: before },
    );
    expect([fast.tcb.recovery, fast.ssthresh]).toEqual([RECOVERY_FAST, 5]);
    const late = timedOut({ timestamps: true, ...NO_FRTO });
    late.waits(10);
    late.tells(0, [[5, 6]], { tsEcr: (late.bench.peer.tsRecent - late.tcb.rtoMs / 2) | 0 });
    expect([late.tcb.recovery, late.ssthresh]).toEqual([RECOVERY_LOSS, 5]);
  });

  test('of a timeout, without F-RTO: the rest of the window is not sent again', () => {
    const flight = timedOut({ timestamps: true, ...NO_FRTO });
    const original = (flight.bench.peer.tsRecent - flight.tcb.rtoMs / 2) | 0;
    flight.waits(10);
    const sent = flight.tells(1, [], { tsEcr: original });
    expectUndone(flight, 10);
    expect(sent.every((n) => n >= 10)).toBe(true);
  });

  test('of a timeout, the copy is echoed: the rest goes again, in slow start', () => {
    const flight = timedOut({ timestamps: true, ...NO_FRTO });
    const { tsRecent } = flight.bench.peer;
    flight.waits(100);
    expect(flight.tells(1, [], { tsEcr: tsRecent })).toEqual([1, 2]);
    expect([flight.cwnd, flight.ssthresh]).toEqual([2, 5]);
  });
});

describe('RFC 3708: DSACKs of all that was sent again', () => {
  test('in the recovery: the window is as it was', () => {
    const flight = under();
    flight.tells(0, [[1, 4]]);
    flight.waits(100);
    flight.tells(10, [[0, 1]]);
    expectUndone(flight, 10);
    expect(flight.counter('TcpExtTCPFullUndo')).toBe(1);
  });

  test('of one of two retransmissions it is not enough', () => {
    const flight = under();
    flight.tells(0, [
      [1, 2],
      [3, 6],
    ]);
    flight.tells(0, [
      [3, 10],
      [1, 2],
    ]);
    flight.waits(100);
    const resent = flight.tcb.sent.resentOctets;
    expect(resent).toBe(2000);
    flight.tells(3, [
      [0, 1],
      [3, 10],
    ]);
    expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
    expect(flight.ssthresh).toBe(5);
    flight.tells(10, [[2, 3]]);
    expectUndone(flight, 10);
  });

  test('after the recovery: what was late is acknowledged before its copy arrives (as Linux)', () => {
    const flight = under();
    flight.tells(0, [[1, 4]]);
    flight.tells(flight.nxt);
    expect([flight.tcb.recovery, flight.ssthresh]).toEqual([RECOVERY_NONE, 5]);
    flight.waits(90);
    flight.tells(flight.una, [[0, 1]]);
    expectUndone(flight, 10);
  });

  test('after the recovery, and nothing is under way any more', () => {
    const flight = new Flight();
    flight.sends(10);
    flight.waits(100);
    flight.tells(0, [[1, 4]]);
    flight.tells(10);
    expect(flight.tcb.outstanding).toBe(0);
    expect(flight.ssthresh).toBe(5);
    flight.tells(10, [[0, 1]]);
    expectUndone(flight, 10);
  });

  test('a window later it says nothing: the network has made the copy', () => {
    const flight = under();
    flight.tells(0, [[1, 4]]);
    flight.tells(flight.nxt);
    for (let i = 0; i < 4; i++) {
      flight.sends(5);
      flight.waits(100);
      flight.tells(flight.nxt);
    }
    flight.tells(flight.una, [[0, 1]]);
    expect(flight.ssthresh).toBe(5);
  });

  test('of what is SACKed, and was never sent again: the network has made the copy', () => {
    const flight = under();
    flight.tells(0, [[1, 4]]);
    flight.tells(0, [
      [1, 2],
      [1, 5],
    ]);
    expect(flight.counter('TcpExtTCPDSACKRecv')).toBe(1);
    expect([flight.tcb.recovery, flight.ssthresh]).toEqual([RECOVERY_FAST, 5]);
  });

  test('of what was never sent again it says nothing', () => {
    const flight = under();
    flight.tells(0, [[1, 4]]);
    flight.tells(4, []);
    flight.tells(4, [[-3, -2]]);
    expect([flight.tcb.recovery, flight.ssthresh]).toEqual([RECOVERY_FAST, 5]);
  });
});

describe('RFC 5682 (F-RTO): was the timeout spurious?', () => {
  for (const sack of [true, false]) {
    describe(sack ? 'with SACK' : 'without SACK', () => {
      test('2: the first acknowledgment after it moves SND.UNA: two new segments go, and nothing old', () => {
        const flight = timedOut({ sack });
        expect(flight.tells(1)).toEqual([10, 11]);
        expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
      });

      // R5682.1
      test('3b: the second does, too: it was spurious, the window is as it was, nothing is sent again', () => {
        const flight = timedOut({ sack });
        flight.tells(1);
        const sent = [2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((ack) => flight.tells(ack));
        expectUndone(flight, 10);
        expect(sent.filter((n) => n < 10)).toEqual([]);
        expect(flight.counter('TcpExtTCPSpuriousRTOs')).toBe(1);
        expect(flight.waits(50)).toEqual([]);
      });

      // R5682.1
      test('3a: a duplicate comes instead: it was genuine, and the rest goes again', () => {
        const flight = timedOut({ sack });
        flight.tells(1);
        flight.waits(100);
        const sent = flight.tells(1, sack ? [[10, 11]] : []);
        expect(sent[0]).toBe(1);
        expect(flight.ssthresh).toBe(5);
        expect(flight.counter('TcpExtTCPSpuriousRTOs')).toBe(0);
        expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
      });

      test('a second timeout in a row is no longer asked about', () => {
        const flight = timedOut({ sack });
        flight.waits(flight.tcb.rtoMs);
        expect(flight.tells(1)).toEqual([1, 2]);
        expect(flight.loss.frto).toBe(false);
      });
    });
  }

  test('2a: without SACK a duplicate first: it was genuine', () => {
    const flight = timedOut({ sack: false });
    flight.tells(0);
    flight.tells(1);
    expect(flight.counter('TcpExtTCPSpuriousRTOs')).toBe(0);
    expect([flight.ssthresh, flight.tcb.recovery, flight.nxt]).toEqual([5, RECOVERY_LOSS, 10]);
  });

  test('without SACK the copy of the first acknowledges all: it alone was lost, and the window stays down', () => {
    const flight = timedOut({ sack: false });
    flight.waits(100);
    flight.tells(10);
    expect(flight.counter('TcpExtTCPSpuriousRTOs')).toBe(0);
    expect(flight.ssthresh).toBe(5);
  });

  test('2.1 step 3a: without SACK each duplicate lets one lost segment out: no second timeout is needed', () => {
    const flight = timedOut({ sack: false });
    flight.tells(1);
    flight.waits(100);
    expect([flight.tells(1), flight.tells(1), flight.tells(1)]).toEqual([[1], [2], []]);
  });

  test('with SACK what was not sent again is SACKed: it was spurious, at once', () => {
    const flight = timedOut();
    flight.tells(0, [[5, 6]]);
    expect(flight.counter('TcpExtTCPSpuriousRTOs')).toBe(1);
    expect(flight.tcb.recovery).not.toBe(RECOVERY_LOSS);
  });

  test('nothing new to send: conventional recovery', () => {
    const flight = new Flight(NO_PROBE);
    flight.sends(10);
    flight.waits(flight.tcb.rtoMs);
    expect(flight.tells(1)).toEqual([1, 2]);
    expect(flight.loss.frto).toBe(false);
  });

  test('switched off: what was lost goes again', () => {
    const flight = timedOut(NO_FRTO);
    expect(flight.tells(1)).toEqual([1, 2]);
  });
});
