// ECN across offload, RFC 3168: a router marks segments, or whole super-segments; the receiver echoes each mark until it hears
// CWR, and CWR goes on one segment of the wire. The kernel's TCP is the peer.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Lane, type LaneKind } from '../support/lane.ts';
import { SegmentTap, type Tapped } from '../support/segment-tap.ts';
import { expectNothingLeft, share, skipWithout } from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { patternDigest, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';

const MIB = 1 << 20;
const ECT_0 = 2;
const CE = 3;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-ecn-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * What is marked, how many of 1000, of how many octets: so many that some are. And whether the TUN offloads: if not, the stack
 * itself merges and cuts.
 */
const WIRES: readonly (readonly [string, LaneKind, number, number, boolean])[] = [
  ['segments', 'cut', 5, 48 * MIB, true],
  ['super-segments', 'whole', 50, 128 * MIB, true],
  ['segments without offload', 'cut', 5, 48 * MIB, false],
];

interface EcnRig {
  readonly rig: TcpRig;
  readonly lane: Lane;
  readonly tap: SegmentTap;
}

/** The kernel asks for ECN; we accept it by default. */
async function markingRig(kind: LaneKind, permille: number, vnetHdr: boolean): Promise<EcnRig> {
  const rig = await TcpRig.open({ vnetHdr, options: { tcpTimeWaitMs: 50 } });
  const lane = await Lane.open(rig, kind);
  await rig.atClient('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/tcp_ecn');
  await lane.mark(permille);
  const tap = new SegmentTap(true);
  rig.stack.tap = tap;
  return { rig, lane, tap };
}

/** 6.1.3: after a mark all that we send echoes it, until CWR came. Answers what did not, and how many marks came anew. */
function echoFaults(packets: readonly Tapped[]): { faults: string[]; episodes: number } {
  const faults: string[] = [];
  let owed = false;
  let episodes = 0;
  for (const [i, { incoming, syn, cwr, ece, ecn, seq }] of packets.entries()) {
    if (syn) continue;
    if (incoming) {
      if (cwr) owed = false;
      if (ecn === CE && !owed) {
        owed = true;
        episodes++;
      }
    } else if (ece !== owed) faults.push(`packet ${i}, seq ${seq}: ECE ${ece}, owed ${owed}`);
  }
  return { faults, episodes };
}

describe.skipIf(skipWithout('nft', 'ethtool', 'tcpdump', 'tshark'))('ECN with offload', () => {
  test.each(WIRES)(
    'marks on %s that come are echoed until the kernel has reduced its window',
    { timeout: 100_000 },
    async (_, kind, permille, all, vnetHdr) => {
      const { rig, lane, tap } = await markingRig(kind, permille, vnetHdr);
      const octets = share(all);
      const services = new TcpServices(rig.stack);
      const sent = await rig.kernel('send', STACK, SINK, octets);
      expect({ bytes: services.sunk, sha256: services.sunkHash.digest('hex') }).toEqual(sent);
      await expectNothingLeft(rig, services);
      const { faults, episodes } = echoFaults(tap.packets);
      expect(faults).toEqual([]);
      expect(episodes).toBeGreaterThan(0);
      const { toStack } = await lane.hits();
      expect(toStack).toBeGreaterThanOrEqual(episodes);
      expect(tap.supersIn > 0).toBe(vnetHdr);
      expect(tap.packets.some(({ incoming, cwr, syn }) => incoming && cwr && !syn)).toBe(true);
      expect((await rig.nstat()).TcpExtTCPDeliveredCE).toBeGreaterThan(0);
    },
  );

  test.each(WIRES)(
    'marks on %s of ours are answered by CWR on one segment of the wire each',
    { timeout: 100_000 },
    async (_, kind, permille, all, vnetHdr) => {
      const { rig, lane, tap } = await markingRig(kind, permille, vnetHdr);
      const octets = share(all);
      const services = new TcpServices(rig.stack, octets);
      const sniffer = await Sniffer.start(rig, join(folder, `${kind}${vnetHdr}.pcap`));
      const got = await rig.kernel('receive', STACK, SOURCE);
      expect(got).toEqual({ bytes: octets, sha256: patternDigest(octets) });
      await expectNothingLeft(rig, services);
      await sniffer.stop();
      const ours = tap.packets.filter(({ incoming, syn }) => !incoming && !syn);
      const reduced = ours.filter(({ cwr }) => cwr);
      const seen = await sniffer.tshark(`ip.src == ${STACK} && tcp.flags.cwr == 1`, 'tcp.seq_raw');
      expect(seen.trim().split('\n').map(Number)).toEqual(reduced.map(({ seq }) => seq));
      expect([reduced.length > 0, tap.supersOut > 0]).toEqual([true, true]);
      // Once in a window: no more often than the kernel began to echo.
      const { fromStack } = await lane.hits();
      expect(reduced.length).toBeLessThanOrEqual(fromStack);
      // 6.1.5: what is sent again is not to be marked.
      const unmarkable = ours.filter(({ text, ecn }) => text > 0 && ecn !== ECT_0);
      expect(unmarkable.length).toBeLessThanOrEqual(rig.stack.stats.get('TcpRetransSegs'));
    },
  );
});
