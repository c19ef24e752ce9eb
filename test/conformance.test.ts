// The shared suites, on every implementation; a TunLink stands on a socket pair, which needs no privilege.

import { setImmediate as turn } from 'node:timers/promises';
import { type VethOptions, veth } from '@tunstack/links';
import { NodeClock, NodeEntropy } from '@tunstack/node';
import { Agenda, Probe, SimClock, SimEntropy, Wire } from '@tunstack/sim';
import { Loopback } from '@tunstack/stack';
import { MEDIUM_ETHERNET, PacketPool } from '@tunstack/stack/contract';
import { adoptDevice, socketPair, TunLink } from '@tunstack/tun';
import { RingStore } from '../bench/src/core/ring-buffer.ts';
import { ReceiveStore } from '../packages/stack/src/tcp/buffers/receive-buffer.ts';
import { clockSuite } from './conformance/clock.ts';
import { entropySuite } from './conformance/entropy.ts';
import { type LinkUnderTest, linkSuite } from './conformance/link.ts';
import { receiveBufferSuite } from './conformance/receive-buffer.ts';
import { FarEnd } from './support/far-end.ts';
import { datagramToThem, frameToUs, StationLink } from './support/station.ts';

linkSuite('loopback', () => ({
  link: new Loopback(),
  pool: new PacketPool(),
  capacity: 1024,
  loops: true,
  arrive() {},
  far: () => [],
}));

function overVeth(options: VethOptions = {}): LinkUnderTest {
  const pool = new PacketPool();
  const [link, other] = veth({ queuePackets: 8, ...options });
  const far = new FarEnd(other, pool);
  return {
    link,
    pool,
    ethernet: options.medium === MEDIUM_ETHERNET,
    capacity: 8,
    arrive: (frame) => void far.send(frame),
    far: () => far.take(),
  };
}

linkSuite('veth', () => overVeth());
linkSuite('veth without offloads', () => overVeth({ features: 0 }));
linkSuite('veth of Ethernet', () => overVeth({ medium: MEDIUM_ETHERNET }));

function overStation(options: VethOptions): LinkUnderTest {
  const frames = overVeth({ ...options, medium: MEDIUM_ETHERNET });
  return {
    ...frames,
    ethernet: false,
    link: new StationLink(frames.link, frames.pool),
    arrive: (datagram) => frames.arrive(frameToUs(datagram)),
    far: async () => (await frames.far()).map(datagramToThem),
  };
}

linkSuite('a station on Ethernet, as IP sees it', () => overStation({}));
linkSuite('a station on Ethernet without offloads', () => overStation({ features: 0 }));

linkSuite('wire', () => {
  const [clock, agenda, pool] = [new SimClock(), new Agenda(), new PacketPool()];
  const wire = new Wire(clock, agenda);
  const far = new FarEnd(wire.ends[1], pool);
  const pass = (): void => {
    clock.advanceTo(clock.elapsedUs + 1000);
    agenda.run(clock.elapsedUs);
  };
  return {
    link: wire.ends[0],
    pool,
    arrive(frame) {
      far.send(frame);
      pass();
    },
    far() {
      pass();
      return far.take();
    },
  };
});

linkSuite('probe', () => {
  const pool = new PacketPool();
  const link = new Probe(pool);
  link.room = 8;
  return {
    link,
    pool,
    capacity: 8,
    arrive: (frame) => link.arrive(frame),
    far() {
      const sent = link.take();
      link.makeRoom(8);
      return sent;
    },
  };
});

function overSockets(mode: 'tun' | 'tap', vnetHdr: boolean): LinkUnderTest {
  const pool = new PacketPool();
  const [link, other] = socketPair().map((fd) => {
    return new TunLink({ device: adoptDevice({ fd, mode, vnetHdr }), pool, queue: 8 });
  });
  const far = new FarEnd(other, pool);
  return {
    link,
    pool,
    ethernet: mode === 'tap',
    capacity: 8,
    arrive: (frame) => void far.send(frame),
    // One round of the loop to poll the descriptor, one to be sure of it.
    async settle() {
      await turn();
      await turn();
    },
    far: () => far.take(),
    dispose: () => other.close(),
  };
}

linkSuite('TunLink', () => overSockets('tun', false));
linkSuite('TunLink with a vnet header', () => overSockets('tun', true));
linkSuite('TunLink of a TAP', () => overSockets('tap', false));
linkSuite('TunLink of a TAP with a vnet header', () => overSockets('tap', true));

clockSuite('SimClock', () => {
  const clock = new SimClock();
  return { clock, pass: (ms) => clock.advanceTo(clock.elapsedUs + ms * 1000), slackUs: 0 };
});

clockSuite('SimClock just before it wraps', () => {
  const clock = new SimClock(0x7fff_ffff - 3);
  clock.advanceTo(9_999_990);
  return { clock, pass: (ms) => clock.advanceTo(clock.elapsedUs + ms * 1000), slackUs: 0 };
});

clockSuite('NodeClock', () => {
  const clock = new NodeClock();
  return {
    clock,
    pass(ms) {
      const end = performance.now() + ms;
      while (performance.now() < end);
    },
    slackUs: 50_000,
  };
});

entropySuite('SimEntropy', () => new SimEntropy(1));
entropySuite('NodeEntropy', () => new NodeEntropy());

receiveBufferSuite('chunks', () => new ReceiveStore());
receiveBufferSuite('ring, the anchor of the bench', () => new RingStore());
