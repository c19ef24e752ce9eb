// What a timeout leaves behind: until all that was outstanding is acknowledged no other recovery begins. RFC 6675 5.1, RFC 6298 5.

import { expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE } from '../tcb.ts';
import { Flight } from './testing/flight.ts';

/** Twenty segments whose timer ran out. */
function timedOut(): Flight {
  const flight = new Flight({ options: { tcpFrto: false, tcpTailLossProbe: false } });
  flight.sends(20);
  flight.waits(flight.tcb.rtoMs + 1);
  expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
  return flight;
}

// R6675.4
test('SACKs of what was under way at the timeout begin no recovery, and bring the threshold no further down', () => {
  const flight = timedOut();
  const { ssthresh } = flight;
  const recoveries = flight.counter('TcpExtTCPSackRecovery');
  for (let n = 5; n < 20; n++) {
    flight.waits(10);
    flight.tells(1, [[5, n + 1]]);
    expect(flight.tcb.recovery).toBe(RECOVERY_LOSS);
  }
  expect([flight.ssthresh, flight.counter('TcpExtTCPSackRecovery')]).toEqual([ssthresh, recoveries]);
});

// R6675.4
test('once all of it is acknowledged a loss is a loss again', () => {
  const flight = timedOut();
  for (let ack = 1; ack <= 20; ack++) flight.tells(ack);
  expect(flight.tcb.recovery).toBe(RECOVERY_NONE);
  flight.waits(100);
  flight.restart();
  flight.sends(10);
  flight.waits(100);
  flight.tells(0, [[1, flight.nxt]]);
  expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
});
