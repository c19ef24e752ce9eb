// What every test against the kernel's TCP asks at its end: nothing left, nothing broken on the wire.

import { findTool } from '@tunstack/tun';
import { requireRoot } from '@tunstack/tun/testing';
import { expect } from 'vitest';
import type { TcpRig } from './tcp-rig.ts';
import { STACK } from './tcp-rig.ts';
import type { TcpServices } from './tcp-services.ts';
import type { Sniffer } from './tcp-sniffer.ts';
import { faultsOf, resetsOf, type Seen, segmentsOf } from './tcp-trace.ts';

/**
 * True when tests that run these tools in namespaces of their own are to be skipped: not root, or a tool is missing. With
 * REQUIRE_TUN=1 a missing tool is an error.
 */
export function skipWithout(...tools: string[]): boolean {
  if (requireRoot()) return true;
  const missing = [...tools, process.env.CC ?? 'cc', 'nstat'].filter((name) => findTool(name) === undefined);
  if (missing.length === 0) return false;
  if (process.env.REQUIRE_TUN === '1')
    throw new Error(`REQUIRE_TUN=1, but not installed: ${missing.join(' ')}`);
  return true;
}

/** A tenth of it in CI. */
export function share(all: number): number {
  return process.env.CI === 'true' && process.env.SOAK !== '1' ? Math.ceil(all / 10) : all;
}

/** Nothing is left of any connection: in the tables, of packets, of the memory for what is sent and received. */
export async function expectNothingLeft(rig: TcpRig, services?: TcpServices): Promise<void> {
  const { stack, host } = rig;
  await rig.until(() => stack.tcpConnectionCount === 0, 'all connections are over');
  expect({ open: services?.open.size ?? 0, errors: services?.errors ?? [] }).toEqual({ open: 0, errors: [] });
  // A pump that is under way still has the packet it looks at.
  await rig.until(() => host.pool.inUse === 0, 'all packets are back');
  const { connections } = (stack as unknown as Inside).tcp;
  expect([host.pool.chunks.inUseBytes, connections.receiveOctets]).toEqual([0, 0]);
}

/** What a test may see of the inside of a stack. */
interface Inside {
  readonly tcp: { readonly connections: { readonly receiveOctets: number } };
}

/** MUST-2, MUST-3: neither end got a segment with a wrong checksum. */
export async function expectNoBadChecksum(rig: TcpRig): Promise<void> {
  const { TcpInCsumErrors } = await rig.nstat();
  expect([rig.stack.stats.get('TcpInCsumErrors'), TcpInCsumErrors]).toEqual([0, 0]);
}

/** Ends the capture and looks at it with tshark and with eyes of our own. Answers its segments. */
export async function expectCleanWire(sniffer: Sniffer, resets = 0): Promise<Seen[]> {
  const segments = segmentsOf(await sniffer.stop(), STACK);
  expect(segments.length).toBeGreaterThan(0);
  expect(await sniffer.faults()).toBe('');
  expect(faultsOf(segments)).toEqual([]);
  expect(resetsOf(segments).length).toBe(resets);
  return segments;
}
