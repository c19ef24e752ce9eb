// The self-check of `npm start`: the kernel's own tools talk to the stack, from inside its namespace.

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

/** A UDP client of the kernel's in a few lines, for a machine without nc. Prints what came back. */
const NODE_CLIENT = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (data) => { process.stdout.write(data); socket.close(); });
socket.send(process.argv[2], Number(process.argv[3]), process.argv[1]);
setTimeout(() => process.exit(1), 3000).unref();
`;

/** Pings the stack and echoes a UDP datagram, with `ping` and `nc` where they are installed. */
export async function selfCheck(session: TunSession): Promise<CheckResult[]> {
  const address = formatIp4(session.address.address);
  return [await checkPing(session.enter, address), await checkUdp(session.enter, address)];
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
