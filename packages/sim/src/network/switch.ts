// A switch of the simulator: passes datagrams on by their destination, between wires, in no time and without touching them.
// A router that is a whole stack, with TTL and ICMP: world.stack({ forwarding: true }).

import type { Link, LinkUser, Packet } from '@tunstack/stack/contract';
import { ipv4Destination, parsePrefix, prefixMask } from '@tunstack/stack/wire';

/** Taken from a port at once. */
const BATCH = 256;

/** See the head of this file. */
export class Switch {
  /** Datagrams that no port leads to, or that are none. */
  unroutable = 0;
  forwarded = 0;
  /** The longest prefix first. */
  private readonly routes: { readonly network: number; readonly mask: number; readonly port: Link }[] = [];

  /** A port, and the networks behind it: `addPort(wire.ends[1], '10.1.0.0/16')`. Throws RangeError when one is none. */
  addPort(port: Link, ...networks: readonly string[]): void {
    for (const text of networks) {
      const prefix = parsePrefix(text);
      if (prefix === undefined) throw new RangeError(`'${text}' is no network`);
      const mask = prefixMask(prefix.length);
      this.routes.push({ network: prefix.address & mask, mask, port });
    }
    // As unsigned numbers, longer masks are larger.
    this.routes.sort((a, b) => (b.mask >>> 0) - (a.mask >>> 0));
    const poll = (): void => {
      do port.poll(BATCH);
      while (port.backlog);
    };
    const user: LinkUser = {
      receive: (packet) => this.forward(packet),
      ready: poll,
      arrived: poll,
      changed: () => {},
      dropped: (packet) => packet.release(),
    };
    port.attach(user);
  }

  private forward(packet: Packet): void {
    const flat = packet.linear >= 20;
    const destination = flat ? ipv4Destination(packet.bytes, packet.head) : 0;
    for (const { network, mask, port } of this.routes) {
      if (!flat || (destination & mask) !== network) continue;
      this.forwarded++;
      // Wires are never FULL: what their queue cannot take is lost there, and counted.
      port.transmit(packet);
      return;
    }
    this.unroutable++;
    packet.release();
  }
}
