// ICMP and UDP echo, packets per CPU-second: our stack against a reflector in C, on TUNs opened alike in the same run.
//
//   1. the reflector is stopped; the blaster fills the queue of its TUN with 10,000 requests and sends no more
//   2. the reflector runs until all are answered; what its thread spent on the CPU meanwhile is the cost

import { cpus } from '../rig/cpus.ts';
import { nativeProgram } from '../rig/native.ts';
import { needTun, STACK_ADDRESS } from '../rig/tun.ts';
import { atLeast, type Bench, type Effort, type Goal, type Row, rowOf, wanted } from '../rows.ts';
import { beside, Rig } from './rig.ts';

const PACKETS = 10_000;
/** Fills before the first that counts: V8 compiles in them. */
const WARM_UP = 16;

interface Load {
  readonly protocol: 'icmp' | 'udp';
  readonly payload: number;
  readonly goal?: Goal;
}

const nameOf = ({ protocol, payload }: Load): string => `echo ${protocol} ${payload}`;
/** Of small ones. */
const GOAL = atLeast(0.5, 0.8);

const LOADS: readonly Load[] = [
  { protocol: 'icmp', payload: 56, goal: GOAL },
  { protocol: 'udp', payload: 56, goal: GOAL },
  { protocol: 'icmp', payload: 1400 },
  { protocol: 'udp', payload: 1400 },
];

/** One fill and its drain: packets per second of CPU, of the main thread and of the whole process. */
async function drain(rig: Rig, blaster: string, { protocol, payload }: Load): Promise<[number, number]> {
  const peer = rig.peer(cpus().peer, [blaster, protocol, STACK_ADDRESS, `${PACKETS}`, `${payload}`]);
  try {
    await peer.line();
    const before = rig.cpuNs();
    rig.resume();
    const { sent, received } = JSON.parse(await peer.line()) as { sent: number; received: number };
    if (received !== PACKETS) throw new Error(`${protocol} ${payload}: ${received} of ${sent} were answered`);
    await settled();
    const after = rig.cpuNs();
    return [
      (PACKETS * 1e9) / (after.thread - before.thread),
      (PACKETS * 1e9) / (after.process - before.process),
    ];
  } finally {
    rig.pause();
    await peer.end();
  }
}

/** The last reply was counted; the reflector goes to sleep in a moment, and only then its CPU time is up to date. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** Fills of ours and of the anchor in turn. */
async function compare(ours: Rig, anchor: Rig, load: Load, { quick, runs, against }: Effort): Promise<Row[]> {
  const blaster = await nativeProgram('blaster');
  const threads: [number, number][] = [];
  const processes: [number, number][] = [];
  const pairs = quick ? runs : runs * 3;
  for (let pair = quick ? -1 : -WARM_UP; pair < pairs; pair++) {
    const [thread, all] = await drain(ours, blaster, load);
    const [anchorThread, anchorAll] = await drain(anchor, blaster, load);
    if (pair < 0) continue;
    threads.push([thread, anchorThread]);
    processes.push([all, anchorAll]);
  }
  return [
    rowOf(`${nameOf(load)}, thread`, 'packets/CPU-s', threads, beside(against, load.goal)),
    rowOf(`${nameOf(load)}, process`, 'packets/CPU-s', processes, beside(against)),
  ];
}

export const echo: Bench = {
  name: 'echo',
  async run(effort: Effort): Promise<Row[]> {
    needTun();
    const rows: Row[] = [];
    for (const load of effort.quick ? LOADS.slice(0, 2) : LOADS) {
      if (!wanted(nameOf(load), effort)) continue;
      const ours = await Rig.start('ours');
      const anchor = await Rig.start('anchor', effort.against);
      try {
        rows.push(...(await compare(ours, anchor, load, effort)));
      } finally {
        await ours.end();
        await anchor.end();
      }
    }
    return rows;
  },
};
