// RFC 9293 3.10.7.2: a segment for a listener. A SYN makes a record in SYN-RECEIVED; the listener itself stays as it is.

import { add } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { EVENT_READABLE } from '../../contract/events.ts';
import { R } from '../../contract/reasons.ts';
import type { Path } from '../../ip/path.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { ecnReadSyn } from '../ecn.ts';
import type { IsnGenerator } from '../isn.ts';
import type { Listener } from '../listener.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { LISTEN, SYN_RECEIVED, setState } from '../state.ts';
import { chooseIss, readSyn, updateMss } from '../synchronize.ts';
import { type Tcb, TIMER_RETRANSMIT } from '../tcb.ts';

/** -1: a SYN that may open a connection. Else the verdict on what is none. */
export function listenArrives(listener: Listener, seg: Segment): number {
  // first: an old duplicate's RST means nothing here
  if (seg.has(TCP_RST)) return seg.drop(R.TCP_RST_UNKNOWN);
  // second: nothing was sent that could be acknowledged
  if (seg.has(TCP_ACK)) return seg.reset(R.TCP_NO_CONNECTION);
  // third, fourth: anything but a SYN; and a SYN that ends what it begins, as in Linux
  if (!seg.has(TCP_SYN) || seg.has(TCP_FIN)) return seg.drop(R.TCP_LISTEN_NO_SYN);
  if (listener.ready.room === 0 || (listener.defer && listener.requests.room === 0)) {
    return seg.drop(R.TCP_LISTEN_FULL);
  }
  return -1;
}

/**
 * The connection of a SYN that `listenArrives` let through, over a held path, which it takes over. `iss`: 0 chooses one.
 * The text of a SYN is not queued (Linux without Fast Open): the peer sends it again once it is acknowledged.
 */
export function openPassively(
  c: Connections,
  isn: IsnGenerator,
  listener: Listener,
  path: Path,
  seg: Segment,
  issAfter: number | undefined,
): number {
  const { context } = c;
  const tcb = beginPassively(c, listener, path, seg);
  if (tcb === undefined) return seg.drop(R.TCP_LISTEN_FULL);
  const ports = (seg.localPort << 16) | seg.remotePort;
  chooseIss(tcb, issAfter ?? isn.isn(path.local, path.remote, ports, context.nowMs));
  tcb.tsOffset = isn.timestampOffset(path.local, path.remote);
  readSyn(tcb, seg, context);
  ecnReadSyn(c, tcb, seg);
  updateMss(tcb);
  setState(tcb, SYN_RECEIVED);
  if (listener.defer) {
    tcb.held = true;
    listener.requests.push({
      path: path.id,
      localPort: tcb.localPort,
      remotePort: tcb.remotePort,
      irs: tcb.irs,
    });
    context.events.mark(listener.owner, EVENT_READABLE);
    c.arm(tcb, TIMER_RETRANSMIT, add(context.nowMs, context.options.tcpHeldSynMs));
  }
  c.markDirty(tcb);
  return CONTINUE;
}

/** A connection of this listener, which has what its listener gives it; undefined: as many as there can be. The hold on the path is used up. */
export function beginPassively(
  c: Connections,
  listener: Listener,
  path: Path,
  seg: Segment,
): Tcb | undefined {
  const tcb = c.open(path, seg.localPort, seg.remotePort);
  if (tcb === undefined) {
    c.paths.release(path);
    return undefined;
  }
  setState(tcb, LISTEN);
  c.beginOpening(tcb, listener.id);
  if (listener.ttl !== 0) tcb.ttl = listener.ttl;
  tcb.tos = listener.tos;
  return tcb;
}

/** SYN-RECEIVED became ESTABLISHED: a passive open waits to be accepted. False: nobody has room for it. */
export function becomeReady(c: Connections, tcb: Tcb): boolean {
  const listener = c.listeners.at(tcb.listenerId);
  const { counters } = c.context.stats;
  if (listener === undefined || !listener.ready.push(tcb)) {
    counters[C.TcpExtListenOverflows]++;
    return false;
  }
  counters[C.TcpPassiveOpens]++;
  tcb.known = true;
  c.endOpening(tcb);
  c.context.events.mark(listener.owner, EVENT_READABLE);
  return true;
}
