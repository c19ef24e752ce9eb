// What a stack costs beside its speed: memory, pauses, CPU when idle, and what others cost a flow.

import type { Bench } from '../rows.ts';
import { blocked } from './blocked.ts';
import { crowded } from './crowded.ts';
import { keptAlive } from './kept-alive.ts';
import { memory } from './memory.ts';
import { pause } from './pause.ts';
import { vethBulk } from './veth.ts';

export const RESOURCE_BENCHES: readonly Bench[] = [memory, vethBulk, crowded, blocked, keptAlive, pause];
