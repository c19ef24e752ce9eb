// Arbitrary conversations: handshake, text both ways, close, as frames in the order they pass an observer; with faults of
// the network on the way. For whatever looks at TCP from outside: checkers, connection tracking, dissectors. RFC 9293 3.5.

import { craftTcp } from '@tunstack/stack/craft';
import type { TcpFlag } from '@tunstack/stack/dissect';
import type { Arbitrary, FastCheck } from './fast-check.ts';

/** One frame of it. */
export interface StreamFrame {
  /** Sent by the one who opened. */
  readonly fromClient: boolean;
  readonly frame: Uint8Array;
  /** Which frame of the faultless conversation this is. */
  readonly index: number;
}

/** What the network did. Places are counted in frames, modulo how many there are. */
export type StreamFault =
  | { readonly fault: 'drop'; readonly at: number }
  | { readonly fault: 'duplicate'; readonly at: number; readonly later: number }
  | { readonly fault: 'delay'; readonly at: number; readonly later: number };

export interface SegmentStream {
  readonly frames: readonly StreamFrame[];
  readonly faults: readonly StreamFault[];
  /** Octets of text from the client, and from the server, in the faultless conversation. */
  readonly octets: readonly [client: number, server: number];
}

const CLIENT = { source: '10.0.0.1', sourcePort: 40_000, destination: '10.0.0.2', destinationPort: 7 };
const SERVER = { source: '10.0.0.2', sourcePort: 7, destination: '10.0.0.1', destinationPort: 40_000 };

/** Text of one segment: who, how long. */
type Turn = readonly [fromClient: boolean, octets: number];

/** The conversation without faults. */
function conversation(
  isns: readonly [number, number],
  turns: readonly Turn[],
  clientCloses: boolean,
): StreamFrame[] {
  const next = [isns[0], isns[1]];
  const list: StreamFrame[] = [];
  const say = (who: number, flags: readonly TcpFlag[], text = 0): void => {
    const ends = who === 0 ? CLIENT : SERVER;
    const ack = flags.includes('ACK') ? next[1 - who] : 0;
    const payload = new Uint8Array(text).fill(0x61 + who);
    const fields = { ...ends, flags, seq: next[who] >>> 0, ack: ack >>> 0, payload };
    list.push({ fromClient: who === 0, frame: craftTcp(fields), index: list.length });
    next[who] = (next[who] + text + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0)) | 0;
  };
  say(0, ['SYN']);
  say(1, ['SYN', 'ACK']);
  say(0, ['ACK']);
  for (const [fromClient, octets] of turns) {
    say(fromClient ? 0 : 1, ['PSH', 'ACK'], octets);
    say(fromClient ? 1 : 0, ['ACK']);
  }
  const first = clientCloses ? 0 : 1;
  say(first, ['FIN', 'ACK']);
  say(1 - first, ['FIN', 'ACK']);
  say(first, ['ACK']);
  return list;
}

function withFaults(list: readonly StreamFrame[], faults: readonly StreamFault[]): StreamFrame[] {
  const result = [...list];
  for (const fault of faults) {
    if (result.length === 0) break;
    const at = fault.at % result.length;
    const frame = result[at];
    if (fault.fault !== 'duplicate') result.splice(at, 1);
    if (fault.fault !== 'drop') result.splice(Math.min(result.length, at + fault.later), 0, frame);
  }
  return result;
}

/** Conversations with up to `faultsMax` faults (default 4; 0: as it was meant). Sequence numbers begin anywhere, often near the wrap. */
export function segmentStreams(fc: FastCheck, faultsMax = 4): Arbitrary<SegmentStream> {
  const isn = fc.oneof(fc.integer(), fc.integer({ min: -2000, max: 0 }));
  const turn: Arbitrary<Turn> = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 1460 }));
  const at = fc.nat(60);
  const later = fc.integer({ min: 1, max: 5 });
  const fault: Arbitrary<StreamFault> = fc.oneof(
    fc.record({ fault: fc.constant('drop' as const), at }),
    fc.record({ fault: fc.constant('duplicate' as const), at, later }),
    fc.record({ fault: fc.constant('delay' as const), at, later }),
  );
  return fc
    .record({
      isns: fc.tuple(isn, isn),
      turns: fc.array(turn, { maxLength: 20 }),
      clientCloses: fc.boolean(),
      faults: fc.array(fault, { maxLength: faultsMax }),
    })
    .map(({ isns, turns, clientCloses, faults }) => {
      const sum = (client: boolean): number =>
        turns.reduce((total, [fromClient, octets]) => total + (fromClient === client ? octets : 0), 0);
      const frames = withFaults(conversation(isns, turns, clientCloses), faults);
      return { frames, faults, octets: [sum(true), sum(false)] as const };
    });
}
