import { Checks, check, Flow, rules, World, when } from '@tunstack/sim';

const world = new World({ seed: 1 });
const [client, server] = [world.host('client'), world.host('server')];
const wire = world.connect(client, server, {
  impairment: { delayUs: 10_000 },
  rules: [
    rules.drop(when.nth(1, when.syn)),
    rules.drop(when.nth(3, when.all(when.data, when.from(0)))),
    rules.duplicate(when.nth(2, when.ack)),
  ],
});
const checks = new Checks(world.clock, 'client', check.everything());
client.stack.tap = checks;

const flow = new Flow(world, client, server, { port: 7, octets: 20_000 });
world.runUntil(() => flow.ended, 60_000);
checks.verify();

for (const line of wire.rulebook.log.filter((line) => !line.endsWith(': pass'))) console.log(line);
console.log(
  `${flow.delivered} octets in ${world.clock.elapsedUs / 1000} ms, ${checks.frames} frames kept the law`,
);
