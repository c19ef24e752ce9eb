// IGMPv2, the host's side: RFC 2236. Who joins reports it, who is asked answers after a random time unless a neighbour did.
//
//   joined: report --(random, 10 s)--> report            left: leave group, if we were the last to report
//   query:  DELAYING --(random, what the query allows)--> report --> IDLE
//           DELAYING --(another host's report)--> IDLE

import { Deadlines } from '../base/deadlines.ts';
import { Fifo } from '../base/fifo.ts';
import { NONE } from '../base/index-pool.ts';
import { diff } from '../base/int.ts';
import { type Context, WORK_IGMP } from '../context.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { GroupReporter, Groups, Membership } from '../ip/groups.ts';
import type { Interface } from '../ip/interface.ts';
import { prefixMask } from '../wire/address.ts';
import { wr32 } from '../wire/bytes.ts';
import { fold } from '../wire/checksum.ts';
import * as igmp from '../wire/igmp.ts';
import { IPV4_DF, ipv4Source, PROTO_IGMP, setIpv4Checksum, writeIpv4 } from '../wire/ipv4.ts';

/** Header with the router alert option. */
const IP_HEADER = 24;
/** Internetwork control, as Linux and RFC 1812 4.3.2.5 have it for ICMP errors. */
const TOS_CONTROL = 0xc0;
/** RFC 2236 8.10, 8.11 and 8.2: Unsolicited Report Interval, Version 1 Router Present Timeout, Robustness Variable. */
const UNSOLICITED_MS = 10_000;
const V1_ROUTER_MS = 400_000;
const REPORTS_ON_JOIN = 2;
/** What a query of version 1 allows: RFC 2236 4. */
const V1_RESPONSE_MS = 10_000;

/** Sends a complete datagram by an interface: Ip4Output. */
export interface GroupOutput {
  /** The packet is gone afterwards. */
  sendComplete(packet: Packet, face: Interface, nextHop: number): void;
}

/** A message that is to leave. */
interface Message {
  readonly face: Interface;
  readonly type: number;
  readonly group: number;
}

/** Tells the routers which groups we are in. */
export class Igmp implements GroupReporter {
  /** One row a membership. */
  readonly deadlines: Deadlines = new Deadlines();
  private readonly context: Context;
  private readonly faces: readonly Interface[];
  private readonly groups: Groups;
  private readonly output: GroupOutput;
  private readonly memberships: Membership[] = [];
  /** Reports that a membership owes for its joining, and whether we were the last to report it (RFC 2236 6, the flag). */
  private readonly owed: number[] = [];
  private readonly last: boolean[] = [];
  /** Interface -> until when a router of version 1 is believed to be there. */
  private readonly v1Until: Map<number, number> = new Map();
  private readonly queue: Fifo<Message>;

  constructor(context: Context, faces: readonly Interface[], groups: Groups, output: GroupOutput) {
    this.context = context;
    this.faces = faces;
    this.groups = groups;
    this.output = output;
    this.queue = new Fifo(2 * context.options.groupsMax);
    groups.reporter = this;
  }

  joined(membership: Membership): void {
    const { id, face } = membership;
    this.memberships[id] = membership;
    if (face.loopback) return;
    this.owed[id] = REPORTS_ON_JOIN;
    this.report(membership);
  }

  left(membership: Membership): void {
    const { id, face, group } = membership;
    this.deadlines.cancel(id);
    // A version 1 router does not know the message (RFC 2236 4).
    if (!face.loopback && this.last[id] && !this.hasV1Router(face)) {
      this.enqueue(face, igmp.IGMP_LEAVE, group);
    }
    this.last[id] = false;
  }

  /** A message that came to a group, head at its IGMP header. */
  messageArrives(packet: Packet): void {
    const { bytes: b, transport: o, length } = packet;
    if (length < igmp.IGMP_HEADER || fold(packet.sumFrom(o)) !== 0xffff) {
      this.context.drop(packet, R.IGMP_BAD);
      return;
    }
    const group = igmp.igmpGroup(b, o);
    const face = this.faceOf(packet);
    switch (igmp.igmpType(b, o)) {
      case igmp.IGMP_QUERY:
        if (face !== undefined) this.asked(face, group, igmp.igmpMaxResponse(b, o));
        break;
      case igmp.IGMP_V1_REPORT:
      case igmp.IGMP_V2_REPORT:
        if (face !== undefined) this.heard(face, group, ipv4Source(b, packet.network));
        break;
      case igmp.IGMP_LEAVE:
        break;
      default:
        this.context.drop(packet, R.IGMP_UNKNOWN_TYPE);
        return;
    }
    packet.release();
  }

  timersFire(nowMs: number): void {
    for (let id = this.deadlines.takeDue(nowMs); id !== NONE; id = this.deadlines.takeDue(nowMs)) {
      this.report(this.memberships[id]);
    }
  }

  drain(): void {
    for (let message = this.queue.shift(); message !== undefined; message = this.queue.shift()) {
      this.send(message);
    }
    this.context.work &= ~WORK_IGMP;
  }

  private enqueue(face: Interface, type: number, group: number): void {
    this.queue.push({ face, type, group });
    this.context.work |= WORK_IGMP;
  }

  /** RFC 2236 3: "the host sets delay timers for each group"; a timer that runs is only ever shortened. */
  private asked(face: Interface, group: number, tenths: number): void {
    if (tenths === 0) this.v1Until.set(face.id, (this.context.nowMs + V1_ROUTER_MS) | 0);
    const withinMs = tenths === 0 ? V1_RESPONSE_MS : tenths * 100;
    if (group === 0) {
      for (const membership of this.groups.on(face)) this.delay(membership, withinMs);
      return;
    }
    const membership = this.groups.find(face, group);
    if (membership !== undefined) this.delay(membership, withinMs);
  }

  /** Another host is in the group, which is all that a router wants to know. Of our own subnet, or it is a lie (section 10). */
  private heard(face: Interface, group: number, source: number): void {
    const membership = this.groups.find(face, group);
    if (membership === undefined) return;
    const near = face.addresses.some(
      ({ address, length }) => ((address ^ source) & prefixMask(length)) === 0,
    );
    if (!near || !this.deadlines.has(membership.id)) return;
    this.deadlines.cancel(membership.id);
    this.owed[membership.id] = 0;
    this.last[membership.id] = false;
  }

  private delay({ id }: Membership, withinMs: number): void {
    const { nowMs } = this.context;
    if (this.deadlines.has(id) && diff(this.deadlines.deadline(id), nowMs) <= withinMs) return;
    this.deadlines.set(id, (nowMs + this.chance(withinMs)) | 0);
  }

  private report(membership: Membership): void {
    const { id, face, group } = membership;
    const type = this.hasV1Router(face) ? igmp.IGMP_V1_REPORT : igmp.IGMP_V2_REPORT;
    this.enqueue(face, type, group);
    this.last[id] = true;
    if (this.owed[id] > 0) this.owed[id]--;
    if (this.owed[id] > 0) this.deadlines.set(id, (this.context.nowMs + this.chance(UNSOLICITED_MS)) | 0);
  }

  /** 1 .. `mostMs`. */
  private chance(mostMs: number): number {
    return 1 + ((this.context.entropy.int32() >>> 0) % mostMs);
  }

  private hasV1Router(face: Interface): boolean {
    const until = this.v1Until.get(face.id);
    if (until === undefined) return false;
    if (diff(until, this.context.nowMs) > 0) return true;
    this.v1Until.delete(face.id);
    return false;
  }

  /** What came by loopback is our own. */
  private faceOf({ ingress }: Packet): Interface | undefined {
    const face = this.faces[ingress];
    return face.loopback ? undefined : face;
  }

  private send({ face, type, group }: Message): void {
    const packet = this.context.pool.allocate(IP_HEADER + igmp.IGMP_HEADER);
    if (packet === undefined) return;
    const o = packet.put(IP_HEADER + igmp.IGMP_HEADER);
    const to = type === igmp.IGMP_LEAVE ? igmp.ALL_ROUTERS : group;
    const from = face.addresses[0]?.address ?? 0;
    writeIpv4(packet.bytes, o, TOS_CONTROL, packet.length, 0, IPV4_DF, 1, PROTO_IGMP, from, to);
    packet.bytes[o] = 0x40 | (IP_HEADER >> 2);
    wr32(packet.bytes, o + 20, igmp.ROUTER_ALERT);
    setIpv4Checksum(packet.bytes, o);
    igmp.writeIgmp(packet.bytes, o + IP_HEADER, type, 0, group);
    packet.network = o;
    packet.transport = o + IP_HEADER;
    this.output.sendComplete(packet, face, to);
  }
}
