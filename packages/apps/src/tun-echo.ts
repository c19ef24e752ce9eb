// tun-echo: a host on a TUN or TAP that answers ping, and echo (7), discard (9) and chargen (19) by UDP and TCP.

import { setImmediate as turn } from 'node:timers/promises';
import { CONTROLLERS, DEFAULT_OPTIONS, type Options, type Stack } from '@tunstack/stack';
import { formatIp4, formatPrefix } from '@tunstack/stack/wire';
import { formatPreflight, preflight } from '@tunstack/tun';
import {
  COMMON_FLAGS,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  type Given,
  helpText,
  makeLogger,
  readFlags,
  resultStream,
  runProgram,
  UsageError,
} from './cli.ts';
import { type ServiceCounters, Services } from './services.ts';
import { untilEnding } from './signals.ts';
import { TUN_FLAGS, TunSession } from './tun-session.ts';

const FLAGS: Flags = {
  ...TUN_FLAGS,
  tap: { ...TUN_FLAGS.tap, bare: 'tap%d' },
  congestion: {
    type: 'string',
    value: 'NAME',
    default: DEFAULT_OPTIONS.tcpCongestion,
    help: `TCP's congestion control: ${CONTROLLERS.join(', ')}`,
  },
  doctor: { type: 'boolean', help: 'tell what is missing to run this, and the remedy' },
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'tun-echo [flags]',
  'Answers ping, and echo, discard and chargen by UDP and TCP, on a TUN or TAP, by a stack in TypeScript. Needs root,\n' +
    'or user namespaces and a /dev/net/tun one may open; --doctor tells. Ctrl-C prints statistics and ends.',
  FLAGS,
  [
    'tun-echo',
    'tun-echo --address 192.0.2.2/24 --host-address 192.0.2.1/24 -w echo.pcapng',
    'tun-echo --netns /run/netns/lab --tun tun7 --congestion bbr',
    'tun-echo --netns none --tap tap0 --host-address none --address 192.0.2.2/24 --gateway 192.0.2.1',
    'tun-echo --tap /dev/tap7 --address 192.0.2.2/24 --gateway 192.0.2.1',
  ],
);

/** What the program did, as --json prints it. */
export interface EchoStatistics {
  readonly nstat: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly services: ServiceCounters;
}

/** Counters that are not zero, reasons of drops, and what the services did. */
export function statistics(stack: Stack, services: Services): EchoStatistics {
  const counted = Object.entries(stack.stats.nstat()).filter(([, value]) => value > 0);
  return {
    nstat: Object.fromEntries(counted),
    drops: stack.stats.drops() as Record<string, number>,
    services: { ...services.counters },
  };
}

/** Runs until a signal; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-echo', async () => {
    const given = readFlags(args, FLAGS, 0);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    if (given.on('doctor')) return doctor(given.on('json'));
    const logger = await makeLogger('tun-echo', given.on('verbose'));
    const out = resultStream(given);
    const session = new TunSession(given, logger, stackOptions(given));
    try {
      const services = new Services(session.stack);
      // Before anybody is told that we serve: a signal may follow at once.
      const ended = untilEnding(['SIGINT', 'SIGTERM'], session.gone, () => {
        process.stderr.write(`${JSON.stringify(statistics(session.stack, services))}\n`);
      });
      out.write(given.on('json') ? `${JSON.stringify(greetingFields(session))}\n` : greeting(session));
      const ending = await ended;
      logger.debug({ ending }, 'ending');
      const result = statistics(session.stack, services);
      services.close();
      // Who is connected still hears a RST: one pump sends them.
      await turn();
      if (given.on('json')) out.write(`${JSON.stringify(result)}\n`);
      else if (ending !== 'SIGTERM') out.write(formatStatistics(result));
      return ending === 'gone' ? EXIT_FAILED : EXIT_OK;
    } finally {
      session.close();
    }
  });
}

/** Throws UsageError. */
function stackOptions(given: Given): Partial<Options> {
  const tcpCongestion = given.text('congestion') ?? '';
  if (CONTROLLERS.includes(tcpCongestion)) return { tcpCongestion };
  throw new UsageError(`--congestion takes ${CONTROLLERS.join(', ')}, not '${tcpCongestion}'`);
}

function doctor(json: boolean): number {
  const verdict = preflight();
  process.stdout.write(json ? `${JSON.stringify(verdict)}\n` : `${formatPreflight(verdict).join('\n')}\n`);
  return verdict.ok ? EXIT_OK : EXIT_FAILED;
}

function greetingFields(session: TunSession): Record<string, unknown> {
  return {
    device: session.device.name,
    medium: session.device.mode === 'tap' ? 'ethernet' : 'ip',
    mac: session.mac,
    hostMac: session.device.hwaddr,
    address: formatPrefix(session.address),
    hostAddress: session.hostAddress && formatPrefix(session.hostAddress),
    mtu: session.device.mtu,
    enter: session.enter,
    netns: session.nameNetns('tun-echo'),
  };
}

/** Where it is and how to reach it, in lines that can be pasted. */
export function greeting(session: TunSession): string {
  const address = formatIp4(session.address.address);
  const name = session.nameNetns('tun-echo');
  const prefix = session.enter.length === 0 ? '' : `${session.enter.join(' ')} `;
  const lines = [
    whereabouts(session),
    'answers ping, and echo (7), discard (9), chargen (19) by UDP and TCP. From another shell:',
    `  ${prefix}ping ${address}`,
    `  ${prefix}nc -u ${address} 7`,
    `  ${prefix}nc -N ${address} 7`,
  ];
  if (name !== undefined) lines.push(`  ip netns exec ${name} ping ${address}`);
  lines.push('Ctrl-C prints statistics and ends.');
  return `${lines.join('\n')}\n`;
}

/** `10.9.0.2/24 on tap0, station 02:...; the kernel is 10.9.0.1/24`, as far as that is so. */
function whereabouts({ address, device, hostAddress, mac }: TunSession): string {
  const station = mac === undefined ? '' : `, station ${mac}`;
  const kernel = hostAddress === undefined ? '' : `; the kernel is ${formatPrefix(hostAddress)}`;
  return `${formatPrefix(address)} on ${device.name}${station}${kernel}`;
}

/** nstat's two columns, then the reasons of drops. */
export function formatStatistics({ nstat, drops, services }: EchoStatistics): string {
  const table = (title: string, rows: Record<string, number>): string[] => {
    const entries = Object.entries(rows).filter(([, value]) => value > 0);
    return entries.length === 0
      ? []
      : [title, ...entries.map(([name, value]) => `${name.padEnd(32)}${value}`)];
  };
  return `\n${[...table('#counters', { ...nstat }), ...table('#drops', { ...drops }), ...table('#services', { ...services })].join('\n')}\n`;
}
