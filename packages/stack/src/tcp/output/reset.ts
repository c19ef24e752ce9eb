// RST for a segment that has no connection, or none that fits: RFC 9293 3.10.7.1. The segment itself, turned round.

import type { Context } from '../../context.ts';
import { C } from '../../contract/counters.ts';
import { CHECKSUM_NONE, GSO_NONE, type Packet } from '../../contract/packet.ts';
import { turnRound } from '../../ip4/turn-round.ts';
import { wr16 } from '../../wire/bytes.ts';
import { complement } from '../../wire/checksum.ts';
import { PROTO_TCP } from '../../wire/ipv4.ts';
import {
  TCP_ACK,
  TCP_CHECKSUM_AT,
  TCP_FIN,
  TCP_HEADER,
  TCP_RST,
  TCP_SYN,
  tcpAck,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
  writeTcp,
} from '../../wire/tcp.ts';

/**
 * The packet's head is at its TCP header, and its length as it arrived. It becomes an answer of this batch.
 *
 * ACK on:   <SEQ=SEG.ACK><CTL=RST>          ACK off:   <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
 */
export function answerWithReset(
  context: Context,
  packet: Packet,
  localPort: number,
  remotePort: number,
): void {
  const b = packet.bytes;
  const o = packet.transport;
  const flags = tcpFlags(b, o);
  const acks = (flags & TCP_ACK) !== 0;
  const text = packet.tail - o - tcpHeaderLength(b, o);
  const numbers = text + ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
  const seq = acks ? tcpAck(b, o) : 0;
  const ack = acks ? 0 : (tcpSeq(b, o) + numbers) | 0;
  packet.trim(TCP_HEADER);
  writeTcp(b, o, localPort, remotePort, seq, ack, TCP_HEADER, acks ? TCP_RST : TCP_RST | TCP_ACK, 0, 0, 0);
  packet.gsoType = GSO_NONE;
  packet.checksum = CHECKSUM_NONE;
  wr16(b, o + TCP_CHECKSUM_AT, complement(packet.addressSum + PROTO_TCP + TCP_HEADER + packet.sumFrom(o)));
  turnRound(packet, context.options.ttl, PROTO_TCP);
  const { counters } = context.stats;
  counters[C.TcpOutSegs]++;
  counters[C.TcpOutRsts]++;
  context.answer(packet);
}
