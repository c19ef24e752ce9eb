// Claiming an address on a link: RFC 5227. Probes ask whether somebody has it, announcements say who has it now.

import { Deadlines } from '../base/deadlines.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import { add } from '../base/int.ts';
import type { Context } from '../context.ts';
import type { Arp } from './arp.ts';
import type { Station } from './neighbor.ts';

// RFC 5227 1.1, milliseconds. R5227.5.
const PROBE_WAIT = 1000;
const PROBE_NUM = 3;
const PROBE_MIN = 1000;
const PROBE_MAX = 2000;
const ANNOUNCE_WAIT = 2000;
const ANNOUNCE_NUM = 2;
const ANNOUNCE_INTERVAL = 2000;
/** Of `probesLeft`: the address is ours, with or without probes. */
const NOT_PROBED = -1;
/** Of `step`: the claim has ended. */
const DONE = -1;
/** Claims that go on at one time. */
const CLAIMS_MAX = 1024;

/** What claims ask of who knows addresses, and tell it. */
export interface ClaimEnd {
  /** A claim with probes ended well. */
  claimed(station: Station, address: number): void;
  /** The address is one of ours on this station. */
  isOwn(station: Station, address: number): boolean;
}

interface Claim {
  readonly station: Station;
  readonly address: number;
  probesLeft: number;
  announcesLeft: number;
}

/** The claims of one stack. */
export class Claims {
  readonly deadlines: Deadlines = new Deadlines();
  private readonly context: Context;
  private readonly arp: Arp;
  private readonly end: ClaimEnd;
  private readonly ids: IndexPool = new IndexPool(CLAIMS_MAX);
  private readonly claims: (Claim | undefined)[] = [];

  constructor(context: Context, arp: Arp, end: ClaimEnd) {
    this.context = context;
    this.arp = arp;
    this.end = end;
  }

  /** Announces an address that is ours already, twice; again from the beginning when it was being announced. R5227.3. */
  announce(station: Station, address: number): void {
    this.claims.forEach((claim, id) => {
      if (claim === undefined || claim.station !== station || claim.address !== address) return;
      if (claim.probesLeft === NOT_PROBED) this.forget(id);
    });
    this.begin({ station, address, probesLeft: NOT_PROBED, announcesLeft: ANNOUNCE_NUM }, 0);
  }

  /** 2.1.1: asks three times, then `claimed`; announced it is when it has become ours. False: too many claims go on. R5227.1. */
  probe(station: Station, address: number): boolean {
    const wait = (this.context.entropy.int32() >>> 0) % PROBE_WAIT;
    return this.begin({ station, address, probesLeft: PROBE_NUM, announcesLeft: 0 }, wait);
  }

  /** Somebody else has it, or asks for it in the same way (2.1.1): no more is asked. R5227.2. */
  contested(station: Station, address: number): void {
    this.claims.forEach((claim, id) => {
      if (claim === undefined || claim.station !== station || claim.address !== address) return;
      if (claim.probesLeft !== NOT_PROBED) this.forget(id);
    });
  }

  /** A link goes. */
  removeStation(station: Station): void {
    this.claims.forEach((claim, id) => {
      if (claim?.station === station) this.forget(id);
    });
  }

  /** True while the address is being probed for. */
  isTentative(station: Station, address: number): boolean {
    return this.claims.some(
      (claim) => claim?.station === station && claim.address === address && claim.probesLeft !== NOT_PROBED,
    );
  }

  timersFire(nowMs: number): void {
    for (let id = this.deadlines.takeDue(nowMs); id !== NONE; id = this.deadlines.takeDue(nowMs)) {
      const claim = this.claims[id];
      const wait = claim === undefined ? DONE : this.step(claim);
      if (wait === DONE) this.forget(id);
      else this.deadlines.set(id, add(nowMs, wait));
    }
  }

  private begin(claim: Claim, waitMs: number): boolean {
    const id = this.ids.allocate();
    if (id === NONE) return false;
    this.claims[id] = claim;
    this.deadlines.set(id, add(this.context.nowMs, waitMs));
    return true;
  }

  private forget(id: number): void {
    this.deadlines.cancel(id);
    this.claims[id] = undefined;
    this.ids.release(id);
  }

  /** Does what is due; answers the wait until the next, or DONE. */
  private step(claim: Claim): number {
    const { station, address } = claim;
    if (claim.probesLeft > 0) {
      this.arp.probe(station, address);
      if (--claim.probesLeft === 0) return ANNOUNCE_WAIT;
      return PROBE_MIN + ((this.context.entropy.int32() >>> 0) % (PROBE_MAX - PROBE_MIN));
    }
    if (claim.probesLeft === 0) {
      this.end.claimed(station, address);
      return DONE;
    }
    // It may have been taken from us since.
    if (!this.end.isOwn(station, address)) return DONE;
    this.arp.announce(station, address);
    return --claim.announcesLeft > 0 ? ANNOUNCE_INTERVAL : DONE;
  }
}
