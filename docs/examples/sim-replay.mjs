import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planWorld, replay } from '@tunstack/sim';

const directory = mkdtempSync(join(tmpdir(), 'world-'));
const save = (name, content) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

const plan = planWorld(11);
console.log(`${plan.pairs * 2} hosts, ${plan.flows.length} flows, ${plan.bottleneck[0].rateBps} bit/s`);
const { error, trace, lines } = replay(11, save);
console.log(error === undefined ? `all laws held, ${lines.length} events` : String(error));
console.log(`written to ${trace}`);
