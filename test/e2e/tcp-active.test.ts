// Our stack as the client of the kernel's servers: active opens (RFC 9293 3.10.1), and how they fail (3.9.2.2).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  expectCleanWire,
  expectNoBadChecksum,
  expectNothingLeft,
  skipWithout,
} from '../support/tcp-checks.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { CLIENT, HEADERS, TcpRig } from '../support/tcp-rig.ts';
import { PATTERN } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';

const KERNEL = '10.9.0.1';
const PORT = 5001;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-active-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options = { tcpTimeWaitMs: 50 };
/** A SYN that nobody answers is given up soon. */
const impatient = { ...options, tcpRtoInitialMs: 100, tcpSynRetries: 2 };

describe.skipIf(skipWithout('nft', 'ethtool', 'tcpdump'))('TCP connections that we open', () => {
  test("4 MiB come back from the kernel's echo, and nothing is wrong on the wire", async () => {
    const rig = await TcpRig.open({ options });
    await rig.peerServer('echo', PORT);
    const sniffer = await Sniffer.start(rig, join(folder, 'echo.pcap'));
    const client = new TcpClient(rig.stack, KERNEL, PORT);
    const text = Buffer.alloc(4 << 20, PATTERN);
    client.send(text);
    expect(await client.outcome).toBe('closed');
    expect(client.bytes).toBe(text.length);
    await expectNothingLeft(rig);
    await expectCleanWire(sniffer);
    await expectNoBadChecksum(rig);
  });

  test.each(HEADERS)(
    "16 MiB come back from the kernel's echo, and all packets come home: %s",
    async (_, vnetHdr) => {
      const rig = await TcpRig.open({ vnetHdr, options });
      await rig.peerServer('echo', PORT);
      const client = new TcpClient(rig.stack, KERNEL, PORT);
      const text = Buffer.alloc(16 << 20, PATTERN);
      client.send(text);
      expect(await client.outcome).toBe('closed');
      expect(client.bytes).toBe(text.length);
      await expectNothingLeft(rig);
      await expectNoBadChecksum(rig);
    },
  );

  test.each(HEADERS)(
    "all that we send into the kernel's sink is acknowledged, and its FIN follows ours: %s",
    async (_, vnetHdr) => {
      const rig = await TcpRig.open({ vnetHdr, options });
      await rig.peerServer('sink', PORT);
      const client = new TcpClient(rig.stack, KERNEL, PORT);
      client.send(new Uint8Array(8 << 20));
      expect([await client.outcome, client.bytes]).toEqual(['closed', 0]);
      await expectNothingLeft(rig);
    },
  );

  test.each(HEADERS)(
    "we abort what comes from the kernel's source without end, it hears ECONNRESET: %s",
    async (_, vnetHdr) => {
      const rig = await TcpRig.open({ vnetHdr, options });
      await rig.peerServer('source', PORT);
      const client = new TcpClient(rig.stack, KERNEL, PORT);
      await rig.until(() => client.bytes > 1 << 20, '1 MiB from the source');
      client.socket.abort();
      await expectNothingLeft(rig);
      expect((await rig.nstat()).TcpEstabResets).toBe(1);
      // The server lives, and serves the next one.
      const next = new TcpClient(rig.stack, KERNEL, PORT);
      await rig.until(() => next.bytes > 0, 'octets for the next one');
    },
  );

  test('200 connections at once to the kernel come and go', async () => {
    const rig = await TcpRig.open({ options });
    await rig.peerServer('echo', PORT);
    const clients = Array.from({ length: 200 }, () => new TcpClient(rig.stack, KERNEL, PORT));
    for (const client of clients) client.send(PATTERN.subarray(0, 5000));
    const outcomes = await Promise.all(clients.map((client) => client.outcome));
    expect(new Set(outcomes)).toEqual(new Set(['closed']));
    expect(clients.filter(({ bytes }) => bytes !== 5000)).toEqual([]);
    await expectNothingLeft(rig);
  });

  test('a port where nobody listens refuses: ECONNREFUSED', async () => {
    const rig = await TcpRig.open({ options });
    expect(await new TcpClient(rig.stack, KERNEL, PORT).outcome).toBe('ECONNREFUSED');
    await expectNothingLeft(rig);
  });

  test('a host that the router finds unreachable is told as EHOSTUNREACH when the SYNs are used up', async () => {
    const rig = await TcpRig.open({ routed: true, options: impatient });
    await rig.atRouter('ip', 'route', 'add', 'unreachable', '10.7.0.0/24');
    const outcome = await new TcpClient(rig.stack, '10.7.0.1', PORT).outcome;
    expect(outcome).toBe('EHOSTUNREACH');
    expect(rig.stack.stats.get('IcmpInDestUnreachs')).toBeGreaterThan(0);
    await expectNothingLeft(rig);
  });

  test('a port that a firewall prohibits by ICMP port unreachable refuses: ECONNREFUSED, SHLD-26', async () => {
    const rig = await TcpRig.open({ routed: true, options: impatient });
    const rules =
      'add table ip f; add chain ip f c { type filter hook forward priority 0; }; add rule ip f c reject';
    await rig.atRouter('nft', `${rules} with icmp type port-unreachable`);
    expect(await new TcpClient(rig.stack, CLIENT, PORT).outcome).toBe('ECONNREFUSED');
    await expectNothingLeft(rig);
  });

  test('a host that says nothing at all is told as ETIMEDOUT', async () => {
    const rig = await TcpRig.open({ routed: true, options: impatient });
    const chain = 'add chain ip f c { type filter hook forward priority 0; policy drop; }';
    await rig.atRouter('nft', `add table ip f; ${chain}`);
    expect(await new TcpClient(rig.stack, CLIENT, PORT).outcome).toBe('ETIMEDOUT');
    expect(rig.stack.stats.get('TcpExtTCPSynRetrans')).toBe(2);
    await expectNothingLeft(rig);
  });

  test('a server that aborts (SO_LINGER 0) is told as ECONNRESET: MUST-12', async () => {
    const rig = await TcpRig.open({ options });
    await rig.startKernel(/ready/, 'reset-server', PORT);
    const client = new TcpClient(rig.stack, KERNEL, PORT);
    client.send(PATTERN, false);
    expect(await client.outcome).toBe('ECONNRESET');
    await expectNothingLeft(rig);
  });
});
