// Writes one segment and hands it to IP: header, options, text by reference, checksum left to the device. RFC 9293 3.1.

import { add, after, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { FULL, TAKEN } from '../../contract/link.ts';
import { CHECKSUM_PARTIAL, GSO_TCPV4, type Packet, PRIORITY_BULK } from '../../contract/packet.ts';
import type { DatagramOutput } from '../../ip/datagrams.ts';
import { wr32 } from '../../wire/bytes.ts';
import { fold } from '../../wire/checksum.ts';
import { PROTO_TCP } from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import {
  synOptionsLength,
  writeSackOption,
  writeSynOptions,
  writeTimestampsOption,
} from '../../wire/tcp-options.ts';
import { bulkLeaves } from '../bulk.ts';
import type { Connections } from '../connections.ts';
import { ecnFlags, ecnSynFlags, ecnTos } from '../ecn.ts';
import { tsVal } from '../loss/timestamps.ts';
import { SYN_SENT } from '../state.ts';
import { mssLimit, ownMss, TIMESTAMPS_OCTETS, windowScaleFor } from '../synchronize.ts';
import type { Tcb } from '../tcb.ts';
import { synWindowField, windowField, windowFieldAt } from './window.ts';

/** In front of the text: IP, TCP with all options, and what links and tunnels push. */
const HEADROOM = 192;
const SACK_MAX = 4;
const SACK_HEADER = 4;
const SACK_BLOCK = 8;
const MAX_URGENT = 65_535;

/** The last writer of TCP headers of one stack. */
export class Emitter {
  /** Octets of text that the last `segment` carried. */
  carried = 0;
  /** And whether it had the FIN. */
  finished = false;
  private readonly c: Connections;
  private readonly ip: DatagramOutput;

  constructor(c: Connections, ip: DatagramOutput) {
    this.c = c;
    this.ip = ip;
  }

  /**
   * The SYN of `tcb`, or its SYN,ACK: with MSS, always, and nothing else has it (MUST-14, MUST-65, SHLD-5, MAY-3). TAKEN or
   * FULL. R2018.1, R7323.10.
   */
  syn(tcb: Tcb): number {
    const { options, nowMs } = this.c.context;
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    const active = tcb.state === SYN_SENT;
    const timestamps = active ? options.tcpTimestamps : tcb.timestamps;
    const sack = active ? options.tcpSack : tcb.sackPermitted;
    const scaling = active ? options.tcpWindowScaling : tcb.windowScaling;
    const scale = scaling ? windowScaleFor(tcb.rcvLimitMax) : -1;
    const length = tcp.TCP_HEADER + synOptionsLength(sack, timestamps, scale);
    const o = packet.push(length);
    writeSynOptions(
      packet.bytes,
      o + tcp.TCP_HEADER,
      ownMss(tcb),
      sack,
      timestamps,
      tsVal(tcb, nowMs),
      active ? 0 : tcb.tsRecent,
      scale,
    );
    const flags = (active ? tcp.TCP_SYN : tcp.TCP_SYN | tcp.TCP_ACK) | ecnSynFlags(this.c, tcb, active);
    return this.send(
      tcb,
      packet,
      length,
      tcb.iss,
      active ? 0 : tcb.rcvNxt,
      flags,
      synWindowField(tcb),
      0,
      tcb.tos,
    );
  }

  /**
   * A segment from `seq` with up to `textLength` octets (`carried` says how many it became), and the FIN if it reaches the
   * end of a stream that was closed. TAKEN or FULL.
   */
  segment(tcb: Tcb, seq: number, textLength: number): number {
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    const fresh = seq === tcb.sndNxt && textLength > 0;
    const most = fresh && tcb.ecnReduced ? Math.min(textLength, tcb.mss) : textLength;
    const { sendBuffer } = tcb;
    let length = most > 0 && sendBuffer !== undefined ? sendBuffer.gather(packet, seq, most) : 0;
    if (length > tcb.mss && length < textLength) {
      // The pieces ran out: whole segments only, so that the rest begins with one.
      length -= length % tcb.mss;
      packet.trim(length);
    }
    if (length > tcb.mss) {
      packet.gsoType = GSO_TCPV4;
      packet.gsoSize = tcb.mss;
      bulkLeaves(tcb, length);
    }
    this.carried = length;
    const end = add(seq, length);
    let flags = tcp.TCP_ACK | ecnFlags(tcb, fresh);
    // MUST-61: the last octet we have is pushed.
    if (length > 0 && end === tcb.sndEnd) flags |= tcp.TCP_PSH;
    this.finished = finGoes(tcb, seq, end);
    if (this.finished) flags |= tcp.TCP_FIN;
    let urgent = 0;
    if (tcb.sndUrgent && after(tcb.sndUp, seq)) {
      flags |= tcp.TCP_URG;
      urgent = Math.min(MAX_URGENT, diff(tcb.sndUp, seq));
    }
    const tos = ecnTos(tcb, fresh);
    const outcome = this.sendWithOptions(tcb, packet, seq, tcb.rcvNxt, flags, windowField(tcb), urgent, tos);
    if (fresh && outcome === TAKEN) tcb.ecnReduced = false;
    return outcome;
  }

  /** <SEQ=SND.NXT><ACK=ack><CTL=ACK> with what was received out of order (RFC 2018 section 4). TAKEN or FULL. R2018.2. */
  ack(tcb: Tcb, ack: number): number {
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    const window = ack === tcb.rcvNxt ? windowField(tcb) : windowFieldAt(tcb, ack);
    return this.sendWithOptions(
      tcb,
      packet,
      tcb.sndNxt,
      ack,
      tcp.TCP_ACK | ecnFlags(tcb, false),
      window,
      0,
      tcb.tos,
    );
  }

  /** A duplicate in the making: window as told before. */
  duplicateAck(tcb: Tcb, ack: number): number {
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    return this.sendWithOptions(
      tcb,
      packet,
      tcb.sndNxt,
      ack,
      tcp.TCP_ACK | ecnFlags(tcb, false),
      windowFieldAt(tcb, ack),
      0,
      tcb.tos,
    );
  }

  /** An empty segment whose number was used already: who gets it must say where he stands (3.8.4, 3.8.6.1). */
  probe(tcb: Tcb): number {
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    const seq = add(tcb.sndUna, -1);
    return this.sendWithOptions(tcb, packet, seq, tcb.rcvNxt, tcp.TCP_ACK, windowField(tcb), 0, tcb.tos);
  }

  /** <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>: 3.10.5. */
  reset(tcb: Tcb): number {
    const packet = this.c.context.pool.allocate(0, HEADROOM);
    if (packet === undefined) return FULL;
    packet.push(tcp.TCP_HEADER);
    const flags = tcp.TCP_RST | tcp.TCP_ACK;
    return this.send(tcb, packet, tcp.TCP_HEADER, tcb.sndNxt, tcb.rcvNxt, flags, 0, 0, tcb.tos);
  }

  private sendWithOptions(
    tcb: Tcb,
    packet: Packet,
    seq: number,
    ack: number,
    flags: number,
    window: number,
    urgent: number,
    tos: number,
  ): number {
    const blocks = this.sackBlocks(tcb, packet);
    const sack = blocks > 0 ? SACK_HEADER + SACK_BLOCK * blocks : 0;
    const header = tcp.TCP_HEADER + (tcb.timestamps ? TIMESTAMPS_OCTETS : 0) + sack;
    const o = packet.push(header);
    let at = o + tcp.TCP_HEADER;
    if (tcb.timestamps) {
      at = writeTimestampsOption(packet.bytes, at, tsVal(tcb, this.c.context.nowMs), tcb.tsRecent);
    }
    if (blocks > 0) this.writeSack(tcb, packet, at, blocks);
    return this.send(tcb, packet, header, seq, ack, flags, window, urgent, tos);
  }

  /** As many as there are, as fit behind the other options, and as leave the segment no larger than it may be. R2018.3. */
  private sackBlocks(tcb: Tcb, packet: Packet): number {
    if (!tcb.sackPermitted || packet.gsoSize > 0) return 0;
    const blocks = (tcb.dsackOwed ? 1 : 0) + (tcb.reassembly === undefined ? 0 : tcb.reassembly.count);
    if (blocks === 0) return 0;
    const most = tcb.timestamps ? SACK_MAX - 1 : SACK_MAX;
    const room = mssLimit(tcb) - packet.length - (tcb.timestamps ? TIMESTAMPS_OCTETS : 0) - SACK_HEADER;
    return Math.max(0, Math.min(most, blocks, Math.floor(room / SACK_BLOCK)));
  }

  /** What came twice stands first (RFC 2883 section 4), and is told once. */
  private writeSack(tcb: Tcb, packet: Packet, at: number, blocks: number): void {
    const { reassembly } = tcb;
    let o = writeSackOption(packet.bytes, at, blocks);
    const told = tcb.dsackOwed ? 1 : 0;
    if (told > 0) {
      wr32(packet.bytes, o, tcb.dsackSeq);
      wr32(packet.bytes, o + 4, tcb.dsackEnd);
      o += SACK_BLOCK;
      tcb.dsackOwed = false;
    }
    if (reassembly === undefined) return;
    for (let i = 0; i < blocks - told; i++) {
      wr32(packet.bytes, o, reassembly.blockSeq(i));
      wr32(packet.bytes, o + 4, reassembly.blockEnd(i));
      o += SACK_BLOCK;
    }
  }

  private send(
    tcb: Tcb,
    packet: Packet,
    header: number,
    seq: number,
    ack: number,
    flags: number,
    window: number,
    urgent: number,
    tos: number,
  ): number {
    const { path } = tcb;
    const o = packet.head;
    tcp.writeTcp(packet.bytes, o, tcb.localPort, tcb.remotePort, seq, ack, header, flags, window, 0, urgent);
    const { length } = packet;
    // MUST-2: of the pseudo-header here, of the rest by the device, or by who must do without.
    const pseudo = fold(path.addressSum + PROTO_TCP + length);
    packet.bytes[o + tcp.TCP_CHECKSUM_AT] = pseudo >> 8;
    packet.bytes[o + tcp.TCP_CHECKSUM_AT + 1] = pseudo;
    packet.transport = o;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = o;
    packet.checksumAt = o + tcp.TCP_CHECKSUM_AT;
    if (tcb.bulk) packet.priority = PRIORITY_BULK;
    const { gsoSize } = packet;
    if (this.ip.send(packet, path, PROTO_TCP, tcb.ttl, tos) === FULL) {
      packet.release();
      return FULL;
    }
    const { counters } = this.c.context.stats;
    const segments = gsoSize > 0 ? Math.ceil((length - header) / gsoSize) : 1;
    counters[C.TcpOutSegs] += segments;
    tcb.segsOut += segments;
    if (length > header) tcb.dataSegsOut += segments;
    if ((flags & tcp.TCP_RST) !== 0) counters[C.TcpOutRsts]++;
    return TAKEN;
  }
}

/** A FIN has a number, for which there must be room in the window; what goes again has it if it had it before. */
function finGoes(tcb: Tcb, seq: number, end: number): boolean {
  if (!tcb.finQueued || end !== tcb.sndEnd) return false;
  return seq === tcb.sndNxt ? diff(add(tcb.sndUna, tcb.sndWnd), end) > 0 : after(tcb.sndNxt, end);
}
