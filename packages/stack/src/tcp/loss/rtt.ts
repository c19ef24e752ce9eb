// Round trip and retransmission timeout: RFC 6298 sections 2 to 4. MUST-18.

import type { Options } from '../../options.ts';
import type { Tcb } from '../tcb.ts';

/** Before any sample: RFC 6298 2.1. R6298.1. */
export function initialRto(tcb: Tcb, options: Options): void {
  tcb.srttUs = 0;
  tcb.rttvarUs = 0;
  tcb.rtoMs = options.tcpRtoInitialMs;
}

/** Takes a sample (microseconds, at least 1) that Karn's rule lets through. RFC 6298 2.2 and 2.3. R6298.2, R6298.3. */
export function takeRttSample(tcb: Tcb, rttUs: number, options: Options): void {
  const r = Math.max(1, rttUs);
  if (tcb.srttUs === 0) {
    tcb.srttUs = r;
    tcb.rttvarUs = r >>> 1;
  } else {
    // In this order: the variance is reckoned with the old SRTT.
    tcb.rttvarUs += (Math.abs(tcb.srttUs - r) - tcb.rttvarUs) >> 2;
    tcb.srttUs = Math.max(1, tcb.srttUs + ((r - tcb.srttUs) >> 3));
  }
  tcb.rtoMs = computedRto(tcb, options);
}

/**
 * SRTT + max(G, 4 * RTTVAR). The least is Linux's: 200 ms for the variance part instead of RFC 6298 2.4's 1 s for the
 * whole, so that a path of any length leaves room for a delayed acknowledgment.
 */
export function computedRto(tcb: Tcb, options: Options): number {
  if (tcb.srttUs === 0) return options.tcpRtoInitialMs;
  const variance = Math.max(options.tcpRtoMinMs * 1000, 4 * tcb.rttvarUs);
  return Math.min(options.tcpRtoMaxMs, Math.ceil((tcb.srttUs + variance) / 1000));
}

/** RFC 6298 5.5: the timer ran out. */
export function backOff(tcb: Tcb, options: Options): void {
  tcb.rtoMs = Math.min(options.tcpRtoMaxMs, tcb.rtoMs * 2);
}
