// The laws, each broken on purpose: by frames that no honest host sends.

import { craftIcmpEcho, craftTcp, type TcpFields } from '@tunstack/stack/craft';
import { describe, expect, test } from 'vitest';
import {
  type Check,
  CheckBreach,
  Checks,
  check,
  Probe,
  rules,
  senderOf,
  Taps,
  TcpTrace,
  World,
  when,
} from '../index.ts';

const MINE = { source: '10.0.0.1', sourcePort: 40_000, destination: '10.0.0.2', destinationPort: 7 };
const THEIRS = { source: '10.0.0.2', sourcePort: 7, destination: '10.0.0.1', destinationPort: 40_000 };

type Fields = Omit<TcpFields, 'source' | 'destination' | 'sourcePort' | 'destinationPort'>;
/** A frame, and who sent it. */
type Line = readonly [sent: boolean, frame: Uint8Array];

const mine = (fields: Fields): Line => [true, craftTcp({ ...MINE, ...fields })];
const theirs = (fields: Fields): Line => [false, craftTcp({ ...THEIRS, ...fields })];
const text = (octets: number): Uint8Array => new Uint8Array(octets);

/** The handshake: our ISN 1000, theirs 5000, their window 4000, MSS 1460, no scaling. */
const HANDSHAKE: readonly Line[] = [
  mine({ flags: ['SYN'], seq: 1000, window: 8000, options: [{ option: 'mss', mss: 1460 }] }),
  theirs({
    flags: ['SYN', 'ACK'],
    seq: 5000,
    ack: 1001,
    window: 4000,
    options: [{ option: 'mss', mss: 1460 }],
  }),
  mine({ seq: 1001, ack: 5001, window: 8000 }),
];

/** What a law says to these lines. */
function breaches(law: Check, lines: readonly Line[]): readonly string[] {
  const world = new World();
  const wire = world.wire();
  const checks = new Checks(world.clock, 'host', [law]).watch(wire.ends[0]);
  for (const [sent, octets] of lines) wire.ends[0].watcher?.(sent, octets, 0);
  return checks.breaches;
}

/** Lines behind the handshake that keep a law, and lines that break it. */
const CASES: readonly [
  name: string,
  law: Check,
  good: readonly Line[],
  bad: readonly Line[],
  says: string,
][] = [
  [
    'window',
    check.window(),
    [
      mine({ seq: 1001, ack: 5001, payload: text(1400) }),
      mine({ seq: 2401, ack: 5001, payload: text(1400) }),
    ],
    [mine({ seq: 4801, ack: 5001, payload: text(201) })],
    '1 octets beyond the window',
  ],
  [
    'window, of a FIN',
    check.window(),
    [mine({ seq: 4901, ack: 5001, payload: text(99), flags: ['FIN', 'ACK'] })],
    [mine({ seq: 4901, ack: 5001, payload: text(101), flags: ['FIN', 'ACK'] })],
    '2 octets beyond',
  ],
  [
    'edge',
    check.edgeMonotone(),
    [mine({ seq: 1001, ack: 5101, window: 7900 }), mine({ seq: 1001, ack: 5001, window: 10 })],
    [mine({ seq: 1001, ack: 5101, window: 7899 })],
    'moved 1 octets to the left',
  ],
  [
    'ack',
    check.ackMonotone(),
    [mine({ seq: 1001, ack: 5101 }), mine({ seq: 1001, ack: 5101 })],
    [mine({ seq: 1001, ack: 5101 }), mine({ seq: 1001, ack: 5100 })],
    'ACK moved 1 back',
  ],
  [
    'ack of sent',
    check.ackOfSent(),
    [theirs({ seq: 5001, ack: 1001, payload: text(100) }), mine({ seq: 1001, ack: 5101 })],
    [theirs({ seq: 5001, ack: 1001, payload: text(100) }), mine({ seq: 1001, ack: 5102 })],
    'acknowledges 1 more than came',
  ],
  [
    'no RST',
    check.noRstUnlessAbort(),
    [
      mine({ seq: 1001, ack: 5001, flags: ['FIN', 'ACK'] }),
      theirs({ seq: 5001, ack: 1002, flags: ['FIN', 'ACK'] }),
      mine({ seq: 1002, ack: 5002, flags: ['RST', 'ACK'] }),
      theirs({ seq: 5002, flags: ['RST'] }),
    ],
    [mine({ seq: 1001, ack: 5001, flags: ['RST', 'ACK'] })],
    'a RST, and nobody aborted',
  ],
  [
    'MSS',
    check.mss(),
    [mine({ seq: 1001, ack: 5001, payload: text(1460) })],
    [mine({ seq: 1001, ack: 5001, payload: text(1461) })],
    '1461 octets of text, 1460 are allowed',
  ],
  [
    'parses',
    check.parses(),
    [mine({ seq: 1001, ack: 5001, options: [{ option: 'nop' }] }), [true, craftIcmpEcho(MINE)]],
    [mine({ seq: 1001, ack: 5001, headerLength: 40 })],
    'tcp:',
  ],
  [
    'parses, of options',
    check.parses(),
    [mine({ options: [{ option: 'unknown', kind: 99, bytes: Uint8Array.of(1, 2) }] })],
    [mine({ options: [{ option: 'malformed', bytes: Uint8Array.of(99, 77, 0, 0) }] })],
    'tcp: a TCP option of impossible length',
  ],
  [
    'checksum, of IP',
    check.checksum(),
    [mine({ seq: 1001 })],
    [mine({ seq: 1001, ip: { checksum: 1 } })],
    'wrong IP header checksum',
  ],
  [
    'checksum, of TCP',
    check.checksum(),
    [mine({ seq: 1001 })],
    [mine({ seq: 1001, checksum: 1 })],
    'wrong tcp checksum',
  ],
];

describe.each(CASES)('the law of the %s', (_, law, good, bad, says) => {
  test('holds for an honest host', () => {
    expect(breaches(law, [...HANDSHAKE, ...good])).toEqual([]);
  });

  test('is broken by one frame, and says which', () => {
    const found = breaches(law, [...HANDSHAKE, ...bad]);
    expect(found.length).toBe(1);
    expect(found[0]).toContain(says);
    expect(found[0]).toContain(`host: ${law.name} (${law.clause}): `);
    expect(found[0]).toContain(
      `frame ${HANDSHAKE.length + bad.length} sent at 0.000 ms: IP 10.0.0.1.40000 >`,
    );
  });

  test('does not judge what the host receives', () => {
    // Told as received, each frame of the peer is our own read backwards: nobody is blamed for it.
    const turned = [...HANDSHAKE, ...bad].map(([sent, frame]): Line => [!sent, frame]);
    expect(
      breaches(
        law,
        turned.filter(([sent]) => !sent),
      ),
    ).toEqual([]);
  });
});

describe('the window', () => {
  const scaled = (shift: number): readonly Line[] => [
    mine({ flags: ['SYN'], seq: 1000, options: [{ option: 'window-scale', shift: 2 }] }),
    theirs({
      flags: ['SYN', 'ACK'],
      seq: 5000,
      ack: 1001,
      window: 100,
      options: [{ option: 'window-scale', shift }],
    }),
    mine({ seq: 1001, ack: 5001 }),
  ];

  test('is scaled as the SYNs agreed, but not in a SYN (RFC 7323 2.2)', () => {
    const law = check.window();
    const filling = mine({ seq: 1001, ack: 5001, payload: text(400) });
    expect(breaches(law, [...scaled(2), filling]).length).toBe(1);
    const update = theirs({ seq: 5001, ack: 1001, window: 100 });
    expect(breaches(law, [...scaled(2), update, filling])).toEqual([]);
  });

  test('that a damaged segment offers is none', () => {
    const damaged = theirs({ seq: 5001, ack: 1001, window: 60_000, checksum: 77 });
    const beyond = mine({ seq: 1001, ack: 5001, payload: text(1400) });
    expect(breaches(check.window(), [...scaled(0), damaged, beyond]).length).toBe(1);
  });

  test('may be probed by one octet when it is zero (3.8.6.1)', () => {
    const zero = theirs({ seq: 5001, ack: 1101, window: 0 });
    const before = mine({ seq: 1001, ack: 5001, payload: text(100) });
    const probe = mine({ seq: 1101, ack: 5001, payload: text(1) });
    expect(breaches(check.window(), [...scaled(0), before, zero, probe])).toEqual([]);
  });

  test('another connection of the same ports begins anew', () => {
    const again = HANDSHAKE.map(([sent, frame], i): Line => {
      const fields = [
        { flags: ['SYN'] as const, seq: 300 },
        { flags: ['SYN', 'ACK'] as const, seq: 200, ack: 301, window: 500 },
        { seq: 301, ack: 201 },
      ][i];
      return [sent, frame.length > 0 ? craftTcp({ ...(sent ? MINE : THEIRS), ...fields }) : frame];
    });
    const lines = [...HANDSHAKE, ...again, mine({ seq: 301, ack: 201, payload: text(500) })];
    for (const law of [check.window(), check.ackMonotone(), check.ackOfSent(), check.edgeMonotone()])
      expect(breaches(law, lines)).toEqual([]);
  });
});

test('a RST is no breach once an application may abort', () => {
  let aborted = false;
  const law = check.noRstUnlessAbort(() => aborted);
  const reset = mine({ seq: 1001, ack: 5001, flags: ['RST', 'ACK'] });
  expect(breaches(law, [...HANDSHAKE, reset]).length).toBe(1);
  aborted = true;
  expect(breaches(law, [...HANDSHAKE, reset])).toEqual([]);
});

describe('checks', () => {
  test('verify throws all that was wrong, ten at most', () => {
    const world = new World();
    const checks = new Checks(world.clock, 'host', [check.checksum()]);
    const wire = world.wire();
    checks.watch(wire.ends[0]);
    checks.verify();
    const [, bad] = mine({ seq: 1001, checksum: 1 });
    for (let i = 0; i < 20; i++) wire.ends[0].watcher?.(true, bad, 0);
    expect(checks.breaches.length).toBe(10);
    expect(checks.frames).toBe(20);
    expect(() => checks.verify()).toThrow(CheckBreach);
  });

  test('one description of a law serves two hosts, and each has a memory of its own', () => {
    const law = check.ackMonotone();
    expect(breaches(law, [mine({ ack: 5101 })])).toEqual([]);
    expect(breaches(law, [mine({ ack: 5100 })])).toEqual([]);
  });

  test('hang on a stack beside other taps, and see what it sends and gets', () => {
    const world = new World();
    const [a, b] = [world.host('a'), world.host('b')];
    world.connect(a, b);
    const checks = new Checks(world.clock, 'a', check.everything());
    const lines: string[] = [];
    a.stack.tap = new Taps(checks, undefined, new TcpTrace(world.clock, 'a', lines));
    a.stack.echoSocket({}).send(b.address, 1, new Uint8Array(10));
    world.runFor(10);
    expect(checks.frames).toBe(2);
    expect(lines.length).toBe(2);
    checks.verify();
  });
});

describe('the congestion window', () => {
  /** A connection that has more to send than its window, in a world of its own. */
  function sender(): {
    world: World;
    checks: Checks;
    view: () => ReturnType<typeof senderOf>;
    stack: ReturnType<World['stack']>;
  } {
    const world = new World({ seed: 3 });
    const [a, b] = [world.host('a'), world.host('b')];
    world.connect(a, b, { impairment: { delayUs: 10_000 }, rules: [rules.drop(when.nth(30, when.data))] });
    const checks = new Checks(world.clock, 'a', [check.cwnd(a.stack)]);
    a.stack.tap = checks;
    const listener = b.stack.tcpListener({ acceptable: (l) => void l.accept({}) });
    listener.listen('0.0.0.0', 7);
    const socket = a.stack.tcpSocket({ connected: (s) => void s.send(new Uint8Array(1 << 20)) });
    socket.connect(b.address, 7);
    const view = () => {
      const { address, port } = socket.address();
      const word = (dotted: string): number =>
        dotted.split('.').reduce((w, part) => (w << 8) | Number(part), 0);
      return senderOf(a.stack, word(address), port, word(b.address), 7);
    };
    return { world, checks, view, stack: a.stack };
  }

  test('is kept by the sender', () => {
    const { world, checks, view } = sender();
    world.runFor(500);
    expect(view()?.cwnd).toBeGreaterThan(10_000);
    expect(checks.frames).toBeGreaterThan(100);
    checks.verify();
    world.close();
  });

  test('is seen to be passed by a sender that goes by another one', () => {
    const { world, stack } = sender();
    const { paths, tcp } = stack as unknown as {
      paths: object;
      tcp: { connections: { byTuple: object; tcbs: (object | undefined)[] } };
    };
    // The same control blocks, but for a window of one segment: that is what the check takes for the truth.
    const tcbs = new Proxy(tcp.connections.tcbs, {
      get: (all, i) => {
        const tcb = all[Number(i)];
        return tcb === undefined ? undefined : Object.create(tcb, { cwnd: { value: 1448 } });
      },
    });
    const told = { paths, tcp: { connections: { byTuple: tcp.connections.byTuple, tcbs } } };
    const checks = new Checks(world.clock, 'a', [check.cwnd(told as unknown as typeof stack)]);
    stack.tap = checks;
    world.runFor(500);
    expect(checks.breaches[0]).toMatch(/cwnd \(RFC 5681.*octets under way, cwnd 1448, MSS 1448/);
    world.close();
  });
});

test('a probe is watched as a stack is: what is handed in arrives, what comes out is sent', () => {
  const world = new World();
  const { stack } = world.host('a');
  const probe = new Probe(world.pool);
  stack.addLink(probe, '10.0.0.2/24');
  const checks = new Checks(world.clock, 'a', check.everything());
  stack.tap = checks;
  probe.arrive(craftIcmpEcho({ source: '10.0.0.1', destination: '10.0.0.2', id: 1, sequence: 1 }));
  world.settle();
  expect(checks.frames).toBe(2);
  checks.verify();
});
