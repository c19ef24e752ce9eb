// Every test runs with the invariants checked and freed memory poisoned. Properties use the sizes they name (fast-check
// would cut a `maxLength` of 200 to about 10) and one fixed seed; `npm run soak` takes fresh ones, ten times as many runs.

import { randomInt } from 'node:crypto';
import { fc } from '@fast-check/vitest';
import { setChecks } from '@tunstack/stack/base';

const soak = process.env.SOAK === '1';
const seed = Number(process.env.SEED ?? (soak ? randomInt(2 ** 31) : 1));

setChecks(true);
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  defaultSizeToMaxWhenMaxSpecified: true,
  seed,
  ...(soak && { numRuns: 1000 }),
});
