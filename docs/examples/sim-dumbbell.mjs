import { dumbbell, Flow, jainIndex, rules, World } from '@tunstack/sim';

const world = new World({ seed: 1 });
const { left, right, bottleneck } = dumbbell(world, {
  pairs: 3,
  bottleneck: {
    rateBps: 10e6,
    delayUs: 10_000,
    queue: { bdp: 2, rttUs: 20_000 },
    rules: [rules.bursts({ worse: 0.001, better: 0.5 })],
  },
  access: (pair) => ({ delayUs: 100 * pair }),
});
const flows = left.map((host, i) => new Flow(world, host, right[i], { port: 7 }));
world.runFor(10_000);

const mbit = flows.map(({ delivered }) => (delivered * 8) / 10e6);
console.log(
  `${mbit.map((one) => one.toFixed(1)).join(' + ')} Mbit/s, Jain's index ${jainIndex(mbit).toFixed(2)}`,
);
console.log(
  `lost: ${bottleneck.counters.overflowed} in the queue, ${bottleneck.counters.ruledOut} in bursts`,
);
world.close();
