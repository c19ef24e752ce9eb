// Packet scripts in packetdrill's language, played to our stack in virtual time: all of test/packetdrill, what must fail, what
// must be skipped, and the program around it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fc, test as property } from '@fast-check/vitest';
import { KernelTarget, tunPacketdrill } from '@tunstack/apps';
import { runScript, type ScriptResult, type SimTarget, simTargetOf } from '@tunstack/sim';
import { requireRoot, requireTools } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';

const FOLDER = fileURLToPath(new URL('packetdrill/', import.meta.url));
const soak = process.env.SOAK === '1';

const scripts = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.pkt'))
  .sort()
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));

/** What a script says, or why not. */
function played(text: string): string {
  const result: ScriptResult = runScript(text, 'x.pkt');
  if (result.status === 'skipped') return `skipped: ${result.reason}`;
  return result.status === 'passed' ? 'passed' : `${result.status}: ${result.message}`;
}

describe('scripts that our stack keeps to', () => {
  test.each(scripts)('$name', ({ text }) => {
    expect(played(text)).toBe('passed');
  });

  property.prop([fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.constantFrom(...scripts)], {
    numRuns: soak ? 2000 : 100,
  })('whatever our initial sequence numbers are', (seed, { text }) => {
    expect(runScript(text, 'x.pkt', { seed }).status).toBe('passed');
  });
});

/** A number in the text that must be as it is, and what stands there instead. */
interface Change {
  readonly at: number;
  readonly was: string;
  readonly by: string;
}

/** Numbers of what must come out, and results of calls. Of a SYN its own number is not one: it is what others count from. */
function changesOf(text: string): Change[] {
  const changes: Change[] = [];
  let offset = 0;
  for (const line of text.split('\n')) {
    const code = line.replace(/\/\/.*$/, '');
    const packet = /^\S+\s+>\s+(.*)$/.exec(code);
    if (packet !== null) changes.push(...packetChanges(packet[1], offset + code.length - packet[1].length));
    const result = /=\s(\d+)\s*$/.exec(code);
    if (packet === null && result !== null && /^\S+\s+(read|write|send|recv|poll|epoll_wait)/.test(code)) {
      changes.push({ at: offset + result.index + 2, was: result[1], by: String(Number(result[1]) + 1) });
    }
    offset += line.length + 1;
  }
  return changes;
}

function packetChanges(packet: string, offset: number): Change[] {
  const changes: Change[] = [];
  const plain = packet.replace(/TS val \d+/g, (stamp) => ' '.repeat(stamp.length));
  const sequence = /(\d+):(\d+)\((\d+)\)/.exec(plain);
  if (sequence !== null && !/\bS\.? /.test(plain)) {
    const [was, from, to, length] = sequence;
    changes.push({
      at: offset + sequence.index,
      was,
      by: `${Number(from) + 1}:${Number(to) + 1}(${length})`,
    });
    changes.push({
      at: offset + sequence.index,
      was,
      by: `${from}:${Number(to) + 1}(${Number(length) + 1})`,
    });
  }
  const rest = sequence === null ? plain : plain.replace(sequence[0], ' '.repeat(sequence[0].length));
  for (const found of rest.matchAll(/(?<= )\d+\b(?! >)/g)) {
    changes.push({ at: offset + found.index, was: found[0], by: String(Number(found[0]) ^ 1) });
  }
  return changes;
}

const changeable = scripts.flatMap((script) =>
  changesOf(script.text).map((change) => ({ ...script, change })),
);

describe('scripts that do not hold', () => {
  property.prop([fc.constantFrom(...changeable)], { numRuns: soak ? 5000 : 200 })(
    'one number that is changed is found',
    ({ text, change: { at, was, by } }) => {
      const changed = text.slice(0, at) + by + text.slice(at + was.length);
      expect(text.slice(at, at + was.length)).toBe(was);
      expect(runScript(changed, 'x.pkt').status).toBe('failed');
    },
  );

  const words = [
    '0',
    '-1',
    '65536',
    '4294967295',
    '99999999999',
    '...',
    'NULL',
    '[',
    '}',
    '<',
    '>',
    '*',
    'F.',
    'S',
    '"x"',
  ];
  property.prop(
    [
      fc.constantFrom(...scripts),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(9), fc.constantFrom(...words)), { minLength: 1, maxLength: 3 }),
    ],
    { numRuns: soak ? 5000 : 150 },
  )('whatever stands in a file, there is an answer, and all packets come home', ({ text }, edits) => {
    let garbled = text;
    for (const [at, length, word] of edits)
      garbled = garbled.slice(0, at) + word + garbled.slice(at + length);
    const targets: SimTarget[] = [];
    const { status } = runScript(garbled, 'x.pkt', {
      target: (settings) => (targets[0] = simTargetOf(settings, 1)),
    });
    expect(['passed', 'failed', 'skipped', 'invalid']).toContain(status);
    for (const { stack } of targets) expect([stack.pool.inUse, stack.pool.chunks.inUseBytes]).toEqual([0, 0]);
  });

  const SERVER = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.01 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
`;
  const wrong: [what: string, script: string, message: RegExp][] = [
    [
      'a field, with both packets as packetdrill shows them',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 2',
      /^x\.pkt:9: error handling packet: live packet field tcp_ack_seq: expected: 2 \(0x2\) vs actual: 1 \(0x1\)\nscript packet: 0\.010000 P\. 1:101\(100\) ack 2\nactual packet: 0\.010000 P\. 1:101\(100\) ack 1 win 65535/,
    ],
    [
      'a flag',
      '+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 1',
      /tcp_psh: expected: 0 \(0x0\) vs actual: 1 \(0x1\)/,
    ],
    [
      'options',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 <nop,nop,sackOK>',
      /ipv4_total_length: expected: 144 \(0x90\) vs actual: 140 \(0x8c\)/,
    ],
    [
      'a time',
      '+0 write(4, ..., 100) = 100\n+.1 > P. 1:101(100) ack 1',
      /timing error: expected outbound packet at 0\.110000 sec but happened at 0\.010000 sec; tolerance 0\.004000 sec/,
    ],
    ['a packet that never comes', '+0 > F. 1:1(0) ack 1', /timed out waiting for packet/],
    [
      'a result',
      '+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n+0 read(4, ..., 9) = 10',
      /^x\.pkt:10: runtime error in read call: Expected result 10 but got 9$/,
    ],
    [
      'an error',
      '+0 < R. 1:1(0) ack 1 win 9\n+0 read(4, ..., 9) = -1 EPIPE (Broken pipe)',
      /Expected errno EPIPE \(Broken pipe\) but got ECONNRESET \(Connection reset by peer\)/,
    ],
    ['a call that blocks for ever', '+0 read(4, ..., 9) = 9', /read call: it blocks for ever/],
    [
      'a call that returns at another time',
      '+0...0.2 read(4, ..., 9) = 9\n+.1 < P. 1:11(10) ack 1 win 9',
      /timing error: expected system call return at 0\.210000 sec but happened at 0\.110000/,
    ],
    [
      'what a call answers by reference',
      '+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0',
      /argument 4: Expected \[1\] but got \[0\]/,
    ],
    ['an assertion', '+0 %{ assert 1 + 1 == 3, "two" }%', /^x\.pkt:8: AssertionError: two$/],
  ];
  test.each(wrong)('%s', (_what, script, message) => {
    expect(played(SERVER + script)).toMatch(/^failed: /);
    expect(played(SERVER + script).replace('failed: ', '')).toMatch(message);
  });
});

describe('scripts as they are written for kernels', () => {
  const SERVER = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.01 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 3500) = 3500
`;

  test('super-segments may come in pieces, and their PSH is not asked of a piece', () => {
    expect(played(`${SERVER}+0 > P. 1:2001(2000) ack 1\n+0 > P. 2001:3501(1500) ack 1`)).toBe('passed');
    expect(played(`${SERVER}+0 > . 1:3001(3000) ack 1\n+0 > P. 3001:3501(500) ack 1`)).toBe('passed');
  });

  test('they begin and end where segments do, and say what they say', () => {
    const first = /tcp_(seq|psh|ack_seq)|ipv4_total_length/;
    for (const wrong of [
      '. 1:2501(2500) ack 1',
      '. 2:2002(2000) ack 1',
      '. 1:2001(2000) ack 2',
      '. 1:3501(3500) ack 1',
    ])
      expect(played(`${SERVER}+0 > ${wrong}`)).toMatch(first);
  });

  test('--strict_segments wants each as it is', () => {
    expect(played(`--strict_segments\n${SERVER}+0 > P. 1:2001(2000) ack 1`)).toMatch(/ipv4_total_length/);
  });

  const SYN = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
`;
  test.each([
    [
      'the defaults of Linux scripts',
      '`../common/defaults.sh`',
      '<mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 8>',
    ],
    [
      'and what they set beyond them',
      '`./defaults.sh && ./set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 /proc/sys/net/ipv4/tcp_sack=0`',
      '<mss 1460,nop,wscale 8>',
    ],
    [
      'sysctl, several at once and with blanks',
      '`sysctl -q net.ipv4.tcp_sack=0 -w net.ipv4.tcp_rmem="4096 10000 $((64*1024))"\nsysctl -w net.ipv4.tcp_timestamps = 0`',
      '<mss 1460,nop,wscale 1>',
    ],
    [
      'echo to /proc',
      '`echo 0 > /proc/sys/net/ipv4/tcp_window_scaling; echo done`',
      '<mss 1460,sackOK,TS val 1 ecr 0>',
    ],
    [
      'what only prepares a machine',
      '`ethtool -K tun0 tso off gso off; tc qdisc replace dev tun0 root fq; ip tcp_metrics flush all > /dev/null 2>&1`',
      '<mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>',
    ],
    [
      'the lines that FreeBSD scripts begin with',
      '0.00 `kldload -n cc_newreno`\n0.00 `sysctl kern.timecounter.alloweddeviation=0`\n0.00 `sysctl net.inet.tcp.rfc1323=0`\n0.00 `sysctl net.inet.tcp.ecn.enable=0`',
      '<mss 1460,nop,nop,sackOK>',
    ],
  ])('%s', (_what, commands, options) => {
    expect(played(`${commands}\n${SYN}+0 > S 0:0(0) ${options}`)).toBe('passed');
  });
});

describe('what we do not have is never passed in silence', () => {
  const SOCKET = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n';
  const unknown: [what: string, script: string, reason: RegExp][] = [
    ['IPv6', `--ip_version=ipv6\n${SOCKET}`, /--ip_version=ipv6/],
    ['another option of packetdrill', `--udp_encaps=9899\n${SOCKET}`, /--udp_encaps/],
    ['a sysctl that nobody knows', `\`sysctl net.ipv4.tcp_whatever=1\`\n${SOCKET}`, /tcp_whatever/],
    [
      'a sysctl with a value that we are not',
      `\`sysctl -w net.ipv4.tcp_stdurg=1\`\n${SOCKET}`,
      /tcp_stdurg=1/,
    ],
    ['a program', `\`iptables -A INPUT -j DROP\`\n${SOCKET}`, /iptables/],
    [
      'a socket option',
      `${SOCKET}+0 setsockopt(3, SOL_TCP, TCP_REPAIR, [1], 4) = 0`,
      /socket option 19 of level 6/,
    ],
    ['a system call', `${SOCKET}+0 splice(3, NULL, 4, NULL, 9, 0) = 9`, /splice\(\)/],
    ['a name', `${SOCKET}+0 listen(3, MANY) = 0`, /the name MANY/],
    ['GRE', '0 < gre: S 0:0(0) win 9', /gre/],
    ['Fast Open', '0 < S 0:0(0) win 9 <mss 1000,FO>', /the TCP option FO/],
    ['flags of send', `${SOCKET}+0 send(3, ..., 9, MSG_ZEROCOPY) = 9`, /send flags 0x4000000/],
    ['a raw socket', '0 socket(..., SOCK_RAW, IPPROTO_ICMP) = 3', /a socket of type 3/],
    ['Python that is more than assertions', '0 %{ import os }%', /Python/],
    ['a member of TCP_INFO', `${SOCKET}+0 %{ assert tcpi_never_heard_of == 1 }%`, /tcpi_never_heard_of/],
  ];
  test.each(unknown)('%s', (_what, script, reason) => {
    expect(played(script)).toMatch(/^skipped: /);
    expect(played(script)).toMatch(reason);
  });

  test('what is no script says where', () => {
    expect(played('0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 > S. 0:1(0) ack 1')).toMatch(
      /^invalid: x\.pkt:2:/,
    );
  });
});

describe('the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tunstack-packetdrill-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const good = file('good.pkt', '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 %{ print("hello") }%\n');
  const bad = file('bad.pkt', '0 close(3) = 0\n');
  const skipped = file('skipped.pkt', '--ip_version=ipv6\n0 close(3) = 0\n');
  const broken = file('broken.pkt', '0 close(3\n');

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const texts = { out: '', err: '' };
    const spies = (['out', 'err'] as const).map((name) =>
      vi.spyOn(process[`std${name}`], 'write').mockImplementation((chunk) => {
        texts[name] += String(chunk);
        return true;
      }),
    );
    const code = await tunPacketdrill(args);
    for (const spy of spies) spy.mockRestore();
    return { code, ...texts };
  }

  test('0: passed, and what Python printed', async () => {
    expect(await run(good)).toEqual({ code: 0, out: `hello\n${good}: passed\n`, err: '' });
  });

  test('it is a program: what it prints and its code are those of its scripts', () => {
    const program = fileURLToPath(new URL('../packages/apps/bin/tun-packetdrill.js', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, good, bad], {
      encoding: 'utf8',
    });
    expect([status, stdout.split('\n')[1], stderr]).toEqual([1, `${good}: passed`, '']);
  });

  test('1: the first difference, with file and line', async () => {
    const line = `${bad}:1: runtime error in close call: Expected result 0 but got -1 with errno EBADF (Bad file descriptor)\n`;
    expect(await run(bad)).toEqual({ code: 1, out: line, err: '' });
  });

  test('77: skipped, with the reason', async () => {
    expect(await run(skipped)).toEqual({
      code: 77,
      out: `${skipped}: skipped: --ip_version=ipv6\n`,
      err: '',
    });
  });

  test('2: no script, no such file, no file at all, no such flag', async () => {
    expect((await run(broken)).code).toBe(2);
    expect((await run(join(folder, 'none.pkt'))).out).toMatch(/none\.pkt: ENOENT/);
    expect((await run()).err).toMatch(/^tun-packetdrill: name a script/);
    expect((await run('--nonsense', good)).code).toBe(2);
  });

  test('of several files the worst code, and a line each', async () => {
    expect((await run(good, skipped)).code).toBe(77);
    const all = await run(good, skipped, bad, good);
    expect([all.code, all.out.split('\n').length]).toEqual([1, 7]);
    expect((await run(bad, broken)).code).toBe(2);
  });

  test('JSON, one object a file', async () => {
    const { out } = await run('--json', good, skipped);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { file: good, status: 'passed', output: ['hello'] },
      { file: skipped, status: 'skipped', reason: '--ip_version=ipv6', output: [] },
    ]);
  });

  test('options and constants from the command line', async () => {
    const mss = file(
      'mss.pkt',
      '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, N) = 0\n+0 < S 0:0(0) win 9 <mss 900>\n+0 > S. 0:0(0) ack 1 <mss 960>\n',
    );
    expect((await run('--mtu', '1000', '-D', 'N=1', mss)).out).toBe(`${mss}: passed\n`);
    expect((await run('-D', 'N=1', mss)).code).toBe(1);
  });
});

/** What Linux (6.18) does otherwise than these scripts, which hold to the letter of the RFC or to our sizes. */
const KERNEL_DIFFERS: Readonly<Record<string, string>> = {
  'handshake/bad-ack-in-syn-sent.pkt': 'it sends its SYN again at once',
  'handshake/simultaneous-open.pkt': 'it answers the SYN,ACK with an ACK of its own',
  'paws/missing-timestamp.pkt': 'it takes a segment without timestamps',
  'syscalls/send-buffer.pkt': 'it counts memory, and lets one write go beyond',
  'window/closes-and-opens.pkt':
    'it counts memory, and offers less once it has seen how much a segment takes',
  'window/beyond-the-edge.pkt': 'it offers whole segments only',
  'window/receive-window-zero.pkt': 'it offers whole segments only',
  'window/silly-window.pkt': 'it offers whole segments only',
};

/** Nothing in them waits for long, or looks at milliseconds: a tenth of all in CI, each in soak. */
const QUICK = [
  'close/half-close.pkt',
  'handshake/backlog.pkt',
  'icmp/frag-needed.pkt',
  'nagle/cork.pkt',
  'reset/closed-port.pkt',
  'sequence/urgent.pkt',
  'udp/icmp-error.pkt',
  'syscalls/epoll.pkt',
];

describe.skipIf(requireRoot() || requireTools('python3', 'unshare', 'mkfifo'))('played to the kernel', () => {
  const chosen = scripts.filter(({ name }) => (soak ? !(name in KERNEL_DIFFERS) : QUICK.includes(name)));
  const onKernel = (text: string): ScriptResult =>
    runScript(text, 'x.pkt', { target: (settings) => new KernelTarget(settings) });

  test.each(chosen)('$name', { retry: 2 }, ({ text }) => {
    expect(onKernel(text)).toEqual({ status: 'passed', output: expect.any(Array) });
  });

  test('a script that does not hold fails there, too', () => {
    const { text } = scripts.find(({ name }) => name === 'reset/closed-port.pkt') as { text: string };
    expect(onKernel(text.replace('R 77:77(0)', 'R 78:78(0)'))).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('tcp_seq: expected: 78 (0x4e) vs actual: 77 (0x4d)'),
    });
  });

  test('Python sees its TCP_INFO', () => {
    const { text } = scripts.find(({ name }) => name === 'nagle/cork.pkt') as { text: string };
    const result = onKernel(
      `${text}+0 %{ assert tcpi_snd_mss == 1000 and tcpi_snd_cwnd >= 10, tcpi_snd_mss }%\n`,
    );
    expect(result.status).toBe('passed');
  });
});
