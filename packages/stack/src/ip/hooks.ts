// Runs the hooks of one point in order of priority. Without any a packet costs one comparison a point.

import { ACCEPT, DROP, HOOK_POINTS, type Hook, REPEAT } from '../contract/hook.ts';
import type { Packet } from '../contract/packet.ts';

const REPEATS_MAX = 4;

interface Registration {
  readonly hook: Hook;
  readonly priority: number;
}

/** The hooks of one stack. */
export class Hooks {
  /** Hooks in all, whatever their point. */
  private size = 0;
  private readonly points: Registration[][] = Array.from({ length: HOOK_POINTS }, () => []);

  /** Adds a hook; lower priorities run first, equal ones in order of registration (netfilter's rule). */
  add(point: number, hook: Hook, priority = 0): void {
    const list = this.points[point];
    list.push({ hook, priority });
    this.size++;
    list.sort((a, b) => a.priority - b.priority);
  }

  remove(point: number, hook: Hook): void {
    const list = this.points[point];
    const at = list.findIndex((entry) => entry.hook === hook);
    if (at < 0) return;
    list.splice(at, 1);
    this.size--;
  }

  /** ACCEPT, DROP, or STOLEN / QUEUE: then the packet is no longer ours. */
  run(point: number, packet: Packet): number {
    return this.size === 0 ? ACCEPT : this.ask(this.points[point], point, packet);
  }

  private ask(list: readonly Registration[], point: number, packet: Packet): number {
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
