#!/usr/bin/env node
// A committed shim, so that the command exists before the first build.
import { main } from '../dist/start.js';

process.exitCode = await main(process.argv.slice(2));
