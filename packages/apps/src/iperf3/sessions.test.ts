// Client and server of ours in virtual time: what is reported is what happened, on good wires and bad ones, and no peer ends the server.

import type { TcpHandler, TcpSocket } from '@tunstack/stack';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SERVER, TwoIperfs } from './testing/two-iperfs.ts';

interface End {
  readonly bytes: number;
  readonly packets: number;
  readonly lost_packets: number;
  readonly seconds: number;
  readonly retransmits?: number;
}
interface Row extends End {
  readonly omitted: boolean;
  readonly start: number;
  readonly end: number;
}
interface Report {
  readonly intervals: readonly { readonly sum: Row; readonly streams: readonly Row[] }[];
  readonly end: Readonly<Record<string, End>>;
}

let two: TwoIperfs;
beforeEach(() => {
  two = new TwoIperfs();
});
afterEach(() => {
  two.close();
  expect(two.world.pool.inUse).toBe(0);
  expect(two.world.pool.chunks.inUseBytes).toBe(0);
});

const RATE = { bitrate: 8e6 };

describe('a test of so many octets by TCP', () => {
  test.each([
    ['to the server', {}],
    ['from the server', { reverse: true }],
    ['by eight streams', { parallel: 8 }],
    ['in small blocks', { blockBytes: 1000 }],
  ])('all are sent and received, and both sides say so: %s', (_, more) => {
    const { client, server } = two.report<Report>({ bytes: 4_000_000, seconds: 0, ...more });
    const { sum_sent: sent, sum_received: received } = client.end;
    expect(sent.bytes).toBeGreaterThanOrEqual(4_000_000);
    expect(received.bytes).toBe(sent.bytes);
    expect([server.end.sum_sent.bytes, server.end.sum_received.bytes]).toEqual([sent.bytes, received.bytes]);
    expect(two.complaints).toEqual([]);
  });

  test('intervals add up to the whole', () => {
    const { client } = two.report<Report>({ seconds: 5, ...RATE });
    const rows = client.intervals.map(({ sum }) => sum);
    expect(rows.map(({ end }) => end)).toEqual([1, 2, 3, 4, 5]);
    expect(rows.reduce((total, { bytes }) => total + bytes, 0)).toBe(client.end.sum_sent.bytes);
    // A million octets a second, to a block.
    expect(Math.abs(client.end.sum_sent.bytes - 5e6)).toBeLessThanOrEqual(131_072);
  });

  test('what comes after the end is in no count', () => {
    const { client } = two.report<Report>({ seconds: 2, reverse: true, bitrate: 80e6, blockBytes: 1000 });
    const told = client.intervals.reduce((total, { sum }) => total + sum.bytes, 0);
    expect(client.end.sum_received.bytes).toBe(told);
  });

  test('what is omitted is told as such, and counts for nothing', () => {
    const { client, server } = two.report<Report>({ seconds: 2, omitSeconds: 1, ...RATE, blockBytes: 1000 });
    expect(client.intervals.map(({ sum }) => sum.omitted)).toEqual([true, false, false]);
    for (const { sum } of client.intervals) expect(Math.abs(sum.bytes - 1e6)).toBeLessThanOrEqual(2000);
    expect(Math.abs(client.end.sum_sent.bytes - 2e6)).toBeLessThanOrEqual(2000);
    expect(client.end.sum_sent.seconds).toBe(2);
    expect(server.end.sum_received.bytes).toBe(client.end.sum_received.bytes);
  });

  test('both ways at once, each in its own rate', () => {
    const { client } = two.report<Report>({ seconds: 2, bidirectional: true, ...RATE, blockBytes: 1000 });
    for (const name of ['sum_sent', 'sum_received', 'sum_sent_bidir_reverse', 'sum_received_bidir_reverse'])
      expect(Math.abs(client.end[name].bytes - 2e6)).toBeLessThan(20_000);
  });
});

describe('by UDP', () => {
  test.each([
    ['to the server', { reverse: false }],
    ['from the server', { reverse: true }],
    ['with counts of 8 octets', { wideCounters: true }],
    ['by four streams', { parallel: 4 }],
  ])('what a wire loses is told lost: %s', (_, more) => {
    two.close();
    two = new TwoIperfs(7, { impairment: { delayUs: 1000 } });
    const lossy = new TwoIperfs(7, { impairment: { delayUs: 1000, loss: 0.02 } });
    const { client } = lossy.report<Report>({ udp: true, blockBytes: 1000, seconds: 3, ...RATE, ...more });
    lossy.close();
    const { sum_sent: sent, sum_received: received } = client.end;
    expect(received.lost_packets).toBeGreaterThan(10);
    expect(received.lost_packets + received.bytes / 1000).toBe(received.packets);
    // The last ones may have been lost, or on their way.
    expect(sent.packets - received.packets).toBeLessThan(20);
    expect(received.packets).toBeLessThanOrEqual(sent.packets);
  });

  test('nothing is lost on a good wire, and the rate is what was asked for', () => {
    const { client, server } = two.report<Report>({
      udp: true,
      blockBytes: 1000,
      bytes: 1e6,
      seconds: 0,
      ...RATE,
    });
    expect(client.end.sum_sent.packets).toBe(1000);
    expect(server.end.sum_received).toMatchObject({ packets: 1000, bytes: 1e6, lost_packets: 0 });
    expect(client.end.sum_sent.seconds).toBeCloseTo(1, 1);
  });

  test('as fast as it goes: what a narrow wire has no room for is told lost', () => {
    two.close();
    two = new TwoIperfs(1, { impairment: { delayUs: 1000, rateBps: 50e6, queueBytes: 100_000 } });
    const { client } = two.report<Report>({
      udp: true,
      blockBytes: 1000,
      bytes: 3e6,
      seconds: 0,
      bitrate: 0,
    });
    const { sum_sent: sent, sum_received: received } = client.end;
    expect(sent.packets).toBe(3000);
    expect(received.packets).toBeLessThanOrEqual(3000);
    expect(received.bytes / 1000 + received.lost_packets).toBe(received.packets);
  });

  test('the datagrams of a path are as long as its MSS', () => {
    const { client } = two.report<Report & { start: { test_start: { blksize: number } } }>({
      ...{ udp: true, blockBytes: 0, seconds: 1 },
      ...RATE,
    });
    expect(client.start.test_start.blksize).toBe(1448);
  });
});

/** Somebody who speaks octets to the server, and what comes back. */
function stranger(...said: Uint8Array[]): { socket: TcpSocket; heard: number[]; over: boolean } {
  const it = { socket: undefined as unknown as TcpSocket, heard: [] as number[], over: false };
  const handler: TcpHandler = {
    connected: (socket) => {
      for (const each of said) socket.send(each);
    },
    readable: (socket) => {
      for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
        it.heard.push(...text.bytes.subarray(text.offset, text.offset + text.length));
        socket.consume(text.length);
      }
    },
    ended: (socket) => {
      it.over = true;
      socket.close();
    },
    closed: () => {
      it.over = true;
    },
  };
  it.socket = two.near.tcpSocket(handler);
  it.socket.connect(SERVER, 5201);
  return it;
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const COOKIE = text(`${'a'.repeat(36)}\0`);
const message = (words: string): Uint8Array => Uint8Array.of(0, 0, 0, words.length, ...text(words));
const PARAMETERS = message('{"tcp":true,"time":5,"parallel":1,"len":1000}');
/** PARAM_EXCHANGE, CREATE_STREAMS, TEST_START, TEST_RUNNING; SERVER_ERROR and ACCESS_DENIED as octets. */
const [ASKED, STREAMS, BEGUN, RUNNING, ERROR, DENIED] = [9, 10, 1, 2, 254, 255];

describe('bad peers', () => {
  /** The server still serves. */
  afterEach(() => {
    two.world.runUntil(() => two.near.tcpConnectionCount === 0, 300_000);
    const { client } = two.report<Report>({ bytes: 10_000, seconds: 0, blockBytes: 1000 });
    expect(client.end.sum_received.bytes).toBe(10_000);
  });

  test.each([
    [
      'garbage',
      [text('GET / HTTP/1.1\r\nHost: nobody of this name\r\n\r\n')],
      [],
      /speaks something else than iperf3/,
    ],
    ['no cookie', [], [], /said nothing for 10 s/],
    ['half a cookie', [text('aaa')], [], /said nothing for 10 s/],
    ['no parameters', [COOKIE], [ASKED], /waited 10 s for its parameters in vain/],
    [
      'a message too long',
      [COOKIE, Uint8Array.of(0, 0, 0x20, 1)],
      [ASKED, ERROR],
      /a message of 8193 octets/,
    ],
    ['a message of all the world', [COOKIE, Uint8Array.of(255, 255, 255, 255)], [ASKED, ERROR], /4294967295/],
    ['no JSON', [COOKIE, message('{nonsense')], [ASKED, ERROR], /a message that is no JSON/],
    ['parameters of no kind', [COOKIE, message('[1]')], [ASKED, ERROR], /the parameters are no object/],
    [
      'too many streams',
      [COOKIE, message('{"parallel":1000}')],
      [ASKED, ERROR],
      /parallel is 1000, not 1 to 128/,
    ],
    ['SCTP', [COOKIE, message('{"sctp":true}')], [ASKED, ERROR], /SCTP is not supported/],
    ['no streams', [COOKIE, PARAMETERS], [ASKED, STREAMS], /waited 10 s for its streams in vain/],
    [
      'a state out of turn',
      [COOKIE, PARAMETERS, Uint8Array.of(4)],
      [ASKED, STREAMS],
      /state 4 out of its turn/,
    ],
  ])('%s', (_, said, answers, complaint) => {
    const it = stranger(...said);
    two.world.runUntil(() => two.complaints.length > 0, 60_000);
    expect(two.complaints).toHaveLength(1);
    expect(two.complaints[0]).toMatch(complaint);
    expect(two.complaints[0]).toMatch(/^10\.0\.0\.1:\d+: /);
    two.world.runFor(20_000);
    expect(it.over).toBe(true);
    expect(it.heard.filter((_octet, i) => i < answers.length)).toEqual(answers);
  });

  test('a client that vanishes in the middle of its test', () => {
    const control = stranger(COOKIE, PARAMETERS);
    two.world.runFor(100);
    stranger(COOKIE);
    two.world.runFor(100);
    expect(control.heard).toEqual([ASKED, STREAMS, BEGUN, RUNNING]);
    // Silence: the test was to take five seconds, and is given ten more.
    two.world.runFor(20_000);
    expect(two.complaints).toEqual([expect.stringMatching(/waited 15 s for the end of the test in vain/)]);
  });

  test('a client whose streams go, and nothing else', () => {
    stranger(COOKIE, PARAMETERS);
    two.world.runFor(100);
    const stream = stranger(COOKIE);
    two.world.runFor(100);
    stream.socket.abort();
    two.world.runFor(2000);
    expect(two.complaints).toEqual([expect.stringMatching(/a stream that it closed/)]);
  });

  test('a stream with another cookie is no stream of this test', () => {
    stranger(COOKIE, PARAMETERS);
    two.world.runFor(100);
    const other = stranger(text(`${'b'.repeat(36)}\0`));
    two.world.runFor(100);
    expect(other.heard).toEqual([DENIED]);
    expect(two.complaints).toEqual([expect.stringMatching(/was told that the server is busy/)]);
    two.world.runFor(20_000);
  });

  test('who only connects keeps nobody from a test', () => {
    for (let i = 0; i < 20; i++) stranger();
    two.world.runFor(10);
    const { client } = two.report<Report>({ bytes: 10_000, seconds: 0, blockBytes: 1000 });
    expect(client.end.sum_received.bytes).toBe(10_000);
    two.world.runFor(20_000);
  });

  test('a second client is told that the server is busy, and the first goes on', () => {
    const first = two.client({ seconds: 2, ...RATE });
    two.world.runFor(500);
    const second = two.client({ seconds: 2, ...RATE });
    two.world.runUntil(() => second.ended !== undefined, 5000);
    expect(second.ended).toBe('the server is busy running a test. try again later');
    two.world.runUntil(() => first.ended !== undefined, 5000);
    expect(first.ended).toBe('');
    two.clientOutput = '';
    two.world.runFor(100);
  });
});

describe('a client', () => {
  test('nobody answers: it gives up', () => {
    const run = two.client({}, { host: '10.0.0.9' });
    two.world.runUntil(() => run.ended !== undefined, 20_000);
    expect(run.ended).toMatch(/unable to connect to server/);
  });

  test('nobody listens: refused', () => {
    const run = two.client({}, { port: 5202 });
    two.world.runUntil(() => run.ended !== undefined, 20_000);
    expect(run.ended).toMatch(/unable to connect to server: connect ECONNREFUSED/);
  });

  test('the server ends: it is told', () => {
    const run = two.client({ seconds: 5, ...RATE });
    two.world.runFor(1000);
    two.server.close();
    two.world.runUntil(() => run.ended !== undefined, 5000);
    expect(run.ended).toBe('the server has terminated');
  });

  test('interrupted before anybody has answered, it ends', () => {
    const run = two.client({}, { host: '10.0.0.9' });
    run.client.interrupt();
    expect(run.ended).toBe('interrupt - the client has terminated');
    expect(two.clientOutput).toBe('');
  });

  test('a port that is closed ends a test by UDP that was begun', () => {
    const run = two.client({ udp: true, blockBytes: 1000, seconds: 30, ...RATE });
    two.world.runFor(1000);
    two.server.close();
    two.world.runUntil(() => run.ended !== undefined, 5000);
    expect(run.ended).toBe('the server has terminated');
  });

  test('interrupted, it tells the server, and what there was', () => {
    const run = two.client({ seconds: 5, ...RATE });
    two.world.runFor(2500);
    run.client.interrupt();
    const report = JSON.parse(two.clientOutput) as Report;
    expect(report.end.sum_sent.bytes).toBeGreaterThan(2e6);
    two.world.runFor(100);
    expect(run.ended).toBe('interrupt - the client has terminated');
    expect(two.complaints).toEqual([expect.stringMatching(/the client has terminated/)]);
  });

  test('a controller the server does not have is passed over, with a word', () => {
    two.report<Report>({ bytes: 10_000, seconds: 0, congestion: 'reno' });
    expect(two.complaints).toEqual([]);
    two.report<Report>({ bytes: 10_000, seconds: 0, congestion: 'vegas' });
    expect(two.complaints).toEqual([expect.stringMatching(/no congestion control 'vegas'/)]);
  });
});
