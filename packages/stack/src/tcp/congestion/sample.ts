// What the controller hears of an acknowledgment, and the window that follows: its own, or what proportional rate reduction
// (RFC 9937) lets out while a loss is recovered. The rate sample: draft-cheng-iccrg-delivery-rate-estimation.

import { after, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import type { Delivery } from '../loss/delivery.ts';
import { prrWindow } from '../loss/prr.ts';
import type { LossRecord } from '../loss/record.ts';
import { RECOVERY_FAST, RECOVERY_REDUCE, type Tcb } from '../tcb.ts';
import { windowWasUsed } from './usage.ts';

/** Tells the controller, and sets `tcb.cwnd`. `flight`: what was under way before. */
export function sampleAck(
  c: Connections,
  tcb: Tcb,
  loss: LossRecord,
  d: Delivery,
  rttUs: number,
  flight: number,
): void {
  const { sample } = c;
  const { controller } = tcb;
  if (controller === undefined) return;
  sample.ackedBytes = d.deliveredOctets;
  sample.advanced = d.ackedOctets > 0;
  sample.lostBytes = d.lostOctets;
  sample.delivered = tcb.delivered;
  sample.nowUs = d.nowUs;
  rate(tcb, loss, d, sample);
  sample.rttUs = rttUs;
  sample.srttUs = tcb.srttUs;
  sample.priorInFlight = flight;
  sample.inFlight = tcb.pipe;
  sample.appLimited = !windowWasUsed(tcb, loss);
  sample.recovery = tcb.recovery;
  sample.ce = d.marked;
  if (d.marked) loss.markedAcks++;
  controller.acknowledged(sample);
  followWindow(tcb, loss, d.deliveredOctets, d.ackedOctets > 0 && d.lostOctets === 0);
}

/** `tcb.cwnd` after anything that may have moved the controller's. */
export function followWindow(tcb: Tcb, loss: LossRecord, delivered: number, safe: boolean): void {
  const { controller, recovery } = tcb;
  if (controller === undefined) return;
  const reducing = recovery === RECOVERY_FAST || recovery === RECOVERY_REDUCE;
  if (!reducing || !controller.proportional) tcb.cwnd = controller.cwnd;
  else if (delivered > 0 || loss.prrOut === 0) {
    tcb.cwnd = prrWindow(tcb, loss, delivered, controller.ssthresh, safe);
  }
}

function rate(tcb: Tcb, loss: LossRecord, d: Delivery, sample: Connections['sample']): void {
  sample.priorDelivered = d.any ? d.priorDelivered : tcb.delivered;
  sample.deliveredBytes = 0;
  sample.intervalUs = 0;
  sample.rateAppLimited = false;
  if (loss.appLimited && after(tcb.delivered, loss.appLimitedUntil)) loss.appLimited = false;
  if (!d.any) return;
  // The slower of sending and arriving counts: ACKs may come compressed.
  const intervalUs = Math.max(diff(d.sentUs, d.firstSentUs), diff(d.nowUs, d.priorDeliveredUs));
  loss.firstSentUs = d.sentUs;
  sample.rateAppLimited = d.appLimited;
  // Faster than light: ranges were resent, and answered by what was sent first.
  if (intervalUs < tcb.minRttUs || intervalUs <= 0) return;
  sample.deliveredBytes = diff(tcb.delivered, d.priorDelivered);
  sample.intervalUs = intervalUs;
  loss.rateOctets = sample.deliveredBytes;
  loss.rateUs = intervalUs;
  loss.rateAppLimited = d.appLimited;
}
