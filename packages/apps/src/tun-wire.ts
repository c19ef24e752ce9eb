// tun-wire: a seeded wire between two network namespaces, a TUN or TAP at each end: netem for kernels without it.

import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { closeDevice, nsenterCommand, type OpenedDevice, openDevice } from '@tunstack/tun';
import {
  EXIT_FAILED,
  EXIT_OK,
  type Given,
  helpText,
  makeLogger,
  readFlags,
  resultStream,
  runProgram,
  UsageError,
  wholeFlag,
} from './cli.ts';
import { kernelDrops } from './kernel-drops.ts';
import { untilEnding } from './signals.ts';
import { type DirectionCounts, TwoEnds } from './two-ends.ts';
import { addressFlag, impairmentFlags, WIRE_FLAGS } from './wire-flags.ts';
import type { LaneImpairment } from './wire-lane.ts';
import { VerdictLog } from './wire-log.ts';
import { goRealtime, wakeOnTime } from './wire-priority.ts';
import { difference, formatCounts, formatRates } from './wire-report.ts';

/** Packets that wait for us to read: more than come while the scheduler keeps us waiting. What it drops no seed decides. */
const TXQUEUELEN = 10_000;

const HELP: string = helpText(
  'tun-wire [flags] NSA NSB',
  'Opens a TUN (or TAP) in each of two network namespaces and carries what is sent on one to the other, impaired as the\n' +
    'flags say. A namespace is a name of `ip netns`, a path as /proc/PID/ns/net, or `new` for one that ends with us.\n' +
    'The fate of packet i of a direction is a function of the seed, the direction and i. Every packet counts, and a kernel\n' +
    'that has IPv6 sends some of its own: for equal runs, sysctl net.ipv6.conf.default.disable_ipv6=1 in the namespace\n' +
    'before. A flag that impairs takes one value, or two with a comma: A to B, B to A.\n' +
    'Ctrl-C prints counts and ends. Exit code: 0 done, 1 it did not work, 2 it was asked wrongly.',
  WIRE_FLAGS,
  [
    'ip netns add a; ip netns add b',
    'tun-wire a b --address-a 10.7.0.1/24 --address-b 10.7.0.2/24 --loss 1% --delay 20ms --seed 7',
    'tun-wire a b --tap --rate 50mbit --queue 2bdp --delay 10ms --jitter 5ms -v',
    'tun-wire a b --loss 5%,0 --log verdicts.txt',
    'tun-wire a b --realtime --rate 50mbit --queue 0.5bdp --delay 500us --reorder 1% --json',
  ],
);

/** The plan of one run. */
interface Plan {
  readonly names: readonly [string, string];
  readonly impairments: readonly [LaneImpairment, LaneImpairment];
  readonly seed: number;
  readonly mtu: number;
  readonly addresses: readonly [string | undefined, string | undefined];
}

/** Runs until a signal, or until a device is gone; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-wire', async () => {
    const given = readFlags(args, WIRE_FLAGS, 2);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    return carry(given, planFrom(given));
  });
}

function planFrom(given: Given): Plan {
  const [a, b] = given.words;
  if (b === undefined) {
    throw new UsageError(
      'two network namespaces are to be named: tun-wire NSA NSB (ip netns add NSA makes one)',
    );
  }
  return {
    names: [a, b],
    impairments: impairmentFlags(given),
    seed: given.text('seed') === undefined ? randomInt(2 ** 32) : wholeFlag(given, 'seed', 0, 2 ** 32 - 1),
    mtu: wholeFlag(given, 'mtu', 68, 65_535),
    addresses: [addressFlag(given, 'address-a'), addressFlag(given, 'address-b')],
  };
}

async function carry(given: Given, plan: Plan): Promise<number> {
  // No capture here: results have stdout to themselves.
  const out = resultStream({ ...given, text: () => undefined });
  const json = given.on('json');
  const logger = await makeLogger('tun-wire', false);
  const file = given.text('log');
  const log =
    file === undefined
      ? undefined
      : new VerdictLog(file, given.on('tap'), (error) =>
          logger.error({ file }, `the log of verdicts ends: ${error.message}`),
        );
  let tellGone: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    tellGone = resolve;
  });
  wakeOnTime();
  if (given.on('realtime')) goRealtime();
  const devices = openBoth(given, plan);
  const ended = untilEnding(['SIGINT', 'SIGTERM'], gone, () => process.stderr.write(report()));
  const ends = new TwoEnds(
    devices,
    plan.impairments,
    plan.seed,
    (device, { type, text }) => {
      const netns = plan.names[devices.indexOf(device)];
      logger.info({ netns, iface: device.name, type }, text);
      if (type === 'gone') tellGone();
    },
    log,
  );
  const startMs = performance.now();
  const report = (dropped: readonly (number | undefined)[] = []): string => {
    const [ab, ba] = ends.counts;
    const [lateAb, lateBa] = ends.lateness;
    const seconds = (performance.now() - startMs) / 1000;
    const counts = {
      ...{ seed: plan.seed, seconds },
      ab: { ...ab, dropped: dropped[0], late: lateAb },
      ba: { ...ba, dropped: dropped[1], late: lateBa },
    };
    return json ? `${JSON.stringify(counts)}\n` : formatCounts(counts);
  };
  const ticker = given.on('verbose') ? tick(ends, json, (line) => out.write(line)) : undefined;
  try {
    out.write(json ? `${JSON.stringify(greetingFields(plan, devices))}\n` : greeting(given, plan, devices));
    const ending = await ended;
    clearInterval(ticker);
    out.write(report(await Promise.all(devices.map((device) => kernelDrops(device)))));
    return ending === 'gone' ? EXIT_FAILED : EXIT_OK;
  } finally {
    ends.close();
    log?.close();
  }
}

/** A line a second, about that second. */
function tick(ends: TwoEnds, json: boolean, print: (line: string) => void): NodeJS.Timeout {
  let before: readonly [DirectionCounts, DirectionCounts] = ends.counts;
  let beforeMs = performance.now();
  return setInterval(() => {
    const [now, nowMs] = [ends.counts, performance.now()];
    const rates = difference(now, before, (nowMs - beforeMs) / 1000);
    print(json ? `${JSON.stringify(rates)}\n` : formatRates(rates));
    [before, beforeMs] = [now, nowMs];
  }, 1000);
}

function openBoth(given: Given, { names, mtu, addresses }: Plan): readonly [OpenedDevice, OpenedDevice] {
  const open = (i: 0 | 1): OpenedDevice => {
    const [netns, address] = [names[i], addresses[i]];
    return openDevice({
      ...{ mode: given.on('tap') ? 'tap' : 'tun', name: given.text('name') ?? 'wire%d', netns, mtu },
      ...(address !== undefined && { address }),
      txqueuelen: TXQUEUELEN,
    });
  };
  const a = open(0);
  try {
    return [a, open(1)];
  } catch (error) {
    closeDevice(a);
    throw error;
  }
}

function greetingFields({ seed, names, addresses }: Plan, devices: readonly OpenedDevice[]): unknown {
  const [a, b] = devices.map((device, i) => ({
    ...{ netns: names[i], device: device.name, address: addresses[i], hwaddr: device.hwaddr },
    ...{ mtu: device.mtu, enter: nsenterCommand(device) },
  }));
  return { seed, a, b };
}

/** Which devices where, what befalls packets, and how to enter a namespace that has no name. */
function greeting(given: Given, { seed, names, addresses }: Plan, devices: readonly OpenedDevice[]): string {
  const lines = devices.map((device, i) => {
    const address = addresses[i] === undefined ? '' : ` (${addresses[i]})`;
    const enter = names[i] === 'new' ? `: ${nsenterCommand(device).join(' ')} ...` : '';
    return `${'ab'[i]}: ${device.name}${address} in ${names[i]}${enter}`;
  });
  const told = ['loss', 'delay', 'jitter', 'reorder', 'duplicate', 'corrupt', 'rate']
    .filter((name) => given.text(name) !== undefined)
    .map((name) => `${name} ${given.text(name)}`);
  lines.push(`seed ${seed}${told.length === 0 ? '' : `: ${told.join(', ')}`}`);
  lines.push('Ctrl-C prints counts and ends.');
  return `${lines.join('\n')}\n`;
}
