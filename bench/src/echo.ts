// ICMP and UDP echo, packets per CPU-second: our stack against a reflector in C, on TUNs opened alike in the same run.
//
//   1. the reflector is stopped; the blaster fills the queue of its TUN with 10,000 requests and sends no more
//   2. the reflector runs until all are answered; what its thread spent on the CPU meanwhile is the cost

import { nativeProgram } from './native.ts';
import { cpus, needTun, Rig, STACK_ADDRESS } from './rig.ts';
import { type Bench, type Effort, type Row, rowOf } from './rows.ts';

const PACKETS = 10_000;
/** Fills before the first that counts: V8 compiles in them. */
const WARM_UP = 16;

interface Load {
  readonly protocol: 'icmp' | 'udp';
  readonly payload: number;
}

const LOADS: readonly Load[] = [
  { protocol: 'icmp', payload: 56 },
  { protocol: 'udp', payload: 56 },
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
async function compare(ours: Rig, anchor: Rig, load: Load, { quick, runs }: Effort): Promise<Row[]> {
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
  const name = `echo ${load.protocol} ${load.payload}`;
  return [
    rowOf(`${name}, thread`, 'packets/CPU-s', threads),
    rowOf(`${name}, process`, 'packets/CPU-s', processes),
  ];
}

export const echo: Bench = {
  name: 'echo',
  async run(effort: Effort): Promise<Row[]> {
    needTun();
    const rows: Row[] = [];
    for (const load of effort.quick ? LOADS.slice(0, 2) : LOADS) {
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
