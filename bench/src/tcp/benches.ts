// Which TCP benches there are: who stands beside ours, under which loads, and what the ratios are to be.

import { gvisorHostGso, gvisorSoftGso } from '../peers/gvisor.ts';
import { kernel, nodeNet } from '../peers/kernel.ts';
import { lwip, lwipTuned } from '../peers/lwip.ts';
import { onTun } from '../peers/on-tun.ts';
import { oursAsNode } from '../peers/ours.ts';
import { smoltcp } from '../peers/smoltcp.ts';
import { atLeast, atMost, type Bench, type Effort, type Row } from '../rows.ts';
import { type Contest, contest, WITH_OFFLOAD, WITHOUT_OFFLOAD } from './contest.ts';
import { flowsBeside } from './flows.ts';
import { BULK, connectAndClose, pingPong, pingPongDuring, requests } from './load.ts';

const CONNECTIONS = 64;

const gvisor = onTun(gvisorHostGso);
const gvisorSoft = onTun(gvisorSoftGso);

function benchOf(name: string, contests: readonly Contest[]): Bench {
  return {
    name,
    async run(effort: Effort): Promise<Row[]> {
      const rows: Row[] = [];
      for (const each of contests) rows.push(...(await contest(each, effort)));
      return rows;
    },
  };
}

/** Super-segments of 64 KiB through the device. */
const bulk = benchOf('tcp-bulk', [
  {
    title: 'vnet_hdr',
    ours: WITH_OFFLOAD,
    loads: BULK,
    rivals: [
      {
        contestant: gvisor,
        goals: {
          'tcp bulk in': atLeast(1.2, 2),
          'tcp bulk out': atLeast(1.2, 2.5),
          'tcp echo': atLeast(1.5, 2.5),
        },
      },
      {
        contestant: kernel,
        goals: { 'tcp bulk in': atLeast(0.6, 1), 'tcp bulk out': atLeast(0.5, 1) },
      },
    ],
  },
  // Go's threads want more than one CPU.
  {
    title: 'vnet_hdr, not pinned',
    ours: WITH_OFFLOAD,
    loads: BULK,
    rivals: [{ contestant: gvisor }],
    free: true,
  },
]);

/** Each packet is one of 1500 octets, read, checked and written one by one. */
const plain = benchOf('tcp-plain', [
  {
    title: 'no offload',
    ours: WITHOUT_OFFLOAD,
    loads: [...BULK, pingPong('one CPU'), connectAndClose('one CPU'), connectAndClose('two CPUs')],
    rivals: [
      {
        contestant: onTun(lwip),
        goals: {
          'tcp bulk in': atLeast(1, 2),
          'tcp bulk out': atLeast(1, 1.5),
          'tcp echo': atLeast(1, 2),
          'tcp ping-pong, one CPU p50': atMost(1.35, 1.05),
          'tcp connect and close, two CPUs': atLeast(0.8, 1.1),
        },
      },
      { contestant: onTun(lwipTuned) },
      { contestant: onTun(smoltcp) },
      { contestant: gvisorSoft },
    ],
  },
]);

const latency = benchOf('tcp-latency', [
  {
    title: 'vnet_hdr',
    ours: WITH_OFFLOAD,
    loads: [
      pingPong('one CPU'),
      pingPong('two CPUs'),
      pingPongDuring('in'),
      pingPongDuring('out'),
      connectAndClose('one CPU'),
      connectAndClose('two CPUs'),
    ],
    rivals: [
      {
        contestant: kernel,
        goals: {
          'tcp ping-pong, one CPU, during bulk in p99': atMost(3, 1.5),
          'tcp ping-pong, one CPU, during bulk out p99': atMost(3, 1.5),
        },
      },
    ],
  },
]);

const asking = requests(CONNECTIONS);
const requesting = benchOf('tcp-requests', [
  {
    title: '',
    ours: oursAsNode,
    loads: [asking],
    rivals: [{ contestant: nodeNet, goals: { [asking.figures[0].name]: atLeast(0.7, 1.2) } }],
  },
]);

const flows: Bench = { name: 'tcp-flows', run: flowsBeside };

const mtu = benchOf('tcp-mtu', [
  ...[9000, 65_535].map((octets) => ({
    title: `vnet_hdr, MTU ${octets}`,
    ours: WITH_OFFLOAD,
    loads: BULK,
    rivals: [{ contestant: gvisor }, { contestant: kernel }],
    mtu: octets,
  })),
  {
    title: 'no offload, MTU 65535',
    ours: WITHOUT_OFFLOAD,
    loads: BULK,
    rivals: [{ contestant: gvisorSoft }],
    mtu: 65_535,
  },
]);

export const TCP_BENCHES: readonly Bench[] = [bulk, plain, latency, requesting, flows, mtu];
