// How large a congestion window may be: the first one by RFC 6928, the largest by RFC 7323 2.2.

/** The window before anything was learnt, in octets. RFC 6928 section 2: min(10 * MSS, max(2 * MSS, 14600)). R6928.1. */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

/** Windows beyond this are never reached: the peer cannot offer more than 2^30 octets. Also "arbitrarily high" (RFC 5681 3.1). */
export const WINDOW_MAX = 0x3fff_ffff;
