// Our stack as a peer: on a TUN with offload and on one without, of this build or of another.

import { readFileSync } from 'node:fs';
import { built } from '../rig/built.ts';
import { type Contestant, PORTS } from './contestant.ts';
import { onTun } from './on-tun.ts';
import type { Peer } from './peer.ts';

const compiling = (peer: Peer): Contestant => ({ ...onTun(peer), compiles: true });

/** Builds before the second queue would leave unread what waits in it. */
function readsBulkQueue(against?: string): boolean {
  return readFileSync(built('tcp/server.js', against), 'utf8').includes('bulkFd');
}

/** `against`: the bench/dist of another build. */
export function ours(offload: boolean, against?: string): Contestant {
  const words = [process.execPath, built('tcp/server.js', against), ...(offload ? [] : ['--no-offload'])];
  const name = against === undefined ? 'ours' : 'the other build';
  return compiling({
    name,
    offload,
    bulkQueue: offload && readsBulkQueue(against),
    build: () => Promise.resolve(words),
  });
}

/** The server of requests, written for node:net, with our module in its place. */
export function oursAsNode(against?: string): Contestant {
  const words = [process.execPath, built('tcp/request-server.js', against), `${PORTS.requests}`, 'ours'];
  const name = against === undefined ? 'ours' : 'the other build';
  return compiling({
    name,
    offload: true,
    bulkQueue: readsBulkQueue(against),
    build: () => Promise.resolve(words),
  });
}
