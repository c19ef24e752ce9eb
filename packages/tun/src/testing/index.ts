// @tunstack/tun/testing: what tests of this and of other packages need to meet the kernel.
export { type Output, run, runHere, runIn } from './command.ts';
export { type Deferred, deferred, Journal } from './deferred.ts';
export { echoDevice } from './echo.ts';
export { requireRoot, requireTools, requireTun } from './require-tun.ts';
export { isSpinning } from './spinning.ts';
