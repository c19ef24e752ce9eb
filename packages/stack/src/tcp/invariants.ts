// The laws of a connection, asserted after every verb where CHECKS are on.

import { assert } from '../base/assert.ts';
import { diff } from '../base/int.ts';
import type { Connections } from './connections.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts';
import { type Tcb, TIMER_PERSIST, TIMER_RETRANSMIT, TIMER_TIME_WAIT } from './tcb.ts';
import { isRunning } from './timers.ts';

/** What holds of one connection between two verbs. */
export function checkTcb(tcb: Tcb): void {
  assert(diff(tcb.sndNxt, tcb.sndUna) >= 0, 'SND.UNA =< SND.NXT');
  const end = diff(tcb.sndEnd, tcb.sndNxt) + (tcb.finQueued ? 1 : 0);
  assert(
    tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED || end >= 0,
    'SND.NXT =< the end of what was given',
  );
  if (tcb.state !== SYN_SENT) {
    assert(diff(tcb.rcvNxt, tcb.rcvRead) >= 0, 'nothing is read before it arrived');
    assert(tcb.rcvWnd >= 0, 'RCV.NXT =< the right edge of the window');
    assert(tcb.unread >= 0, 'no FIN is read as text');
  }
  assert(tcb.sent.lostOctets >= 0 && tcb.sent.lostOctets <= tcb.outstanding, 'what is lost was outstanding');
  assert(tcb.freshOctets === 0 || tcb.fresh !== undefined, 'fresh text has packets');
  checkRanges(tcb);
  if (tcb.state === TIME_WAIT) assert(isRunning(tcb, TIMER_TIME_WAIT), 'TIME-WAIT ends');
}

/** What holds after a drain: somebody will wake up for everything that waits. */
export function checkDrained(tcb: Tcb): void {
  if (tcb.state === CLOSED || tcb.waiting || tcb.dirty || tcb.id < 0) return;
  if (tcb.outstanding > 0)
    assert(isRunning(tcb, TIMER_RETRANSMIT), 'a timer runs while something is outstanding');
  const waits = diff(tcb.sndEnd, tcb.sndNxt) + (tcb.finQueued ? 1 : 0);
  if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED || waits <= 0) return;
  assert(
    isRunning(tcb, TIMER_RETRANSMIT) || isRunning(tcb, TIMER_PERSIST) || tcb.path.route === undefined,
    'a timer runs while text waits to be sent',
  );
}

/** The tables of all. */
export function checkConnections(c: Connections): void {
  for (const tcb of c.awake()) {
    checkTcb(tcb);
    checkDrained(tcb);
  }
  assert(c.receiveOctets >= 0, 'received octets are counted once');
}

function checkRanges(tcb: Tcb): void {
  const { sent } = tcb;
  let at = tcb.sndUna;
  let [lost, sacked, resent, underWay] = [0, 0, 0, 0];
  for (let place = 0; place < sent.count; place++) {
    const range = sent.at(place);
    assert(range.seq === at && range.length > 0, 'sent ranges cover what is outstanding, without holes');
    assert(!(range.lost && range.sacked), 'what arrived is not lost');
    if (range.lost) lost += range.length;
    else if (range.sacked) sacked += range.length;
    else {
      underWay++;
      if (range.retransmits > 0) resent += range.length;
    }
    at = range.end;
  }
  for (let range = sent.oldest; range !== undefined; range = range.newer) {
    underWay--;
    assert(range.newer === undefined || diff(range.newer.sentUs, range.sentUs) >= 0, 'oldest first');
  }
  assert(underWay === 0, 'what is under way is in the order of leaving, once');
  assert(
    sacked === sent.sackedOctets && resent === sent.resentOctets,
    'what arrived, and what was resent, is counted once',
  );
  assert(tcb.sent.empty || at === tcb.sndNxt, 'sent ranges end at SND.NXT');
  assert(lost === tcb.sent.lostOctets, 'lost octets are counted once');
}
