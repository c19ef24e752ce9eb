// An acknowledgment that brings a SYN cookie back (RFC 4987 3.6): the SYN is put together again, and 3.10.7.2 and
// 3.10.7.4 happen in one step. Text and FIN in the same segment count.

import { add } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Packet } from '../../contract/packet.ts';
import { R } from '../../contract/reasons.ts';
import type { Path } from '../../ip/path.ts';
import { ipv4Destination, ipv4Source } from '../../wire/ipv4.ts';
import type { Connections } from '../connections.ts';
import { ecnOfNote, noteOfEcho, type SynCookies, sackOfNote, scaleOfNote } from '../cookies.ts';
import type { IsnGenerator } from '../isn.ts';
import type { Listener } from '../listener.ts';
import { tsVal } from '../loss/timestamps.ts';
import type { Segment } from '../segment.ts';
import { SYN_RECEIVED, setState } from '../state.ts';
import { chooseIss, readSyn, updateMss } from '../synchronize.ts';
import type { Tcb } from '../tcb.ts';
import { segmentArrives } from './arrives.ts';
import { beginPassively } from './listen.ts';

/** The MSS of the SYN whose cookie the segment acknowledges, or 0: there was none. */
export function cookieMss(cookies: SynCookies, packet: Packet, seg: Segment, uptimeS: number): number {
  const { bytes, network } = packet;
  const local = ipv4Destination(bytes, network);
  const remote = ipv4Source(bytes, network);
  const ports = (seg.localPort << 16) | seg.remotePort;
  return cookies.mssOf(local, remote, ports, add(seg.seq, -1), add(seg.ack, -1), uptimeS);
}

/**
 * `mss` is what the cookie was good for; the connection takes over the held path. The verdict on the segment, which
 * found a connection in SYN-RECEIVED.
 */
export function cookieArrives(
  c: Connections,
  isn: IsnGenerator,
  listener: Listener,
  path: Path,
  seg: Segment,
  mss: number,
): number {
  const { context } = c;
  const tcb = beginPassively(c, listener, path, seg);
  if (tcb === undefined) return seg.drop(R.TCP_LISTEN_FULL);
  chooseIss(tcb, add(seg.ack, -1));
  tcb.tsOffset = isn.timestampOffset(path.local, path.remote);
  readSynAgain(c, tcb, seg, mss);
  updateMss(tcb);
  setState(tcb, SYN_RECEIVED);
  tcb.sndNxt = seg.ack;
  // Nobody knows when it left: as if it had been sent again, so that its round trip is not measured (Karn).
  tcb.sent = c.sentStore.take();
  tcb.sent.append(tcb.iss, tcb.sndNxt, context.nowUs, context.nowMs);
  tcb.sent.recall(1);
  context.stats.counters[C.TcpExtSyncookiesRecv]++;
  return segmentArrives(c, tcb, seg);
}

/** The segment stands for the SYN while that is read: one number earlier, with the options that we noted. */
function readSynAgain(c: Connections, tcb: Tcb, seg: Segment, mss: number): void {
  const { options } = seg;
  const note = options.timestamps ? noteOfEcho(options.tsEcr, tsVal(tcb, c.context.nowMs)) : -1;
  const { timestamps } = options;
  options.mss = mss;
  options.timestamps = note >= 0;
  options.windowScale = note < 0 ? -1 : scaleOfNote(note);
  options.sackPermitted = note >= 0 && sackOfNote(note);
  seg.seq = add(seg.seq, -1);
  readSyn(tcb, seg, c.context);
  seg.seq = add(seg.seq, 1);
  tcb.ecn = note >= 0 && ecnOfNote(note);
  options.timestamps = timestamps;
}
