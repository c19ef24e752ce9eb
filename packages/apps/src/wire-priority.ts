// What keeps tun-wire punctual: its naps end when they should, and, asked for, it runs before all others. Source: sched(7),
// proc_pid_timerslack_ns(5). Not by niceness: that counts within a session, so it starves the very programs that were
// started beside it to be measured (docs/tun-wire.md).

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { findTool } from '@tunstack/tun';
import { UsageError } from './cli.ts';

/** Nanoseconds that the kernel may let a sleeper oversleep: 50,000 unless told, which is most of a nap. */
const TIMER_SLACK_NS = 1000;

/** Lets this thread wake when it asked to, where that is permitted; elsewhere each nap is up to 50 us longer. */
export function wakeOnTime(): void {
  try {
    writeFileSync('/proc/self/timerslack_ns', `${TIMER_SLACK_NS}`);
  } catch {
    // Not permitted, or a kernel without: it works all the same, later.
  }
}

/**
 * Puts this process before all that is not real-time (SCHED_FIFO). All its threads: the collector's helpers, left behind among
 * busy programs, keep the main thread waiting for them. Throws UsageError when that cannot be.
 */
export function goRealtime(): void {
  const chrt = findTool('chrt');
  if (chrt === undefined)
    throw new UsageError('--realtime needs chrt, of util-linux: apt install util-linux');
  try {
    const words = ['--all-tasks', '--fifo', '--pid', '1', `${process.pid}`];
    execFileSync(chrt, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    const why = stderr?.toString().trim().split('\n')[0] ?? (error as Error).message;
    throw new UsageError(`--realtime needs CAP_SYS_NICE: ${why}`);
  }
}
