// What an acknowledgment of something new does: SND.UNA moves, the round trip is measured (RFC 6298), the congestion
// window grows or recovery goes on, the retransmission timer starts again or stops. And the send window, 3.10.7.4.

import { add, after, before, diff, earlier } from '../../base/int.ts';
import { EVENT_RELEASED, EVENT_WRITABLE } from '../../contract/events.ts';
import type { Connections } from '../connections.ts';
import { recoveryAfterAck } from '../loss/fast-retransmit.ts';
import { takeRttSample } from '../loss/rtt.ts';
import { echoedRttUs } from '../loss/timestamps.ts';
import type { Segment } from '../segment.ts';
import { RECOVERY_FAST, type Tcb, TIMER_RETRANSMIT } from '../tcb.ts';

/** SND.UNA < SEG.ACK =< SND.NXT holds. */
export function acknowledge(c: Connections, tcb: Tcb, seg: Segment): void {
  const { context, sample } = c;
  const { options, nowUs, nowMs } = context;
  const acked = diff(seg.ack, tcb.sndUna);
  sample.inFlight = tcb.pipe;
  tcb.sent.acknowledge(seg.ack);
  tcb.sndUna = seg.ack;
  tcb.synAcked = true;
  tcb.delivered = add(tcb.delivered, acked);
  tcb.deliveredUs = nowUs;
  keepNear(tcb);
  const rttUs = tcb.sent.sampled
    ? Math.max(1, diff(nowUs, tcb.sent.sampleUs))
    : echoedRttUs(tcb, seg, nowMs, nowUs);
  // MUST-18, Karn: a timeout that was backed off stays so until something is measured (RFC 6298 section 5, note).
  if (rttUs > 0) takeRttSample(tcb, rttUs, options);
  tcb.retries = 0;
  tcb.softError = 0;
  releaseText(c, tcb);
  recoveryAfterAck(tcb, acked);
  if (tcb.recovery !== RECOVERY_FAST && tcb.controller !== undefined) {
    sample.ackedBytes = acked;
    sample.deliveredBytes = diff(tcb.delivered, tcb.sent.sampleDelivered);
    sample.intervalUs = diff(nowUs, tcb.sent.sampleDeliveredUs);
    sample.rttUs = rttUs;
    sample.appLimited = tcb.appLimited;
    sample.ce = false;
    sample.nowUs = nowUs;
    tcb.controller.acknowledged(sample);
  }
  // RFC 6298 5.2 and 5.3
  if (tcb.sent.empty) c.disarm(tcb, TIMER_RETRANSMIT);
  else c.arm(tcb, TIMER_RETRANSMIT, add(nowMs, tcb.rtoMs));
  c.markDirty(tcb);
}

/** 3.10.7.4, fifth: the send window follows the newest segment that says so. MUST-34: it may shrink. */
export function updateSendWindow(c: Connections, tcb: Tcb, seg: Segment): void {
  if (before(seg.ack, tcb.sndUna)) return;
  const newer = before(tcb.sndWl1, seg.seq) || (tcb.sndWl1 === seg.seq && !after(tcb.sndWl2, seg.ack));
  if (!newer) return;
  const wnd = seg.unscaled ? seg.wnd : seg.wnd << tcb.sndScale;
  tcb.sndWl1 = seg.seq;
  tcb.sndWl2 = seg.ack;
  // MUST-37: a peer that answers, if only to say that its window is shut, is alive.
  tcb.probes = 0;
  if (wnd === tcb.sndWnd) return;
  tcb.sndWnd = wnd;
  if (wnd > tcb.sndWndMax) tcb.sndWndMax = wnd;
  c.markDirty(tcb);
}

/** Octets acknowledged are done with; SYN and FIN have a number, but no octet. */
function releaseText(c: Connections, tcb: Tcb): void {
  const { sendBuffer } = tcb;
  const upTo = earlier(tcb.sndUna, sendBuffer.end);
  if (!after(upTo, sendBuffer.start)) return;
  sendBuffer.release(upTo);
  if (sendBuffer.freed.length > 0) c.notify(tcb, EVENT_RELEASED);
  if (tcb.wantsRoom && sendBuffer.length * 2 <= tcb.sendLimit) {
    tcb.wantsRoom = false;
    c.notify(tcb, EVENT_WRITABLE);
  }
}

/** Marks that lie behind SND.UNA mean nothing, and must not wrap round to mean something. */
function keepNear(tcb: Tcb): void {
  if (before(tcb.sndSml, tcb.sndUna)) tcb.sndSml = tcb.sndUna;
  if (!after(tcb.sndUp, tcb.sndUna)) {
    tcb.sndUp = tcb.sndUna;
    tcb.sndUrgent = false;
  }
}
