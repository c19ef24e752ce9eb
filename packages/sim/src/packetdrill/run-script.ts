// One call for whoever has a script and wants to know whether our stack keeps to it.

import { parseScript } from './parse.ts';
import { ScriptFailure, ScriptRun } from './runner.ts';
import { ScriptError } from './script-error.ts';
import { type ScriptSettings, settingsOf } from './settings.ts';
import { SimTarget } from './sim-target.ts';
import { type Target, Unsupported } from './target.ts';

/** How a script ended. `output`: what its Python printed. */
export type ScriptResult =
  | { readonly status: 'passed'; readonly output: readonly string[] }
  /** The first difference, with file and line; several lines when packets are shown. */
  | { readonly status: 'failed'; readonly message: string; readonly output: readonly string[] }
  /** It asks for what we do not have. Never to be taken for passed. */
  | { readonly status: 'skipped'; readonly reason: string; readonly output: readonly string[] }
  /** It is no script. */
  | { readonly status: 'invalid'; readonly message: string; readonly output: readonly string[] };

/** What differs from the usual. */
export interface RunOptions {
  /** Decides our initial sequence numbers and timestamps. */
  readonly seed?: number;
  /** Constants by name, as packetdrill's `-D NAME=VALUE` gives them. */
  readonly defines?: ReadonlyMap<string, string>;
  /** Options over those of the script, as packetdrill's command line gives them: `['mtu', '1400']`. */
  readonly flags?: readonly (readonly [name: string, value: string])[];
  /** Makes what the script is played to: our stack, when nothing is said. */
  readonly target?: (settings: ScriptSettings) => Target;
}

/**
 * Plays the text of a packetdrill script. Never throws for what the script says.
 *
 * @example
 * const result = runScript(readFileSync('close.pkt', 'utf8'), 'close.pkt');
 * if (result.status === 'failed') console.error(result.message);
 */
export function runScript(text: string, file: string, options: RunOptions = {}): ScriptResult {
  const { seed = 1, defines = new Map(), flags = [] } = options;
  const { target: makeTarget = (settings: ScriptSettings) => simTargetOf(settings, seed) } = options;
  let output: readonly string[] = [];
  let target: Target | undefined;
  try {
    const script = parseScript(text, file, { defines });
    const settings = settingsOf(script, flags);
    target = makeTarget(settings);
    const run = new ScriptRun(script, settings, target);
    output = run.output;
    run.run();
    return { status: 'passed', output };
  } catch (error) {
    if (error instanceof ScriptFailure) return { status: 'failed', message: error.message, output };
    if (error instanceof Unsupported) return { status: 'skipped', reason: error.message, output };
    if (!(error instanceof ScriptError)) throw error;
    if (error.kind === 'unsupported') return { status: 'skipped', reason: error.message, output };
    return { status: 'invalid', message: error.message, output };
  } finally {
    target?.close();
  }
}

/** Our stack in the network that a script's settings describe; `seed` decides its initial sequence numbers. */
export function simTargetOf(settings: ScriptSettings, seed: number): SimTarget {
  const { localIp, prefixLength, gatewayIp, remoteIp, mtu, bindPort, connectPort } = settings;
  return new SimTarget({
    localAddress: `${localIp}/${prefixLength}`,
    gateway: gatewayIp,
    mtu,
    seed,
    // As Linux without `fq`: what the windows allow leaves at once. `tc qdisc ... root fq`, or BBR, switches it on.
    options: { tcpPacing: false },
    addresses: {
      bind: { address: localIp, port: bindPort },
      connect: { address: remoteIp, port: connectPort },
    },
  });
}
