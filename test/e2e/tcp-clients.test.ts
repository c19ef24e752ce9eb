// Programs that everybody has, against our TCP: curl at an HTTP server on TcpServer, nc as client and as server.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run, tool } from '../support/namespace.ts';
import {
  expectCleanWire,
  expectNoBadChecksum,
  expectNothingLeft,
  skipWithout,
} from '../support/tcp-checks.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { type HttpLog, serveHttp } from '../support/tcp-http.ts';
import { HEADERS, STACK, TcpRig } from '../support/tcp-rig.ts';
import { ECHO, PATTERN, patternDigest, TcpServices } from '../support/tcp-services.ts';
import { Sniffer } from '../support/tcp-sniffer.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-clients-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TEN_MB = 10_000_000;
const ONE_MB = 1_000_000;
const URL = `http://${STACK}`;

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function httpRig(vnetHdr = false): Promise<{ rig: TcpRig; log: HttpLog }> {
  const rig = await TcpRig.open({ vnetHdr, options: { tcpTimeWaitMs: 50 } });
  return { rig, log: serveHttp(rig.host, rig.stack) };
}

/** Runs curl at the client, quietly; an exit code other than 0 is an error. */
async function curl(rig: TcpRig, ...words: string[]): Promise<string> {
  return rig.atClient(tool('curl'), '-sS', '--max-time', '30', ...words);
}

async function expectServed({ rig, log }: { rig: TcpRig; log: HttpLog }): Promise<void> {
  expect(log.errors).toEqual([]);
  await expectNothingLeft(rig);
  await expectNoBadChecksum(rig);
}

describe.skipIf(skipWithout('curl', 'nc', 'tcpdump'))('clients that everybody has', () => {
  test.each(HEADERS)('curl gets 10 MB as they are: %s', async (_, vnetHdr) => {
    const http = await httpRig(vnetHdr);
    const file = join(folder, 'got');
    await curl(http.rig, '-o', file, `${URL}/octets/${TEN_MB}`);
    expect(sha256(readFileSync(file))).toBe(patternDigest(TEN_MB));
    await expectServed(http);
  });

  test('curl asks twice over one connection', async () => {
    const http = await httpRig();
    const words = ['-o', '/dev/null', `${URL}/octets/1000`, '-o', '/dev/null', `${URL}/octets/2000`];
    const said = await curl(http.rig, '-w', '%{http_code} %{size_download}\n', ...words);
    expect(said).toBe('200 1000\n200 2000\n');
    expect(http.log).toMatchObject({ connections: 1, requests: ['GET /octets/1000', 'GET /octets/2000'] });
    await expectServed(http);
  });

  test.each(HEADERS)('curl posts 1 MB and gets it back: %s', async (_, vnetHdr) => {
    const http = await httpRig(vnetHdr);
    const [sent, got] = [join(folder, 'sent'), join(folder, 'echoed')];
    writeFileSync(sent, Buffer.alloc(ONE_MB, PATTERN));
    await curl(http.rig, '-o', got, '--data-binary', `@${sent}`, `${URL}/echo`);
    expect(sha256(readFileSync(got))).toBe(sha256(readFileSync(sent)));
    await expectServed(http);
  });

  test('curl asks for the head alone', async () => {
    const http = await httpRig();
    expect(await curl(http.rig, '-I', `${URL}/octets/12345`)).toBe(
      'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n',
    );
    await expectServed(http);
  });

  test('nothing that curl and we say to each other is wrong on the wire', async () => {
    const http = await httpRig();
    const sniffer = await Sniffer.start(http.rig, join(folder, 'curl.pcap'));
    await curl(http.rig, '-o', '/dev/null', `${URL}/octets/${ONE_MB}`);
    await curl(http.rig, '-o', '/dev/null', '--data-binary', 'hello', `${URL}/echo`);
    await expectServed(http);
    await expectCleanWire(sniffer);
  });

  test('nc, half-closed after its input, reads our echo to the end: nc -N', async () => {
    const rig = await TcpRig.open({ options: { tcpTimeWaitMs: 50 } });
    const services = new TcpServices(rig.stack);
    const text = Buffer.alloc(ONE_MB, 'half-closed, and yet heard to the end.\n').toString();
    const words = [...rig.client, tool('nc'), '-N', '-w', '10', STACK, `${ECHO}`];
    const { stdout, code } = await run(words, 30_000, text);
    expect({ same: stdout === text, code }).toEqual({ same: true, code: 0 });
    await expectNothingLeft(rig, services);
  });

  test('we connect to nc -l, say something, half-close, and hear what it had to say', async () => {
    const rig = await TcpRig.open({ options: { tcpTimeWaitMs: 50 } });
    const [says, heard] = [join(folder, 'says'), join(folder, 'heard')];
    writeFileSync(says, 'from nc');
    const script = `exec ${tool('nc')} -n -v -N -l 5000 < ${says} > ${heard}`;
    const nc = await rig.startAtClient(['sh', '-c', script], /[Ll]istening/);
    const client = new TcpClient(rig.stack, '10.9.0.1', 5000);
    client.send(Buffer.from('from the stack'));
    expect(await client.outcome).toBe('closed');
    expect([await nc.ended, readFileSync(heard, 'utf8')]).toEqual([0, 'from the stack']);
    expect(client.hash.digest('hex')).toBe(sha256('from nc'));
    await expectNothingLeft(rig);
  });
});
