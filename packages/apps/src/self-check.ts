// The self-check of `npm start`: the kernel's own tools talk to the stack, from inside its namespace.

import { randomBytes } from 'node:crypto';
import { formatIp4 } from '@tunstack/stack/wire';
import { findTool } from '@tunstack/tun';
import { runTool } from './run-tool.ts';
import { ECHO_PORT } from './services.ts';
import type { TunSession } from './tun-session.ts';

/** One thing that was tried. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** It could not be tried here. */
  readonly skipped?: boolean;
  readonly detail: string;
}

const WORDS = 'hello from the kernel';
const TCP_BYTES = 1 << 20;

/** A UDP client of the kernel's in a few lines, for a machine without nc. Prints what came back. */
const NODE_CLIENT = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (data) => { process.stdout.write(data); socket.close(); });
socket.send(process.argv[2], Number(process.argv[3]), process.argv[1]);
setTimeout(() => process.exit(1), 3000).unref();
`;

/** A TCP client of the kernel's, where nc is not installed or cannot half-close: stdin goes there, what comes back to stdout. */
const NODE_TCP_CLIENT = `
const socket = require('node:net').connect(Number(process.argv[2]), process.argv[1]);
process.stdin.pipe(socket).pipe(process.stdout);
socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1); });
`;

/**
 * Pings the stack, echoes a UDP datagram and 1 MiB by TCP, with `ping` and `nc` where they are installed; on a TAP looks up
 * whom the kernel takes for its neighbour.
 */
export async function selfCheck(session: TunSession): Promise<CheckResult[]> {
  const address = formatIp4(session.address.address);
  const { enter, mac } = session;
  const results = [
    await checkPing(enter, address),
    await checkUdp(enter, address),
    await checkTcp(enter, address),
  ];
  if (mac !== undefined) results.push(await checkNeighbor(enter, address, mac));
  return results;
}

async function checkPing(enter: readonly string[], address: string): Promise<CheckResult> {
  const ping = findTool('ping');
  if (ping === undefined) {
    // Node has no ICMP socket: this part needs the tool.
    return { name: 'ping', ok: true, skipped: true, detail: 'not installed (apt install iputils-ping)' };
  }
  const { code, stdout, stderr } = await runTool([
    ...enter,
    ping,
    '-n',
    '-c',
    '3',
    '-i',
    '0.2',
    '-W',
    '2',
    address,
  ]);
  const lines = stdout.trim().split('\n');
  return {
    name: `ping -c 3 ${address}`,
    ok: code === 0,
    detail: code === 0 ? lines.slice(-2).join('; ') : stderr || stdout,
  };
}

async function checkUdp(enter: readonly string[], address: string): Promise<CheckResult> {
  const nc = findTool('nc');
  const client =
    nc === undefined
      ? [process.execPath, '-e', NODE_CLIENT, address, WORDS, String(ECHO_PORT)]
      : [nc, '-u', '-w', '1', address, String(ECHO_PORT)];
  const { stdout, stderr } = await runTool([...enter, ...client], nc === undefined ? '' : WORDS);
  const ok = stdout === WORDS;
  const name = `${nc === undefined ? "node's dgram" : 'nc -u'} ${address} ${ECHO_PORT}`;
  return { name, ok, detail: ok ? `sent and got back '${WORDS}'` : `got '${stdout}' ${stderr}`.trim() };
}

async function checkTcp(enter: readonly string[], address: string): Promise<CheckResult> {
  const nc = await halfClosingNc();
  const client =
    nc === undefined ? [process.execPath, '-e', NODE_TCP_CLIENT, address] : [nc, '-N', '-w', '5', address];
  const data = randomBytes(TCP_BYTES);
  const start = performance.now();
  const { output, stderr } = await runTool([...enter, ...client, String(ECHO_PORT)], data);
  const ms = Math.ceil(performance.now() - start);
  const name = `${nc === undefined ? "node's net" : 'nc -N'} ${address} ${ECHO_PORT}`;
  if (output.equals(data)) {
    return { name, ok: true, detail: `sent ${TCP_BYTES} octets by TCP and got back the same in ${ms} ms` };
  }
  const at = output.findIndex((octet, i) => octet !== data[i]);
  const difference = at < 0 ? '' : `, the first wrong one at ${at}`;
  const detail = `got ${output.length} of ${TCP_BYTES} octets${difference} ${stderr}`;
  return { name, ok: false, detail: detail.trim() };
}

/** The kernel asked for our station address by ARP, and was confirmed in what it heard. */
async function checkNeighbor(enter: readonly string[], address: string, mac: string): Promise<CheckResult> {
  const name = `ip neigh show ${address}`;
  const ip = findTool('ip');
  if (ip === undefined) {
    return { name, ok: true, skipped: true, detail: 'not installed (apt install iproute2)' };
  }
  const { stdout, stderr } = await runTool([...enter, ip, 'neigh', 'show', address]);
  const ok = new RegExp(` lladdr ${mac} .*REACHABLE`).test(stdout);
  return { name, ok, detail: (stdout + stderr).trim() || 'no such neighbour' };
}

/** OpenBSD's nc, which can end its sending and read on (-N); others cannot, or say so differently. */
async function halfClosingNc(): Promise<string | undefined> {
  const nc = findTool('nc');
  if (nc === undefined) return undefined;
  const { stdout, stderr } = await runTool([nc, '-h']);
  return /^\s+-N\s/m.test(stdout + stderr) ? nc : undefined;
}
