// Hooks: where filters, address translation and balancers hang. netfilter's five points and its verdicts.
//
//   link -> PREROUTING -> (for us?) -> INPUT -> transport        transport -> OUTPUT -> POSTROUTING -> link
//                              \----> FORWARD -> POSTROUTING -> link

import type { Packet } from './packet.ts';

export const PREROUTING = 0;
export const INPUT = 1;
export const FORWARD = 2;
export const OUTPUT = 3;
export const POSTROUTING = 4;
export const HOOK_POINTS = 5;

/** Go on. */
export const ACCEPT = 0;
/** Count it as HOOK_DROP and release it. */
export const DROP = 1;
/** The hook has taken ownership. */
export const STOLEN = 2;
/** The hook has taken ownership and will decide later. To the stack the same as STOLEN. */
export const QUEUE = 3;
/** Start again at the first hook of this point. At most four times, then it counts as DROP. */
export const REPEAT = 4;

/**
 * A plug-in that sees each packet at one point. It runs inside the core: it gets a reused record, keeps nothing,
 * calls no verb of the stack, and never throws. `packet.network` is set; header fields are read with `wire`.
 */
export interface Hook {
  /** One of the verdicts. `point` is where it was called. */
  verdict(packet: Packet, point: number): number;
}
