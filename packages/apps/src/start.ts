// `npm start`: the first light. Runs tun-echo in a namespace of its own, checks it with the kernel's tools, and serves.

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
  runProgram,
  UsageError,
} from './cli.ts';
import { memoryCheck } from './memory-check.ts';
import { type CheckResult, selfCheck } from './self-check.ts';
import { Services } from './services.ts';
import { untilEnding } from './signals.ts';
import { formatStatistics, greeting, statistics } from './tun-echo.ts';
import { netnsFlag, TUN_FLAGS, TunSession } from './tun-session.ts';

const FLAGS: Flags = {
  once: { type: 'boolean', help: 'end after the self-check, with 0 or 1' },
  ...TUN_FLAGS,
  tap: { ...TUN_FLAGS.tap, bare: 'tap%d' },
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'npm start -- [flags]',
  'Opens a TUN (--tap: a TAP) in a network namespace of its own, puts the stack on it, lets ping and nc (UDP, TCP) try it, and serves.',
  FLAGS,
  ['npm start', 'npm start -- --once', 'npm start -- --tap'],
);

/** Runs the job; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tunstack', async () => {
    const given = readFlags(args, FLAGS, 0);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    if (netnsFlag(given) === 'none') {
      throw new UsageError("npm start stays out of the host's network; for --netns none run tun-echo itself");
    }
    const verdict = preflight();
    if (verdict.ok) return onTun(given);
    process.stdout.write('No TUN device can be opened here:\n');
    process.stdout.write(`${formatPreflight(verdict).join('\n')}\n\n`);
    process.stdout.write('The same job between two stacks on an in-memory wire:\n');
    return report(await memoryCheck());
  });
}

async function onTun(given: Given): Promise<number> {
  const logger = await makeLogger('tunstack', given.on('verbose'));
  const session = new TunSession(given, logger);
  try {
    const services = new Services(session.stack);
    process.stdout.write(greeting(session));
    process.stdout.write("\nSelf-check with the kernel's tools:\n");
    const code = report(await selfCheck(session));
    if (given.on('once')) return code;
    const stats = (): string => formatStatistics(statistics(session.stack, services));
    const ended = untilEnding(['SIGINT', 'SIGTERM'], session.gone, () => process.stderr.write(stats()));
    process.stdout.write('\nServing until Ctrl-C.\n');
    const ending = await ended;
    process.stdout.write(stats());
    return ending === 'gone' ? EXIT_FAILED : EXIT_OK;
  } finally {
    session.close();
  }
}

/** Prints what was tried; 0 when all of it worked. */
function report(results: readonly CheckResult[]): number {
  for (const { name, ok, skipped, detail } of results) {
    const verdict = skipped === true ? 'skip' : ok ? 'ok  ' : 'FAIL';
    process.stdout.write(`  ${verdict} ${name}: ${detail}\n`);
  }
  return results.every(({ ok }) => ok) ? EXIT_OK : EXIT_FAILED;
}
