// tun-iperf3: speaks iperf3's protocol from a stack on a TUN or TAP, as server and as client: the real iperf3 measures us.

import { hostname, version as kernelVersion, machine, release, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp4 } from '@tunstack/stack/wire';
import {
  EXIT_FAILED,
  EXIT_OK,
  type Given,
  helpText,
  makeLogger,
  readFlags,
  resultStream,
  runProgram,
  wholeFlag,
} from './cli.ts';
import { Client } from './iperf3/client.ts';
import { formatFlag, IPERF_FLAGS, intervalFlag, parametersFrom, roleFlag } from './iperf3/flags.ts';
import { Server } from './iperf3/server.ts';
import { NODE_TIMING } from './iperf3/timing.ts';
import { untilEnding } from './signals.ts';
import { TunSession } from './tun-session.ts';

/** The version whose protocol and report this is. */
const VERSION = '3.12';
/** How long the last word may take to leave. */
const FAREWELL_MS = 1000;

const HELP: string = helpText(
  'tun-iperf3 -s | -c ADDR [flags]',
  'Measures by the protocol of iperf3, from a stack on a TUN or TAP: a real iperf3 may be at the other side, or another of\n' +
    'these. Flags, tables and JSON are those of iperf3. Exit code: 0 done, 1 it did not work, 2 it was asked wrongly.',
  IPERF_FLAGS,
  [
    'tun-iperf3 -s',
    'tun-iperf3 -s --vnet-hdr --netns /run/netns/lab',
    'tun-iperf3 -c 10.9.0.1 --netns /run/netns/lab -t 5 -P 4',
    'tun-iperf3 -c 10.9.0.1 --netns /run/netns/lab -u -b 100M -R -J',
  ],
);

/** Runs to the end of the test, or to a signal; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-iperf3', async () => {
    const given = readFlags(args, IPERF_FLAGS, 0);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    return roleFlag(given) === 'server' ? serve(given) : ask(given);
  });
}

/** What both roles are made of. */
function common(given: Given) {
  const out = resultStream(given);
  return {
    timing: NODE_TIMING,
    port: wholeFlag(given, 'port', 1, 65_535),
    version: `iperf ${VERSION}`,
    systemInfo: [type(), hostname(), release(), kernelVersion(), machine()].join(' '),
    intervalMs: intervalFlag(given),
    json: given.on('json'),
    text: { verbose: given.on('verbose'), format: formatFlag(given) },
    dateMs: () => Date.now(),
    print: (text: string): void => void out.write(text),
  };
}

async function serve(given: Given): Promise<number> {
  const options = common(given);
  const logger = await makeLogger('tun-iperf3', given.on('verbose'));
  const session = new TunSession(given, logger);
  try {
    const { stack } = session;
    const address = formatIp4(session.address.address);
    const complain = (line: string): void => void process.stderr.write(`tun-iperf3: ${line}\n`);
    if (!options.json) options.print(greeting(session, address, options.port));
    const server = new Server({ ...options, stack, address, complain });
    let tellDone: () => void = () => {};
    const done = new Promise<'done'>((resolve) => {
      tellDone = () => resolve('done');
    });
    if (given.on('one-off')) server.onTestOver = tellDone;
    // Whoever waits for it may come now; with -J nothing else says so.
    if (options.json) logger.info({ address, port: options.port }, 'listening');
    const report = (): void => void process.stderr.write(`${server.tests} tests were run\n`);
    const ending = await Promise.race([done, untilEnding(['SIGINT', 'SIGTERM'], session.gone, report)]);
    server.close();
    if (ending === 'SIGINT') complain('interrupt - the server has terminated');
    await farewell(() => stack.tcpConnectionCount === 0);
    return ending === 'gone' || server.failed ? EXIT_FAILED : EXIT_OK;
  } finally {
    session.close();
  }
}

async function ask(given: Given): Promise<number> {
  const parameters = parametersFrom(given);
  const options = common(given);
  const connectTimeoutMs = wholeFlag(given, 'connect-timeout', 1, 86_400_000);
  const clientPort = wholeFlag(given, 'cport', 0, 65_535 - 2 * parameters.parallel);
  const logger = await makeLogger('tun-iperf3', given.on('verbose'));
  const session = new TunSession(given, logger);
  try {
    const { stack } = session;
    const host = given.text('client') ?? '';
    const more = { stack, host, parameters, connectTimeoutMs, clientPort };
    let client: Client | undefined;
    const error = await new Promise<string | undefined>((resolve) => {
      client = new Client({ ...options, ...more }, resolve);
      const report = (): void => void process.stderr.write(`${client?.progress ?? 0} octets so far\n`);
      void untilEnding(['SIGINT', 'SIGTERM'], session.gone, report).then((ending) =>
        ending === 'gone' ? resolve('the device is gone') : client?.interrupt(),
      );
    });
    await farewell(() => client?.isSilent !== false);
    if (error !== undefined) throw new Error(error);
    return EXIT_OK;
  } finally {
    session.close();
  }
}

/** A user-space stack sends nothing when its process is over: the last words leave before. */
async function farewell(isSilent: () => boolean): Promise<void> {
  const endMs = performance.now() + FAREWELL_MS;
  do await sleep(5);
  while (!isSilent() && performance.now() < endMs);
}

/** How to reach it, in a line that can be pasted. */
function greeting(session: TunSession, address: string, port: number): string {
  const words = [...session.enter, 'iperf3', '-c', address, ...(port === 5201 ? [] : ['-p', `${port}`])];
  return `${address} on ${session.device.name}. From another shell:\n  ${words.join(' ')}\n`;
}
