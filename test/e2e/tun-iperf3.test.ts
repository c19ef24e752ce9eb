// tun-iperf3 against the real iperf3, as server and as client: what both report is the same, and has all of its keys.

import { requireRoot, requireTools } from '@tunstack/tun/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bin, Running, run, tool } from '../support/namespace.ts';

const name = `tsi${process.pid}`;
const inside = ['ip', 'netns', 'exec', name];
const program = [process.execPath, bin('tun-iperf3')];
const ON_TUN = ['--netns', `/run/netns/${name}`];

interface End {
  readonly bytes: number;
  readonly packets: number;
  readonly lost_packets: number;
}
type Sums = Readonly<Record<`sum_${'sent' | 'received'}${'' | '_bidir_reverse'}`, End>>;
interface Report {
  readonly start: { readonly cookie: string; readonly test_start: { readonly blksize: number } };
  readonly intervals: readonly { readonly streams: readonly { readonly bytes: number }[] }[];
  readonly end: Sums & { readonly streams: readonly unknown[] };
  readonly error?: string;
}

/** How each run is asked for, and what its client and its server must tell. */
const MODES: readonly string[] = [
  '-n 4M',
  '-R -n 4M',
  '-P 8 -n 8M',
  '--bidir -t 1',
  '-u -b 0 -t 1 -l 1000',
  '-u -b 5M -n 256K -P 2',
  '-u -R -b 10M -n 256K --udp-counters-64bit',
  '-u --bidir -b 2M -t 1',
];

/** All paths of keys, lists by what is in them. */
function keysOf(json: unknown, path = '', all = new Set<string>()): Set<string> {
  if (Array.isArray(json)) for (const each of json) keysOf(each, `${path}[]`, all);
  else if (typeof json === 'object' && json !== null)
    for (const [key, value] of Object.entries(json)) keysOf(value, `${path}.${key}`, all);
  else all.add(path);
  return all;
}

function expectSuperset(ours: unknown, theirs: unknown): void {
  const mine = keysOf(ours);
  expect([...keysOf(theirs)].filter((key) => !mine.has(key))).toEqual([]);
}

/** The objects that a server has printed one after the other. */
const reportsIn = (stdout: string): Report[] =>
  stdout
    .split(/(?<=^\}\n)/m)
    .filter((text) => text.endsWith('\n}\n'))
    .map((text) => JSON.parse(text) as Report);

/** The report of the run with this cookie, once the server has printed it. */
async function reportOf(server: Running, cookie: string): Promise<Report> {
  await server.until(new RegExp(`"cookie":\\s*"${cookie}"[^]*^\\}$`, 'm'));
  const report = reportsIn(server.stdout).find(({ start }) => start.cookie === cookie);
  if (report === undefined) throw new Error(`no report with ${cookie} in ${server.stdout}`);
  return report;
}

/** Both sides of a run between two kernels, on loopback, each kind once. */
async function realRun(mode: string): Promise<{ client: Report; server: Report }> {
  const server = new Running([...inside, tool('iperf3'), '-s', '-1', '-J', '-p', '5299']);
  const args = ['-J', '-p', '5299', '-c', '127.0.0.1', ...mode.split(' ')];
  for (;;) {
    const { stdout } = await run([...inside, tool('iperf3'), ...args]);
    const client = JSON.parse(stdout) as Report;
    // It may not listen yet.
    if (client.error?.includes('refused') === true) continue;
    await server.ended;
    return { client, server: reportsIn(server.stdout)[0] };
  }
}

/** What the two sides of one run say agrees, as far as both of them know. */
function expectAgreement(mode: string, client: Report, server: Report, ours: Report): void {
  const names = (['', '_bidir_reverse'] as const).slice(0, mode.includes('--bidir') ? 2 : 1);
  for (const suffix of names) {
    const [sent, received] = [client.end[`sum_sent${suffix}`], client.end[`sum_received${suffix}`]];
    expect(sent.bytes).toBeGreaterThan(0);
    expect(received.bytes).toBeLessThanOrEqual(sent.bytes);
    // The side that received, or sent, has said the same to its own user; ours knows both.
    const own = ours.end[`sum_received${suffix}`];
    expect(own.bytes).toBe(received.bytes);
    const toServer = (suffix === '') !== mode.includes('-R');
    const known = toServer ? 'received' : 'sent';
    expect(server.end[`sum_${known}${suffix}`].bytes).toBe(client.end[`sum_${known}${suffix}`].bytes);
    if (mode.startsWith('-u')) {
      const { blksize } = client.start.test_start;
      expect(received.lost_packets + received.bytes / blksize).toBe(received.packets);
      expect(received.packets).toBeLessThanOrEqual(sent.packets);
      expect(sent.packets).toBe(sent.bytes / blksize);
      // At a rate the link takes with ease nothing is lost but what was under way at the end.
      if (!mode.includes('-b 0')) expect(received.lost_packets).toBeLessThan(sent.packets / 10);
    }
  }
}

const references = new Map<string, Promise<{ client: Report; server: Report }>>();
const reference = (mode: string): Promise<{ client: Report; server: Report }> => {
  const known = references.get(mode) ?? realRun(mode);
  references.set(mode, known);
  return known;
};

describe('tun-iperf3, asked wrongly', () => {
  // All that can be wrong is in flags.test.ts.
  test.each([
    ['neither server nor client', [], /be a server \(-s\), or a client of one \(-c ADDR\)/],
    ['an unknown flag', ['-s', '--sctp'], /Unknown option '--sctp'; --help lists the flags/],
  ])('%s: one line, exit 2', async (_, args, line) => {
    const { code, stderr } = await run([...program, ...args]);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });
});

const skip = requireRoot() || requireTools('iperf3');

beforeAll(async () => {
  if (skip) return;
  await run(['ip', 'netns', 'add', name]);
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
});
afterAll(async () => {
  if (!skip) await run(['ip', 'netns', 'delete', name]);
});

describe.skipIf(skip)('tun-iperf3 -s and the real client', () => {
  let server: Running;
  beforeAll(async () => {
    server = new Running([...program, '-s', '-J', ...ON_TUN]);
    await server.until(/listening/);
  });
  afterAll(async () => {
    await server.stop('SIGTERM');
  });

  const oneClient = (...flags: string[]) => run([...inside, tool('iperf3'), '-c', '10.9.0.2', ...flags]);
  /** The last word of the client before may be lost in a full queue, and come again after 200 ms: until then the server is busy. */
  const client = async (...flags: string[]): ReturnType<typeof oneClient> => {
    for (;;) {
      const outcome = await oneClient(...flags);
      if (!/the server is busy/.test(outcome.stdout + outcome.stderr)) return outcome;
    }
  };

  test.each(MODES)('%s: both say the same, and our JSON has all keys', async (mode) => {
    const { stdout, code } = await client('-J', ...mode.split(' '));
    const theirs = JSON.parse(stdout) as Report;
    expect(theirs.error).toBeUndefined();
    expect(code).toBe(0);
    const ours = await reportOf(server, theirs.start.cookie);
    expectAgreement(mode, theirs, ours, ours);
    expectSuperset(ours, (await reference(mode)).server);
  });

  test('it takes all that a client may ask, and gives its own output to who wants it', async () => {
    const flags =
      '-n 256K -w 64K -M 1000 -N -C reno -S 0x20 -T title --extra-data x --repeating-payload -Z --get-server-output';
    const { stdout, code } = await client('-J', ...flags.split(' '));
    const theirs = JSON.parse(stdout) as Report & { readonly server_output_json: Report };
    expect(theirs.error).toBeUndefined();
    expect(code).toBe(0);
    expect(theirs.server_output_json.start.cookie).toBe(theirs.start.cookie);
    // The next one finds a listener without these settings.
    expect((await client('-n', '64K')).code).toBe(0);
  });

  test('who comes during a test is told that the server is busy', async () => {
    const first = client('-J', '-t', '1');
    const second = async (): Promise<string> => {
      for (;;) {
        const { stderr } = await oneClient('-n', '64K');
        if (stderr !== '') return stderr;
      }
    };
    expect(await second()).toContain('the server is busy running a test');
    expect((await first).code).toBe(0);
  });

  test.each(['SIGKILL', 'SIGINT'] as const)('a client that ends by %s ends its test only', async (signal) => {
    const before = server.stderr.length;
    const gone = new Running([
      ...inside,
      tool('iperf3'),
      '-c',
      '10.9.0.2',
      '-t',
      '30',
      '-i',
      '0.1',
      '--forceflush',
    ]);
    await gone.until(/ 0\.00-/);
    // `ip netns exec` became the client: one process.
    await gone.stop(signal);
    await server.until(/client has (terminated|unexpectedly closed)/);
    for (; server.stderr.length === before; ) await client('-n', '64K');
    expect((await client('-n', '64K')).code).toBe(0);
  });

  test('garbage, and who leaves without a word, get a line each', async () => {
    const text = 'GET / HTTP/1.1\r\nHost: an iperf3 server is not\r\n\r\n';
    await run([...inside, tool('nc'), '-N', '-w', '2', '10.9.0.2', '5201'], 10_000, text);
    await server.until(/speaks something else than iperf3/);
    await run([...inside, tool('nc'), '-z', '-w', '2', '10.9.0.2', '5201']);
    await server.until(/left before it said its cookie/);
    expect((await client('-n', '64K')).code).toBe(0);
  });
});

test.skipIf(skip)('the server prints the table of iperf3, and ends after one test with -1', async () => {
  const server = new Running([...program, '-s', '-1', '-V', ...ON_TUN]);
  await server.until(/test #1\)\n-+\n/);
  const flags = ['-c', '10.9.0.2', '-R', '-P', '2', '-n', '1M', '--get-server-output'];
  const { stdout } = await run([...inside, tool('iperf3'), ...flags]);
  expect(await server.ended).toBe(0);
  const lines = [
    /^Accepted connection from 10\.9\.0\.1, port \d+$/m,
    /^ {6}Cookie: [a-z2-7]{36}$/m,
    /^\[ {2}5\] local 10\.9\.0\.2 port 5201 connected to 10\.9\.0\.1 port \d+$/m,
    /^Starting Test: protocol: TCP, 2 streams, 131072 byte blocks, omitting 0 seconds, 1048576 bytes to send, tos 0$/m,
    /^\[ ID\] Interval {11}Transfer {5}Bitrate {9}Retr {2}Cwnd$/m,
    /^\[ {2}7\] {3}0\.00-\d\.\d\d {3}sec {2}[ \d.]{4} [KM]Bytes {2}[ \d.]{4} [KMG]bits\/sec {4}\d {3}[ \d.]{4} [KM]Bytes {7}$/m,
    /^\[SUM\] {3}0\.00-\d\.\d\d {3}sec {2}1\.00 MBytes {2}[ \d.]{4} [KMG]bits\/sec {4}\d {13}sender$/m,
    /^snd_tcp_congestion cubic$/m,
  ];
  for (const line of lines) expect(server.stdout).toMatch(line);
  for (const line of lines) expect(stdout.slice(stdout.indexOf('Server output:'))).toMatch(line);
});

describe.skipIf(skip)('tun-iperf3 -c and the real server', () => {
  let server: Running;
  beforeEach(async () => {
    server = new Running([...inside, tool('iperf3'), '-s', '-1', '-J']);
    // With -J it says nothing when it is ready.
    for (;;) {
      const { stdout } = await run([...inside, 'ss', '-Hltn', 'sport = 5201']);
      if (stdout !== '') break;
    }
  });
  afterEach(async () => {
    await server.stop('SIGTERM');
  });

  const client = (...flags: string[]) => run([...program, '-c', '10.9.0.1', ...ON_TUN, ...flags]);

  test.each(MODES)('%s: both say the same, and our JSON has all keys', async (mode) => {
    const { stdout, stderr, code } = await client('-J', ...mode.split(' '));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const ours = JSON.parse(stdout) as Report;
    await server.ended;
    const [theirs] = reportsIn(server.stdout);
    expectAgreement(mode, ours, theirs, ours);
    expectSuperset(ours, (await reference(mode)).client);
  });

  test('SIGINT ends it with what there is and 1, and the server hears of it', async () => {
    const gone = new Running([...program, '-c', '10.9.0.1', ...ON_TUN, '-t', '30', '-i', '0.1']);
    await gone.until(/ 0\.00-/);
    expect(await gone.stop('SIGINT')).toBe(1);
    expect(gone.stderr).toBe('tun-iperf3: interrupt - the client has terminated\n');
    expect(gone.stdout).toMatch(/ sender\n/);
    await server.ended;
    expect(server.stdout).toContain('the client has terminated');
  });

  test('a server that ends in the middle ends it with 1 and a line', async () => {
    const left = new Running([...program, '-c', '10.9.0.1', ...ON_TUN, '-t', '30', '-i', '0.1']);
    await left.until(/ 0\.00-/);
    await server.stop('SIGINT');
    expect(await left.ended).toBe(1);
    expect(left.stderr).toBe('tun-iperf3: the server has terminated\n');
  });
});

test.skipIf(skip)('nobody listens: one line, exit 1', async () => {
  const { code, stderr, stdout } = await run([...program, '-c', '10.9.0.1', ...ON_TUN]);
  expect(stderr).toMatch(/^tun-iperf3: unable to connect to server: connect ECONNREFUSED 10\.9\.0\.1:5201/);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect([code, stdout]).toEqual([1, '']);
});
