// Which multicast groups this host is in, interface by interface: RFC 1112 section 7.1, the host group interface.

import { IndexPool, NONE } from '../base/index-pool.ts';
import { multicastEtherHigh, multicastEtherLow } from '../wire/ether.ts';
import { ALL_SYSTEMS } from '../wire/igmp.ts';
import type { Interface } from './interface.ts';

/** One group on one interface, as often joined as `holders` says. */
export class Membership {
  /** Its place among all: a row for timers. */
  readonly id: number;
  readonly face: Interface;
  readonly group: number;
  holders = 1;

  constructor(id: number, face: Interface, group: number) {
    this.id = id;
    this.face = face;
    this.group = group;
  }
}

/** Who tells the routers: IGMP. */
export interface GroupReporter {
  joined(membership: Membership): void;
  left(membership: Membership): void;
}

/** The memberships of one stack, reference counted. 224.0.0.1 is every interface's and stands in no table. */
export class Groups {
  /** Set once, by whoever composes the stack. */
  reporter: GroupReporter | undefined = undefined;
  private readonly ids: IndexPool;
  /** By interface: group -> membership. */
  private readonly byFace: Map<number, Map<number, Membership>> = new Map();
  /** group -> interfaces that are in it: what came by loopback is for all of them. */
  private readonly anywhere: Map<number, number> = new Map();

  /** `limit`: memberships in all. */
  constructor(limit: number) {
    this.ids = new IndexPool(limit);
  }

  /** One more holder of this group on this interface; false: there are as many memberships as there can be. */
  join(face: Interface, group: number): boolean {
    if (group === ALL_SYSTEMS) return true;
    const known = this.find(face, group);
    if (known !== undefined) {
      known.holders++;
      return true;
    }
    const id = this.ids.allocate();
    if (id === NONE) return false;
    const membership = new Membership(id, face, group);
    const groups = this.byFace.get(face.id);
    if (groups === undefined) this.byFace.set(face.id, new Map([[group, membership]]));
    else groups.set(group, membership);
    this.anywhere.set(group, (this.anywhere.get(group) ?? 0) + 1);
    this.reporter?.joined(membership);
    return true;
  }

  /** One holder less; the last one's leaving is reported. */
  leave(face: Interface, group: number): void {
    const membership = this.find(face, group);
    if (membership === undefined || --membership.holders > 0) return;
    this.remove(membership);
  }

  /** Does a datagram to this group, come in by this interface, concern anybody here? */
  hears(face: Interface, group: number): boolean {
    if (group === ALL_SYSTEMS) return true;
    return face.loopback ? this.anywhere.has(group) : this.find(face, group) !== undefined;
  }

  /** May a frame to this Ethernet group be for us? 32 groups share one address (RFC 1112 6.4). */
  hearsFrame(face: Interface, high: number, low: number): boolean {
    if (high !== multicastEtherHigh()) return false;
    if (low === multicastEtherLow(ALL_SYSTEMS)) return true;
    const groups = this.byFace.get(face.id);
    if (groups === undefined) return false;
    for (const group of groups.keys()) if (multicastEtherLow(group) === low) return true;
    return false;
  }

  find(face: Interface, group: number): Membership | undefined {
    return this.byFace.get(face.id)?.get(group);
  }

  /** All memberships of an interface. */
  on(face: Interface): Membership[] {
    return [...(this.byFace.get(face.id)?.values() ?? [])];
  }

  /** The interface goes, and with it its memberships; who held them may still say `leave`. */
  forget(face: Interface): void {
    for (const membership of this.on(face)) this.remove(membership);
  }

  private remove(membership: Membership): void {
    const { face, group, id } = membership;
    this.byFace.get(face.id)?.delete(group);
    const others = (this.anywhere.get(group) as number) - 1;
    if (others === 0) this.anywhere.delete(group);
    else this.anywhere.set(group, others);
    this.reporter?.left(membership);
    this.ids.release(id);
  }
}
