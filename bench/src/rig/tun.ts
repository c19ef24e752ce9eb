// The TUN of the bench: who has which address on it, and whether one can be opened here.

import { formatPreflight, preflight } from '@tunstack/tun';

/** The stack's, ours or the anchor's. */
export const STACK_ADDRESS = '10.9.0.2';
/** The kernel's, beyond the TUN. */
export const KERNEL_ADDRESS = '10.9.0.1/24';

/** Throws, with the remedy, where no TUN can be opened. */
export function needTun(): void {
  const verdict = preflight();
  if (!verdict.ok) throw new Error(formatPreflight(verdict).join('\n'));
}
