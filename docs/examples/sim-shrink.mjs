import { Flow, World } from '@tunstack/sim';
import { dropLists, rulesOfDrops } from '@tunstack/sim/arbitraries';
import fc from 'fast-check';

/** The law: text that was lost is found missing before a timer runs out. Which losses break it? */
function noTimeout(drops) {
  const world = new World({ seed: 1 });
  const [client, server] = [world.host('client'), world.host('server')];
  world.connect(client, server, { impairment: { delayUs: 10_000 }, rules: rulesOfDrops(drops) });
  const flow = new Flow(world, client, server, { port: 7, octets: 30_000 });
  world.runUntil(() => flow.ended, 600_000);
  const { TcpExtTCPTimeouts, TcpExtTCPSynRetrans } = client.stack.stats.nstat();
  world.close();
  return TcpExtTCPTimeouts <= TcpExtTCPSynRetrans;
}

const result = fc.check(fc.property(dropLists(fc), noTimeout), { seed: 1, numRuns: 1000 });
console.log(`found in run ${result.numRuns}, made smaller ${result.numShrinks} times`);
console.log(JSON.stringify(result.counterexample));
