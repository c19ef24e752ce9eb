// Laws over what one host sends and what reaches it: composed in a list, hung on a stack's tap or on one end of a wire.
// The first frame that breaks one is remembered with its moment, the law and the clause.

import type { Packet, Tap } from '@tunstack/stack/contract';
import { DIRECTION_OUT } from '@tunstack/stack/contract';
import { dissectIpv4, type Ipv4Layer, summary } from '@tunstack/stack/dissect';
import type { SimClock } from '../clock.ts';
import { octetsOnWire } from '../tcp-trace.ts';
import type { WireEnd } from '../wire.ts';

/** One frame at one host. */
export interface Seen {
  /** True: this host sends it. False: it reached it. */
  readonly sent: boolean;
  readonly octets: Uint8Array;
  readonly ip: Ipv4Layer;
  /** Microseconds since the world began. */
  readonly atUs: number;
  /** Which frame this is, from 1. */
  readonly number: number;
}

/** A law. `begin` gives it a memory of its own, so that one description serves many hosts. */
export interface Check {
  readonly name: string;
  readonly clause: string;
  /** Answers undefined while the law holds, else what is wrong with this frame. */
  begin(): (seen: Seen) => string | undefined;
}

/** A law was broken. */
export class CheckBreach extends Error {}

/**
 * Holds a list of laws to what it sees. A tap may not throw, so breaches are kept for `verify`.
 *
 * @example
 * const checks = new Checks(world.clock, 'client', [check.window(), check.ackMonotone()]);
 * client.tap = checks;
 * world.runFor(10_000);
 * checks.verify();
 */
export class Checks implements Tap {
  /** What was wrong, in order; ten at most. */
  readonly breaches: string[] = [];
  frames = 0;
  private readonly clock: SimClock;
  private readonly name: string;
  private readonly laws: readonly {
    readonly check: Check;
    readonly holds: (seen: Seen) => string | undefined;
  }[];

  constructor(clock: SimClock, name: string, checks: readonly Check[]) {
    this.clock = clock;
    this.name = name;
    this.laws = checks.map((check) => ({ check, holds: check.begin() }));
  }

  /** Watches one end of a wire instead of a stack. */
  watch(end: WireEnd): this {
    end.watcher = (sent, octets) => this.see(sent, octets);
    return this;
  }

  /** Throws CheckBreach when a law was broken. */
  verify(): void {
    if (this.breaches.length > 0) throw new CheckBreach(this.breaches.join('\n'));
  }

  packet(packet: Packet, direction: number): void {
    this.see(direction === DIRECTION_OUT, octetsOnWire(packet));
  }

  drop(): void {}

  private see(sent: boolean, octets: Uint8Array): void {
    const { elapsedUs: atUs } = this.clock;
    const seen: Seen = { sent, octets, ip: dissectIpv4(octets), atUs, number: ++this.frames };
    for (const { check, holds } of this.laws) {
      const wrong = holds(seen);
      if (wrong === undefined || this.breaches.length >= 10) continue;
      const frame = `frame ${seen.number} ${sent ? 'sent' : 'received'} at ${(atUs / 1000).toFixed(3)} ms`;
      this.breaches.push(
        `${this.name}: ${check.name} (${check.clause}): ${wrong}\n  ${frame}: ${summary(octets)}`,
      );
    }
  }
}

/** Several taps in one. */
export class Taps implements Tap {
  private readonly taps: readonly Tap[];

  constructor(...taps: readonly (Tap | undefined)[]) {
    this.taps = taps.filter((tap) => tap !== undefined);
  }

  packet(packet: Packet, direction: number, interfaceId: number, nowUs: number): void {
    for (const tap of this.taps) tap.packet(packet, direction, interfaceId, nowUs);
  }

  drop(packet: Packet, reason: number, nowUs: number): void {
    for (const tap of this.taps) tap.drop(packet, reason, nowUs);
  }
}
