import { endpointCommands, runEndpoints } from '@tunstack/sim/arbitraries';
import fc from 'fast-check';

let count = 0;
const law = fc.property(endpointCommands(fc), (commands) => {
  count += Array.from(commands).length;
  runEndpoints(fc, commands, { tcpSack: false });
});
// A history that fails is thrown with its commands: open, client sends 43441, 1 packets of the client are lost, 26 ms pass.
fc.assert(law, { seed: 1, numRuns: 100 });
console.log(`100 histories of ${count} commands kept the laws`);
