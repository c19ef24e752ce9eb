// Which of our addresses an ICMP error comes from: RFC 1122 3.2.2, RFC 1812 4.3.2.4.

import type { Packet } from '../contract/packet.ts';
import type { Interface } from '../ip/interface.ts';
import { ROUTE_LOCAL, type RouteTable } from '../ip/route-table.ts';
import { ipv4Destination, ipv4Source } from '../wire/ipv4.ts';
import type { Speaker } from './icmp-error.ts';

/** The addresses of one stack. */
export class Speakers implements Speaker {
  private readonly faces: readonly Interface[];
  private readonly routes: RouteTable;

  constructor(faces: readonly Interface[], routes: RouteTable) {
    this.faces = faces;
    this.routes = routes;
  }

  /**
   * What was for us is answered in that address; what went through, in one of the interface it came in by, so that
   * traceroute shows the near side (Linux's icmp_errors_use_inbound_ifaddr; its default is the side that the answer leaves
   * by, and RFC 1812 leaves the choice). What we sent ourselves comes back in the name of whom it was for.
   */
  speakerAbout({ bytes, network, ingress }: Packet): number {
    const destination = ipv4Destination(bytes, network);
    if (ingress < 0 || this.routes.lookup(destination)?.type === ROUTE_LOCAL) return destination;
    return this.faces[ingress].askingAddress(ipv4Source(bytes, network));
  }
}
