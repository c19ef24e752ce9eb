// Offload on both ways, on a wire that loses one packet in a hundred: of a super-segment some segments, or all of it. What
// goes in comes out, at each MTU.

import { describe, expect, test } from 'vitest';
import { Lane, type LaneKind } from '../support/lane.ts';
import { SegmentTap } from '../support/segment-tap.ts';
import { expectNoBadChecksum, expectNothingLeft, share, skipWithout } from '../support/tcp-checks.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, patternDigest, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';

const MIB = 1 << 20;
const LOST_PERMILLE = 10;

/** How much: a thousand packets each way at least, that some are lost. */
const WIRES: readonly (readonly [string, LaneKind, number, number])[] = [
  ['segments of 1500', 'cut', 1500, 128 * MIB],
  ['segments of 9000', 'cut', 9000, 128 * MIB],
  ['segments of 65535', 'cut', 65_535, 512 * MIB],
  ['super-segments at an MTU of 1500', 'whole', 1500, 512 * MIB],
  ['super-segments at an MTU of 9000', 'whole', 9000, 512 * MIB],
];

describe.skipIf(skipWithout('nft', 'ethtool'))('TCP with offload on a wire that loses 1 %', () => {
  test.each(WIRES)(
    'of %s: both ways at once, and by an echo, no octet is lost',
    { timeout: 240_000 },
    async (_, kind, mtu, all) => {
      const rig = await TcpRig.open({ vnetHdr: true, mtu, options: { tcpTimeWaitMs: 50 } });
      const lane = await Lane.open(rig, kind, mtu);
      await lane.lose(LOST_PERMILLE);
      const octets = share(all);
      const services = new TcpServices(rig.stack, octets);
      const tap = new SegmentTap();
      rig.stack.tap = tap;
      const [got, sent] = await Promise.all([
        rig.kernel('receive', STACK, SOURCE),
        rig.kernel('send', STACK, SINK, octets),
      ]);
      expect(got).toEqual({ bytes: octets, sha256: patternDigest(octets) });
      expect({ bytes: services.sunk, sha256: services.sunkHash.digest('hex') }).toEqual(sent);
      const { bytes } = await rig.peer(['transfer', STACK, ECHO, share(32 * MIB)]);
      expect(bytes).toBe(share(32 * MIB));
      await expectNothingLeft(rig, services);
      await expectNoBadChecksum(rig);
      const { toStack, fromStack } = await lane.hits();
      expect([toStack > 0, fromStack > 0]).toEqual([true, true]);
      // A segment of 64 KiB is one packet.
      const offloads = mtu < 65_535;
      expect([tap.supersIn > 0, tap.supersOut > 0]).toEqual([offloads, offloads]);
    },
  );
});
