// Batched I/O and the monitor against the kernel, each test in a network namespace of its own.
import { spawnSync } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { Device, EBADFD, EIO, WRITE_STRIDE } from './device.ts';
import { type LinkEvent, Monitor } from './monitor.ts';
import { nsenterCommand } from './netns.ts';
import { closeDevice, closeNamespaces, type OpenedDevice, type OpenOptions, openDevice } from './open.ts';
import { run, runIn } from './testing/command.ts';
import { deferred, Journal } from './testing/deferred.ts';
import { echoDevice } from './testing/echo.ts';
import { requireTun } from './testing/require-tun.ts';
import { isSpinning } from './testing/spinning.ts';

const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanUp.splice(0).reverse()) undo();
});

/** A device in a new namespace with an echo on it and a monitor; all closed after the test. */
function lab(options: Partial<OpenOptions> = {}): {
  opened: OpenedDevice;
  device: Device;
  events: Journal<LinkEvent>;
  errors: Journal<number>;
} {
  const opened = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24', ...options });
  const errors = new Journal<number>();
  const events = new Journal<LinkEvent>();
  const device = echoDevice(opened, errors.add);
  const monitor = new Monitor({ ...opened, fd: opened.monitorFd, onEvent: events.add });
  cleanUp.push(
    () => closeNamespaces(opened),
    () => monitor.close(),
    () => device.close(),
  );
  return { opened, device, events, errors };
}

/** The octets of the next packet, or 0: there is none. */
function readNext(fd: number, into: Uint8Array): number {
  try {
    return readSync(fd, into);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EAGAIN') throw error;
    return 0;
  }
}

/** A `ping` line's counts. */
async function ping(opened: OpenedDevice, ...options: string[]): Promise<string> {
  return (await run(['nsenter', `--net=/proc/${process.pid}/fd/${opened.netnsFd}`, 'ping', '-q', ...options]))
    .stdout;
}

describe.skipIf(requireTun())('packets', () => {
  for (const vnetHdr of [false, true]) {
    test(`a flood of 2000 pings loses nothing${vnetHdr ? ' (vnet header)' : ''}`, async () => {
      const { opened } = lab({ vnetHdr });
      expect(await ping(opened, '-f', '-c', '2000', '10.9.0.2')).toContain(
        '2000 packets transmitted, 2000 received',
      );
    });
  }

  test('the kernel puts a flow into the queue that its last packet from us was written to', async () => {
    const opened = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24', queues: 2 });
    cleanUp.push(() => closeDevice(opened));
    const queues = [opened.fd, opened.bulkFd];
    const packet = new Uint8Array(1500);
    /** Which queue the next ping comes by, and its answer goes by `way`. */
    const pinged = async (way: number): Promise<number> => {
      await ping(opened, '-c', '1', '-W', '0.1', '10.9.0.2');
      for (const [queue, fd] of queues.entries()) {
        for (let length = readNext(fd, packet); length > 0; length = readNext(fd, packet)) {
          // The kernel asks for IPv6 routers of its own accord.
          if (packet[0] >> 4 !== 4) continue;
          // An answer with a wrong checksum: only its flow is looked at.
          packet.set([10, 9, 0, 2, 10, 9, 0, 1, 0], 12);
          writeSync(queues[way], packet, 0, length);
          return queue;
        }
      }
      throw new Error('no ping came');
    };
    await pinged(1);
    expect([await pinged(1), await pinged(0), await pinged(0)]).toEqual([1, 1, 0]);
  });

  test('the largest packet passes', async () => {
    const { opened } = lab({ mtu: 65_535 });
    expect(await ping(opened, '-c', '3', '-i', '0.01', '-s', '65507', '10.9.0.2')).toContain('3 received');
  });

  test('a packet that the kernel refuses is dropped alone', async () => {
    const { opened, device } = lab();
    device.bindArena(1, Uint8Array.of(0)); // no IP version
    const records = new Int32Array(WRITE_STRIDE);
    records.set([1, 1, 0, 1]);
    expect([device.write(records, 0, 1), device.rejected, records[0]]).toEqual([1, 1, -22]);
    expect(await ping(opened, '-c', '1', '10.9.0.2')).toContain('1 received');
  });

  test('a small TUNSETSNDBUF gives EAGAIN, and nothing is lost', async () => {
    // A frame stays charged to the writer as long as it waits in the queue of a rate-limited port of a bridge:
    //   source TAP (sndbuf) -- bridge -- sink TAP with tbf
    const source = openDevice({ mode: 'tap', name: 'src0', netns: 'new', sndbuf: 20_000 });
    const sink = openDevice({ mode: 'tap', name: 'snk0', netns: `/proc/self/fd/${source.netnsFd}` });
    cleanUp.push(
      () => closeNamespaces(source),
      () => closeNamespaces(sink),
    );
    const script = [
      'ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up',
      'ip link set src0 master br0 && ip link set snk0 master br0',
      'tc qdisc add dev snk0 root tbf rate 20mbit burst 3000 limit 1000000',
    ];
    const marker = 0x88b5; // an EtherType for experiments, so that nobody answers
    const total = 300;
    const frame = 1000;
    const arena = new Uint8Array(total * frame);
    const records = new Int32Array(total * WRITE_STRIDE);
    for (let i = 0; i < total; i++) {
      // To an unknown station: a broadcast would leave the bridge as clones, which nobody is charged for.
      arena.set([2, 0, 0, 0, 0, 8], i * frame);
      arena.set([2, 0, 0, 0, 0, 9, marker >>> 8, marker & 0xff, i >>> 8, i & 0xff], i * frame + 6);
      records.set([1, 0, i * frame, frame], i * WRITE_STRIDE);
    }
    const seen: number[] = [];
    const all = deferred();
    const reader: Device = new Device({
      fd: sink.fd,
      align: 14,
      onError: () => {},
      onReadable: (count) => {
        const view = new DataView(reader.slab.buffer);
        for (let i = 0; i < count; i++) {
          const at = reader.records[2 * i];
          if (view.getUint16(at + 12) === marker) seen.push(view.getUint16(at + 14));
        }
        reader.consumed();
        if (seen.length === total) all.resolve();
      },
    });
    cleanUp.push(() => reader.close());
    let next = 0;
    let stops = 0;
    const send = (): void => {
      next += writer.write(records, next, total - next);
      if (next === total) return;
      expect(writer.writeErrno).toBe(11);
      stops++;
      writer.watchWritable(true);
    };
    const writer: Device = new Device({
      fd: source.fd,
      onReadable: () => writer.consumed(),
      onWritable: send,
      onError: () => {},
    });
    cleanUp.push(() => writer.close());
    writer.bindArena(0, arena);
    const monitor = new Monitor({ ...source, fd: source.monitorFd, onEvent: () => {} });
    const other = new Monitor({ ...sink, fd: sink.monitorFd, onEvent: () => {} });
    cleanUp.push(
      () => monitor.close(),
      () => other.close(),
    );
    await runIn(source, 'sh', '-ec', script.join('\n'));
    // A port of a bridge without STP forwards at once.
    reader.watchReadable(true);
    send();
    await all.promise;
    expect(stops).toBeGreaterThan(0);
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => i));
  });
});

describe.skipIf(requireTun())('what others do to the device', () => {
  test('down and up: one event each, writes answer EIO in between, and it goes on by itself', async () => {
    const { opened, device, events, errors } = lab();
    await runIn(opened, 'ip', 'link', 'set', opened.name, 'down');
    await events.until((all) => all.length > 0);
    expect(events.all).toEqual([{ type: 'link', up: false, running: false, mtu: 1500, deleted: false }]);
    const packet = new Uint8Array(20);
    packet[0] = 0x45;
    device.bindArena(1, packet);
    const records = new Int32Array(WRITE_STRIDE);
    records.set([1, 1, 0, 20]);
    expect([device.write(records, 0, 1), device.writeErrno]).toEqual([0, EIO]);
    expect(await isSpinning()).toBe(false);
    await runIn(opened, 'ip', 'link', 'set', opened.name, 'up');
    await events.until((all) => all.length > 1);
    expect(await ping(opened, '-c', '1', '-W', '2', '10.9.0.2')).toContain('1 received');
    expect(events.all.slice(1)).toEqual([
      { type: 'link', up: true, running: true, mtu: 1500, deleted: false },
    ]);
    expect(errors.all).toEqual([]);
  });

  test('deleted while running: one error, down and deleted once each at most, no CPU, writes answer EBADFD', async () => {
    const { opened, device, events, errors } = lab();
    await runIn(opened, 'ip', 'link', 'delete', opened.name);
    await Promise.all([errors.until((all) => all.length > 0), events.until((all) => all.some(isDeletion))]);
    expect(await isSpinning()).toBe(false);
    expect(errors.all).toEqual([EBADFD]);
    // Down, then deleted; when both are read at once the first may not be worth an event any more.
    const links = events.all.filter((event) => event.type === 'link');
    const down = { type: 'link', up: false, running: false, mtu: 1500, deleted: false };
    expect([[{ ...down, deleted: true }], [down, { ...down, deleted: true }]]).toContainEqual(links);
    const records = new Int32Array(WRITE_STRIDE);
    records.set([1, 0, 0, 20]);
    expect([device.write(records, 0, 1), device.writeErrno]).toEqual([0, EBADFD]);
  });

  test('deleted while only writability is watched: no CPU, and the error comes when reading is asked for', async () => {
    // The kernel wakes only readers at a deletion (sk_data_ready), so nobody else hears of it.
    const { opened, device, events, errors } = lab();
    device.watchReadable(false);
    await runIn(opened, 'ip', 'link', 'set', opened.name, 'down');
    device.watchWritable(true);
    await runIn(opened, 'ip', 'link', 'delete', opened.name);
    await events.until((all) => all.some(isDeletion));
    expect(await isSpinning()).toBe(false);
    const before = errors.all.length;
    device.watchReadable(true);
    await errors.until((all) => all.length > before);
    expect(await isSpinning()).toBe(false);
    expect(errors.all).toHaveLength(before + 1);
    expect(new Set(errors.all)).toEqual(new Set([EBADFD]));
  });

  test('a new MTU and addresses coming and going are one event each', async () => {
    const { opened, events } = lab();
    const name = opened.name;
    await runIn(opened, 'ip', 'link', 'set', name, 'mtu', '1300');
    await runIn(opened, 'ip', 'address', 'add', '10.9.7.1/16', 'dev', name);
    await runIn(
      opened,
      'ip',
      'address',
      'change',
      '10.9.7.1/16',
      'dev',
      name,
      'valid_lft',
      '1000',
      'preferred_lft',
      '900',
    );
    await runIn(opened, 'ip', 'address', 'delete', '10.9.0.1/24', 'dev', name);
    await runIn(opened, 'ip', 'link', 'set', name, 'mtu', '1301');
    await events.until((all) => all.some((event) => event.type === 'link' && event.mtu === 1301));
    expect(events.all).toEqual([
      { type: 'link', up: true, running: true, mtu: 1300, deleted: false },
      { type: 'address', added: true, address: '10.9.7.1', prefixLength: 16 },
      { type: 'address', added: false, address: '10.9.0.1', prefixLength: 24 },
      { type: 'link', up: true, running: true, mtu: 1301, deleted: false },
    ]);
  });

  test('when more happened than the socket holds, the monitor asks how things stand', async () => {
    const { opened, events } = lab();
    await runIn(opened, 'ip', 'address', 'add', '10.9.6.1/16', 'dev', opened.name);
    await events.until((all) => all.length === 1);
    const name = opened.name;
    const lines = [`address delete 10.9.0.1/24 dev ${name}`];
    for (let i = 0; i < 3000; i++) lines.push(`link set ${name} mtu ${1300 + (i % 100)}`);
    lines.push(
      `address delete 10.9.6.1/16 dev ${name}`,
      `address add 10.9.4.1/24 dev ${name}`,
      `link set ${name} mtu 1234`,
    );
    // Without a turn of the event loop in between, so that nobody reads the socket.
    const [command, ...words] = [...nsenterCommand(opened), 'ip', '-batch', '-'];
    expect(spawnSync(command, words, { input: lines.join('\n') }).status).toBe(0);
    await events.until((all) =>
      all.some((event) => event.type === 'address' && event.address === '10.9.4.1'),
    );
    await events.until((all) => all.some((event) => event.type === 'link' && event.mtu === 1234));
    const addresses = events.all
      .filter((event) => event.type === 'address')
      .map((event) => [event.added, event.address]);
    expect(addresses).toEqual([
      [true, '10.9.6.1'],
      [false, '10.9.0.1'],
      [true, '10.9.4.1'],
      [false, '10.9.6.1'],
    ]);
  });

  test('what happens to another device is not ours', async () => {
    const { opened, events } = lab();
    await runIn(opened, 'ip', 'link', 'add', 'dummy-v0', 'type', 'veth', 'peer', 'name', 'dummy-v1');
    await runIn(opened, 'ip', 'link', 'delete', 'dummy-v0');
    await runIn(opened, 'ip', 'link', 'set', opened.name, 'mtu', '1302');
    await events.until((all) => all.length > 0);
    expect(events.all).toHaveLength(1);
  });

  test('a TAP that leaves a bridge was not deleted', async () => {
    const opened = openDevice({ mode: 'tap', netns: 'new' });
    const events = new Journal<LinkEvent>();
    const monitor = new Monitor({ ...opened, fd: opened.monitorFd, onEvent: events.add });
    cleanUp.push(
      () => closeDevice({ ...opened, monitorFd: -1 }),
      () => monitor.close(),
    );
    const steps = [
      'ip link add br0 type bridge',
      'ip link set tap0 master br0',
      'ip link set tap0 nomaster',
      'ip link set tap0 mtu 1400',
    ];
    await runIn(opened, 'sh', '-ec', steps.join('\n'));
    await events.until((all) => all.length > 0);
    expect(events.all).toEqual([{ type: 'link', up: true, running: true, mtu: 1400, deleted: false }]);
  });
});

function isDeletion(event: LinkEvent): boolean {
  return event.type === 'link' && event.deleted;
}
