// A wire between the kernel's TCP and a stack whose TUN offloads: two routers, and between them frames that can be lost or
// marked one by one, while super-segments go over the TUN both ways.
//
//   client (kernel) -- veth -- wire (kernel, loses and marks) -- veth -- router (kernel, namespace of the TUN) -- tun -- stack
//   10.8.0.1                                                             cuts and sums what leaves, merges what comes (GRO)
//
// `whole`: nothing is cut or merged on the way, and what is lost is a super-segment.

import { tool } from './namespace.ts';
import { must, namespace } from './tap-rig.ts';
import { CLIENT, type TcpRig } from './tcp-rig.ts';

export type LaneKind = 'cut' | 'whole';

/** Packets that a rule hit: on their way to the stack, and from it. */
export interface Hits {
  readonly toStack: number;
  readonly fromStack: number;
}

const WIRE_RULES = `
  add table ip wire
  add counter ip wire to_stack
  add counter ip wire from_stack
  add chain ip wire forward { type filter hook forward priority 0; }
  add rule ip wire forward iifname "veth0" CONDITION numgen random mod 1000 < SHARE counter name to_stack VERDICT
  add rule ip wire forward iifname "veth1" CONDITION numgen random mod 1000 < SHARE counter name from_stack VERDICT
`;

export class Lane {
  /** Words in front of a command that is to run at the wire. */
  readonly wire: readonly string[];

  private constructor(wire: readonly string[]) {
    this.wire = wire;
  }

  /** Moves the client of a rig that is not routed behind a wire. `mtu`: of all links. */
  static async open(rig: TcpRig, kind: LaneKind, mtu = 1500): Promise<Lane> {
    const wire = await namespace(rig.router);
    const client = await namespace(rig.router);
    const atRouter = { enter: rig.router };
    const ip = (at: { readonly enter: readonly string[] }, words: string): Promise<string> =>
      must([...at.enter, tool('ip'), ...words.split(' ')]);
    await ip(client, `link add veth0 mtu ${mtu} type veth peer name veth0 mtu ${mtu} netns ${wire.pid}`);
    await ip(atRouter, `link add veth1 mtu ${mtu} type veth peer name veth1 mtu ${mtu} netns ${wire.pid}`);
    const faces = [
      { at: client, name: 'veth0', address: CLIENT },
      { at: wire, name: 'veth0', address: '10.8.0.254' },
      { at: wire, name: 'veth1', address: '10.7.0.1' },
      { at: atRouter, name: 'veth1', address: '10.7.0.2' },
    ];
    for (const { at, name, address } of faces) {
      await ip(at, `address add ${address}/24 dev ${name}`);
      if (kind === 'cut') await cut(at.enter, name, at === atRouter);
      await ip(at, `link set ${name} up`);
    }
    await ip(client, 'route add default via 10.8.0.254');
    await ip(wire, 'route add 10.9.0.0/24 via 10.7.0.2');
    await ip(atRouter, 'route add 10.8.0.0/24 via 10.7.0.1');
    for (const { enter } of [wire, atRouter])
      await must([...enter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    // The kernel's default may be BBR, for which no loss is a sign of anything.
    await must([...client.enter, 'sh', '-c', 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control']);
    rig.client = client.enter;
    rig.clientDevice = 'veth0';
    return new Lane(wire.enter);
  }

  /** Loses so many of 1000 packets each way, in silence. */
  lose(permille: number): Promise<void> {
    return this.rule('', permille, 'drop');
  }

  /** Marks so many of 1000 packets that say they can bear it as having met congestion (RFC 3168 section 5). */
  mark(permille: number): Promise<void> {
    return this.rule('ip ecn 1-2', permille, 'ip ecn set ce');
  }

  /** How many packets were lost, or marked. */
  async hits(): Promise<Hits> {
    const listing = JSON.parse(await must([...this.wire, tool('nft'), '-j', 'list', 'counters'])) as {
      nftables: { counter?: { name: string; packets: number } }[];
    };
    const of = (name: string): number =>
      listing.nftables.find(({ counter }) => counter?.name === name)?.counter?.packets ?? 0;
    return { toStack: of('to_stack'), fromStack: of('from_stack') };
  }

  private async rule(condition: string, permille: number, verdict: string): Promise<void> {
    const rules = WIRE_RULES.replaceAll('CONDITION', condition)
      .replaceAll('SHARE', `${permille}`)
      .replaceAll('VERDICT', verdict);
    await must([...this.wire, tool('nft'), rules]);
  }
}

/** Each packet on the wire is one of the wire, and complete. A veth merges only what its other end did not mean to be whole. */
async function cut(enter: readonly string[], name: string, merges: boolean): Promise<void> {
  const off = ['tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', merges ? 'on' : 'off'];
  await must([...enter, tool('ethtool'), '-K', name, ...off]);
}
