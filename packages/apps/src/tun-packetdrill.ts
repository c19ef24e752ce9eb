// tun-packetdrill: plays packet scripts in packetdrill's own language to our stack, in virtual time.

import { readFileSync } from 'node:fs';
import { type RunOptions, runScript, type ScriptResult } from '@tunstack/sim';
import {
  COMMON_FLAGS,
  EXIT_FAILED,
  EXIT_OK,
  EXIT_USAGE,
  type Flags,
  type Given,
  helpText,
  readFlags,
  runProgram,
  UsageError,
  wholeFlag,
} from './cli.ts';
import { KernelTarget } from './kernel-target.ts';

/** automake's code for a test that could not be run. */
const EXIT_SKIPPED = 77;
const FILES_MAX = 100_000;

/** Options of packetdrill that a command line may set over those of the script, under packetdrill's names. */
const OVERRIDES: Flags = {
  tolerance_usecs: {
    type: 'string',
    value: 'USECS',
    help: 'how far from its time a thing may happen (4000)',
  },
  mtu: { type: 'string', value: 'BYTES', help: 'of the link between stack and script (1500)' },
  local_ip: { type: 'string', value: 'ADDR', help: "the stack's address (192.168.0.1)" },
  remote_ip: { type: 'string', value: 'ADDR', help: "the script's address (192.0.2.1)" },
  bind_port: { type: 'string', value: 'PORT', help: 'the port that bind(...) means (8080)' },
  connect_port: { type: 'string', value: 'PORT', help: 'the port that connect(...) means (8080)' },
};

const FLAGS: Flags = {
  ...OVERRIDES,
  define: { type: 'string', short: 'D', value: 'NAME=VALUE', help: 'a constant of the scripts' },
  kernel: {
    type: 'boolean',
    help: "play it to this machine's kernel, in a namespace of its own (root, python3)",
  },
  seed: { type: 'string', value: 'N', default: '1', help: "decides the stack's initial sequence numbers" },
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'tun-packetdrill [flags] FILE...',
  'Plays packetdrill scripts to a stack of ours in virtual time: `<` packets arrive, `>` packets must come out, system calls must\n' +
    'answer as the script says. Prints the first difference with file and line. What a script needs and we do not have is told, and the\n' +
    'script counts as skipped. See docs/packetdrill.md.\n' +
    'Exit code, the worst of all files: 0 passed, 1 failed, 77 skipped, 2 no script or asked wrongly.',
  FLAGS,
  [
    'tun-packetdrill close.pkt',
    'tun-packetdrill --json test/packetdrill/*/*.pkt',
    'tun-packetdrill -D CC=reno loss.pkt',
  ],
);

const CODES: Readonly<Record<ScriptResult['status'], number>> = {
  passed: EXIT_OK,
  failed: EXIT_FAILED,
  skipped: EXIT_SKIPPED,
  invalid: EXIT_USAGE,
};
/** From bad to worse. */
const ORDER: readonly number[] = [EXIT_OK, EXIT_SKIPPED, EXIT_FAILED, EXIT_USAGE];

/** Runs all files; answers the worst exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-packetdrill', async () => {
    const given = readFlags(args, FLAGS, FILES_MAX);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    if (given.words.length === 0) throw new UsageError('name a script, as `tun-packetdrill close.pkt`');
    const options = runOptions(given);
    let worst = EXIT_OK;
    for (const file of given.words) {
      const result = play(file, options);
      process.stdout.write(
        given.on('json') ? `${JSON.stringify({ file, ...result })}\n` : report(file, result),
      );
      const code = CODES[result.status];
      if (ORDER.indexOf(code) > ORDER.indexOf(worst)) worst = code;
    }
    return worst;
  });
}

function runOptions(given: Given): RunOptions {
  const flags = Object.keys(OVERRIDES)
    .map((name) => [name, given.text(name)] as const)
    .filter((flag): flag is readonly [string, string] => flag[1] !== undefined);
  const define = given.text('define');
  if (define !== undefined && !define.includes('=')) throw new UsageError('--define takes NAME=VALUE');
  const defines = new Map(define === undefined ? [] : [splitAt(define, define.indexOf('='))]);
  const options = { seed: wholeFlag(given, 'seed', 0, 2 ** 31 - 1), flags, defines };
  return given.on('kernel') ? { ...options, target: (settings) => new KernelTarget(settings) } : options;
}

function splitAt(text: string, at: number): [string, string] {
  return [text.slice(0, at), text.slice(at + 1)];
}

function play(file: string, options: RunOptions): ScriptResult {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { status: 'invalid', message: `${file}: ${(error as Error).message}`, output: [] };
  }
  return runScript(text, file, options);
}

/** What the script's Python printed, what packetdrill prints, and a word for what passed. */
function report(file: string, result: ScriptResult): string {
  const printed = result.output.map((line) => `${line}\n`).join('');
  switch (result.status) {
    case 'passed':
      return `${printed}${file}: passed\n`;
    case 'skipped':
      return `${printed}${file}: skipped: ${result.reason}\n`;
    default:
      return `${printed}${result.message}\n`;
  }
}
