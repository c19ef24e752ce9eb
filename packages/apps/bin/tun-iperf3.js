#!/usr/bin/env node
// A committed shim, so that the link to the command exists before the first build.
import { main } from '../dist/tun-iperf3.js';

process.exitCode = await main(process.argv.slice(2));
