// ICMP round-trip time with one request outstanding: our stack against the reflector in C, the pinger on the same CPU.
// (On two CPUs the wake-up of an idle CPU is what is measured: 45-60 us of either.)

import { cpus } from '../rig/cpus.ts';
import { nativeProgram } from '../rig/native.ts';
import { needTun, STACK_ADDRESS } from '../rig/tun.ts';
import { atMost, type Bench, type Effort, type Row, rowOf } from '../rows.ts';
import { beside, Rig } from './rig.ts';

const PINGS = 5000;
const PAYLOAD = 56;
const WARM_UP = 3;

interface Times {
  readonly p50: number;
  readonly p99: number;
}

async function round(rig: Rig, pinger: string, pings: number): Promise<Times> {
  rig.resume();
  const peer = rig.peer(cpus().stack, [pinger, STACK_ADDRESS, `${pings}`, `${PAYLOAD}`]);
  try {
    return JSON.parse(await peer.line()) as Times;
  } finally {
    await peer.end();
    rig.pause();
  }
}

export const ping: Bench = {
  name: 'ping',
  async run({ quick, runs, against }: Effort): Promise<Row[]> {
    needTun();
    const pinger = await nativeProgram('pinger');
    const ours = await Rig.start('ours');
    const anchor = await Rig.start('anchor', against);
    const pairs: [Times, Times][] = [];
    try {
      for (let pair = quick ? -1 : -WARM_UP; pair < runs; pair++) {
        const pings = quick ? 500 : PINGS;
        const times: [Times, Times] = [await round(ours, pinger, pings), await round(anchor, pinger, pings)];
        if (pair >= 0) pairs.push(times);
      }
    } finally {
      await ours.end();
      await anchor.end();
    }
    const goals = { p50: atMost(1.35, 1.15), p99: atMost(1.6, 1.3) };
    const row = (which: keyof Times): Row => {
      return rowOf(
        `ping ${which}, one CPU`,
        'us',
        pairs.map(([mine, theirs]) => [mine[which], theirs[which]]),
        beside(against, goals[which]),
      );
    };
    return [row('p50'), row('p99')];
  },
};
