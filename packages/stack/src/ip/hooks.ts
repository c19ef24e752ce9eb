// Runs the hooks of one point in order of priority. An empty point costs one comparison.

import { ACCEPT, DROP, HOOK_POINTS, type Hook, REPEAT } from '../contract/hook.ts';
import type { Packet } from '../contract/packet.ts';

const REPEATS_MAX = 4;

interface Registration {
  readonly hook: Hook;
  readonly priority: number;
}

/** The hooks of one stack. */
export class Hooks {
  private readonly points: Registration[][] = Array.from({ length: HOOK_POINTS }, () => []);

  /** Adds a hook; lower priorities run first, equal ones in order of registration (netfilter's rule). */
  add(point: number, hook: Hook, priority = 0): void {
    const list = this.points[point];
    list.push({ hook, priority });
    list.sort((a, b) => a.priority - b.priority);
  }

  remove(point: number, hook: Hook): void {
    const list = this.points[point];
    const at = list.findIndex((entry) => entry.hook === hook);
    if (at >= 0) list.splice(at, 1);
  }

  /** ACCEPT, DROP, or STOLEN / QUEUE: then the packet is no longer ours. */
  run(point: number, packet: Packet): number {
    const list = this.points[point];
    if (list.length === 0) return ACCEPT;
    let repeats = 0;
    for (let i = 0; i < list.length; i++) {
      const verdict = list[i].hook.verdict(packet, point);
      if (verdict === ACCEPT) continue;
      if (verdict !== REPEAT) return verdict;
      if (++repeats > REPEATS_MAX) return DROP;
      i = -1;
    }
    return ACCEPT;
  }
}
