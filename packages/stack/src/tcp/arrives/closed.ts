// RFC 9293 3.10.7.1: a segment for no connection. Everything but a RST is answered with a RST.

import { R } from '../../contract/reasons.ts';
import { TCP_RST } from '../../wire/tcp.ts';
import type { Segment } from '../segment.ts';

/** DROP or RESET. */
export function closedArrives(seg: Segment): number {
  return seg.has(TCP_RST) ? seg.drop(R.TCP_RST_UNKNOWN) : seg.reset(R.TCP_NO_CONNECTION);
}
