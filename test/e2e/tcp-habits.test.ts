// Habits of real applications: readers that pause, on either side, and writers of single octets.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TCP_FIN } from '@tunstack/stack/wire';
import { afterAll, describe, expect, test } from 'vitest';
import { expectCleanWire, expectNothingLeft, skipWithout } from '../support/tcp-checks.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, patternDigest, SINK, SOURCE, TcpServices } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';

const MIB = 1 << 20;
const KERNEL = '10.9.0.1';
const PORT = 5001;
const options = { tcpTimeWaitMs: 50 };

const folder = mkdtempSync(join(tmpdir(), 'tunstack-habits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Turns of the event loop: a pump each, when there is something to do. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.skipIf(skipWithout('tcpdump'))('habits of applications', () => {
  test('a reader of the kernel that pauses is probed at its shut window, and gets all: MUST-36, MUST-37', async () => {
    const rig = await TcpRig.open({ options });
    const octets = 16 * MIB;
    const services = new TcpServices(rig.stack, octets);
    const sniffer = await Sniffer.start(rig, join(folder, 'kernel-pauses.pcap'));
    const reader = await rig.startKernel(/connected/, 'lazy-receive', STACK, SOURCE);
    // Three probes: it answers them, and the connection lives (MUST-37).
    await rig.until(() => rig.stack.stats.get('TcpExtTCPWinProbe') >= 3, 'three window probes');
    expect(rig.stack.tcpConnectionCount).toBe(1);
    reader.child.kill('SIGUSR2');
    const [line] = await reader.until(/\{.*\}/);
    expect(JSON.parse(line)).toEqual({ bytes: octets, sha256: patternDigest(octets) });
    await expectNothingLeft(rig, services);
    const segments = await expectCleanWire(sniffer);
    // A probe repeats the sequence number before the next one: whoever gets it must answer.
    let acked = 0;
    let probes = 0;
    for (const { fromStack, text, seq, ack, window } of segments) {
      if (!fromStack) acked = window === 0 ? ack : 0;
      else if (text === 0 && acked !== 0 && seq === ((acked - 1) | 0)) probes++;
    }
    expect(probes).toBeGreaterThanOrEqual(3);
  });

  test('while we do not read, the kernel sends no more than our window, and all of it comes afterwards', async () => {
    const rig = await TcpRig.open({ options });
    const services = new TcpServices(rig.stack);
    services.pause();
    const sniffer = await Sniffer.start(rig, join(folder, 'we-pause.pcap'));
    const sent = rig.kernel('send', STACK, SINK, 4 * MIB);
    const unread = (): number => [...services.open][0]?.unread ?? 0;
    await rig.until(() => unread() >= 65_536, 'a full window');
    // Two looks at the kernel's counters later the window is full, and stays so; a window that scaling rounds up lets a
    // few octets more in with each acknowledgment.
    await rig.nstat();
    const { TcpExtTCPAbortOnTimeout } = await rig.nstat();
    expect([unread() <= 1.125 * 131_072, services.sunk, TcpExtTCPAbortOnTimeout]).toEqual([true, 0, 0]);
    services.resume();
    const { bytes, sha256 } = await sent;
    expect({ bytes: services.sunk, sha256: services.sunkHash.digest('hex') }).toEqual({ bytes, sha256 });
    await expectNothingLeft(rig, services);
    await expectCleanWire(sniffer);
  });

  test('the kernel probes our shut window as long as it is shut, and we answer each: MUST-35', async () => {
    const rig = await TcpRig.open({ options });
    const services = new TcpServices(rig.stack);
    services.pause();
    const sent = rig.kernel('send', STACK, SINK, MIB);
    let probes = 0;
    for (let tries = 0; tries < 100 && probes < 3; tries++) {
      probes = (await rig.nstat()).TcpExtTCPWinProbe;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(probes).toBeGreaterThanOrEqual(3);
    services.resume();
    await sent;
    expect(services.sunk).toBe(MIB);
    await expectNothingLeft(rig, services);
  });

  test.each([
    ['one small segment at a time is under way: SHLD-7', false],
    ['but with TCP_NODELAY each goes at once: MUST-17', true],
  ])('of single octets that we write, %s', async (_, noDelay) => {
    const rig = await TcpRig.open({ options });
    await rig.peerServer('sink', PORT);
    const sniffer = await Sniffer.start(rig, join(folder, `nagle-${noDelay}.pcap`));
    // The sink serves one at a time. While it has this one nobody reads the next, whose ACKs the kernel then delays.
    const first = new TcpClient(rig.stack, KERNEL, PORT);
    await rig.until(() => first.connected, 'the first connection');
    const client = new TcpClient(rig.stack, KERNEL, PORT);
    await rig.until(() => client.connected, 'the connection');
    client.socket.noDelay = noDelay;
    const { port } = client.socket.address();
    for (let i = 0; i < 300; i++) {
      client.socket.send(Uint8Array.of(i));
      await turn();
    }
    client.socket.end();
    first.socket.end();
    expect([await first.outcome, await client.outcome]).toEqual(['closed', 'closed']);
    const segments = await expectCleanWire(sniffer);
    let [acked, beyond] = [0, 0];
    const small: number[] = [];
    for (const { from, to, fromStack, text, seq, ack, flags } of segments) {
      if (!`${from} ${to}`.includes(`:${port}`)) continue;
      if (!fromStack) acked = ack;
      else if (text > 0) {
        small.push(text);
        if (((seq - acked) | 0) > 0 && (flags & TCP_FIN) === 0) beyond++;
      }
    }
    expect(small.reduce((sum, text) => sum + text, 0)).toBe(300);
    if (noDelay) expect(small.length).toBe(300);
    else expect([beyond, small.length < 300]).toEqual([0, true]);
  });

  test('single octets that come one by one are acknowledged late, and each in less than half a second: MUST-40', async () => {
    const rig = await TcpRig.open({ options });
    const services = new TcpServices(rig.stack);
    const sniffer = await Sniffer.start(rig, join(folder, 'drip.pcap'));
    await rig.startKernel(/closed/, 'drip', STACK, SINK, 30, 20);
    expect(services.sunk).toBe(30);
    expect(rig.stack.stats.get('TcpExtDelayedACKs')).toBeGreaterThan(0);
    const segments = await expectCleanWire(sniffer);
    const waits = segments
      .filter(({ fromStack, text }) => !fromStack && text > 0)
      .map(({ number, seq, timestampUs }) => {
        const answer = segments.find((s) => s.number > number && s.fromStack && ((s.ack - seq) | 0) > 0);
        return (answer?.timestampUs ?? Number.POSITIVE_INFINITY) - timestampUs;
      });
    expect(waits.length).toBeGreaterThan(0);
    expect(waits.filter((us) => us >= 500_000)).toEqual([]);
  });

  test('an answer that comes soon carries the acknowledgment: the echo of an octet costs no pure ACK', async () => {
    const rig = await TcpRig.open({ options });
    const services = new TcpServices(rig.stack);
    const sniffer = await Sniffer.start(rig, join(folder, 'ping-pong.pcap'));
    await rig.peer(['pingpong', STACK, ECHO, 0.5]);
    await expectNothingLeft(rig, services);
    const ours = (await expectCleanWire(sniffer)).filter(({ fromStack }) => fromStack);
    const pure = ours.filter(({ text, flags }) => text === 0 && (flags & 7) === 0);
    // What came with the handshake is told in the pump that follows: its acknowledgment went ahead.
    expect([ours.length > 100, pure.length <= 1]).toEqual([true, true]);
  });
});
