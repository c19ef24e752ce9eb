// Shell commands of scripts, as far as they mean something to a stack: sysctl in all its spellings, the script of defaults, and what
// only prepares a machine that we do not have.

import type { Stack } from '@tunstack/stack';
import { type Mutable, setSysctl } from './sysctl.ts';
import { Unsupported } from './target.ts';

/** `name=value` and `name = "several values"`, or a word. */
const ASSIGNMENT = /[^\s=]+\s*=\s*("[^"]*"|'[^']*'|\S+)|\S+/g;

/** Words that start what only prepares or looks at a machine. */
const HARMLESS =
  /^(ethtool|kldload|kldstat|echo\s[^>]*$|true$|:$|ifconfig\s+\S+\s*$|ip\s+route\s+(show|get|flush\s+cache)|ip\s+tcp_metrics\s+flush|nstat|ss\s|sleep\s+0|sync$|rm\s|cat\s|dmesg|\/tmp\/sysctl_restore|set\s+-|tc\s+qdisc\s+(add|replace|change)\s+dev\s+\S+\s+root\s+(fq|pfifo|noqueue)\b)/;
/** The queueing discipline that paces. */
const PACED = /\btc\s+qdisc\s+\S+\s+dev\s+\S+\s+root\s+fq\b/;
/** The script of defaults that most of Linux's scripts begin with. */
const DEFAULTS = /^(sh\s+|bash\s+|source\s+|\.\s+)?(\S*\/)?defaults\.sh\b.*$/;
/** What it sets: production's values rather than a kernel's own. A stack that has one of them not has it otherwise. */
const DEFAULT_SYSCTLS: readonly Sysctl[] = [
  ['net.ipv4.tcp_rmem', '4096 540000 15728640', 'wished'],
  ['net.ipv4.tcp_wmem', '4096 262144 4194304', 'wished'],
  ['net.ipv4.tcp_timestamps', '1', 'wished'],
  ['net.ipv4.tcp_sack', '1', 'wished'],
  ['net.ipv4.tcp_dsack', '1', 'wished'],
  ['net.ipv4.tcp_frto', '2', 'wished'],
  ['net.ipv4.tcp_syn_retries', '5', 'wished'],
  ['net.ipv4.tcp_synack_retries', '5', 'wished'],
  ['net.ipv4.tcp_early_retrans', '4', 'wished'],
  ['net.ipv4.tcp_recovery', '1', 'wished'],
  ['net.ipv4.tcp_reordering', '3', 'wished'],
  ['net.ipv4.tcp_ecn', '0', 'wished'],
  ['net.ipv4.tcp_congestion_control', 'cubic', 'wished'],
  ['net.ipv4.tcp_slow_start_after_idle', '0', 'wished'],
];

/** A kernel's variable, and what it shall be; `wished`: where it can be. */
export type Sysctl = readonly [name: string, value: string, need?: 'wished'];

/** The sysctls that the text between back quotes sets. Throws Unsupported for commands that are neither that nor harmless. */
export function sysctlsOf(text: string): Sysctl[] {
  const found: Sysctl[] = [];
  for (const command of text.split(/\n|;|&&/)) {
    const line = command
      .replace(/#.*$/, '')
      .replace(/\s+(>|2>)\s*\/dev\/null/g, '')
      .replace(/\s+2>&1/g, '')
      .replace(/\$\(\(([\d*\s]+)\)\)/g, (_, product: string) => String(multiplied(product)))
      .trim();
    if (DEFAULTS.test(line)) found.push(...DEFAULT_SYSCTLS);
    else if (line !== '' && !HARMLESS.test(line)) found.push(...sysctlsOfLine(line));
  }
  return found;
}

function sysctlsOfLine(line: string): Sysctl[] {
  const echo = /^echo\s+"?([^">]*?)"?\s*>\s*\/proc\/sys\/(\S+)$/.exec(line);
  if (echo !== null) return [[echo[2].replaceAll('/', '.'), echo[1]]];
  const sysctl = /^(?:\/\S+\/)?sysctl\s+(.*)$/.exec(line);
  if (sysctl !== null) return (sysctl[1].match(ASSIGNMENT) ?? []).flatMap(assignment);
  // Google's script of that name takes paths.
  const paths = /set_sysctls\S*\s+(.*)$/.exec(line);
  if (paths === null) throw new Unsupported(`the command '${line}'`);
  return (paths[1].match(ASSIGNMENT) ?? []).flatMap((word) =>
    assignment(word.replace('/proc/sys/', '').replaceAll('/', '.')),
  );
}

/** The one kind of arithmetic that commands do: `$((15*1024*1024))`. */
function multiplied(product: string): number {
  return product.split('*').reduce((result, factor) => result * Number(factor), 1);
}

/** `sysctl name` only shows it. */
function assignment(word: string): Sysctl[] {
  const found = /^([^=\s-][^=\s]*)\s*=\s*["']?(.*?)["']?$/.exec(word);
  return found === null ? [] : [[found[1], found[2]]];
}

/** Does what a script has between back quotes. Throws Unsupported. */
export function runCommand(text: string, stack: Stack): void {
  const options = stack.context.options as Mutable;
  if (PACED.test(text)) options.tcpPacing = true;
  for (const [name, value, need] of sysctlsOf(text)) {
    try {
      setSysctl(name, value, options);
    } catch (error) {
      if (need !== 'wished' || !(error instanceof Unsupported)) throw error;
    }
  }
}
