// Challenge ACKs: RFC 5961. A segment that might be forged is answered by where we stand; whoever sent it in earnest
// then says so exactly. Limited, lest the answers themselves tell a stranger something (CVE-2016-5696) or two
// confused ends answer each other for ever.

import { diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import { DROP, DROP_ACK, type Segment } from '../segment.ts';
import type { Tcb } from '../tcb.ts';

/** DROP_ACK, or DROP where the limit of the connection or of the stack is reached. */
export function challenge(c: Connections, tcb: Tcb, seg: Segment, reason: number): number {
  seg.reason = reason;
  if (!mayAnswer(c, tcb)) return DROP;
  if (!c.challenges.take(c.context.nowMs)) return DROP;
  c.context.stats.counters[C.TcpExtTCPChallengeACK]++;
  return DROP_ACK;
}

/** One per connection and `tcpChallengeIntervalMs`: for segments that carry nothing and may be part of a loop. */
export function mayAnswer(c: Connections, tcb: Tcb): boolean {
  const { nowMs, options } = c.context;
  if (tcb.challenged && diff(nowMs, tcb.challengeMs) < options.tcpChallengeIntervalMs) return false;
  tcb.challenged = true;
  tcb.challengeMs = nowMs;
  return true;
}
