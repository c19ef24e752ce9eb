// The table of SEGMENT ARRIVES (testing/table-rows.ts), cell by cell: RFC 9293 3.10.7. Each cell is one segment to one
// connection in one state, and what follows is foretold by the table alone. Its rows prove MUST-10, MUST-11, MUST-12,
// MUST-66, SHLD-2, SHLD-3, SHLD-31 and MAY-12, MAY-2: each is named where it stands.

import { describe, expect, test } from 'vitest';
import { diff } from '../../base/int.ts';
import { type StateName, show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from '../../wire/tcp.ts';
import { STEPS } from './testing/table-rows.ts';

const WINDOW = 4096;
const MAX_SND_WND = 65_535;
const TEXT = 100;
const DELAYED_ACK_MS = 40;

/** What the tests call a state: name, and what else matters. */
interface Standing {
  readonly name: string;
  readonly state: StateName;
  readonly open: 'active' | 'passive';
  readonly close: 'end' | 'close';
}

const SYNCHRONIZED: readonly StateName[] = [
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

const STANDINGS: readonly Standing[] = [
  { name: 'CLOSED', state: 'CLOSED', open: 'passive', close: 'end' },
  { name: 'LISTEN', state: 'LISTEN', open: 'passive', close: 'end' },
  { name: 'SYN-SENT', state: 'SYN-SENT', open: 'active', close: 'end' },
  { name: 'SYN-RECEIVED (passive)', state: 'SYN-RECEIVED', open: 'passive', close: 'end' },
  { name: 'SYN-RECEIVED (active)', state: 'SYN-RECEIVED', open: 'active', close: 'end' },
  ...SYNCHRONIZED.map((state): Standing => ({ name: state, state, open: 'passive', close: 'end' })),
  { name: 'FIN-WAIT-1 (closed)', state: 'FIN-WAIT-1', open: 'passive', close: 'close' },
  { name: 'FIN-WAIT-2 (closed)', state: 'FIN-WAIT-2', open: 'passive', close: 'close' },
];

const KINDS: readonly string[] = [
  'no flags',
  'SYN',
  'RST',
  'FIN',
  'text',
  'SYN,FIN',
  'SYN,text',
  'FIN,PSH,URG',
  'ACK',
  'SYN,ACK',
  'RST,ACK',
  'FIN,ACK',
  'text,ACK',
  'text,FIN,ACK',
  'URG,text,ACK',
  'RST,text,ACK',
  'SYN,text,ACK',
  'SYN,FIN,RST,PSH,ACK,URG',
];

const FLAGS: Readonly<Record<string, number>> = {
  SYN: TCP_SYN,
  FIN: TCP_FIN,
  RST: TCP_RST,
  PSH: TCP_PSH,
  ACK: TCP_ACK,
  URG: TCP_URG,
};

const PLACES = [
  'left',
  'touching',
  'over left',
  'left edge',
  'inside',
  'last',
  'over right',
  'over both',
  'right edge',
  'right',
] as const;
type Place = (typeof PLACES)[number];

const ACKS = ['too old', 'old', 'exact', 'new', 'all', 'beyond'] as const;
type Ack = (typeof ACKS)[number] | 'none';

interface Cell {
  readonly standing: Standing;
  readonly kind: string;
  readonly place: Place;
  readonly ack: Ack;
}

/** Numbers of one segment, relative. */
interface Numbers {
  readonly seq: number;
  readonly ack: number;
  readonly len: number;
  readonly text: number;
}

const bits = (kind: string): readonly string[] => kind.split(',');
const has = (kind: string, bit: string): boolean => bits(kind).includes(bit);
const flagsOf = (kind: string): number => bits(kind).reduce((sum, bit) => sum | (FLAGS[bit] ?? 0), 0);

function lengthOf(kind: string, text: number): number {
  return text + (has(kind, 'SYN') ? 1 : 0) + (has(kind, 'FIN') ? 1 : 0);
}

function placesOf(kind: string): readonly Place[] {
  const length = lengthOf(kind, has(kind, 'text') ? TEXT : 0);
  return PLACES.filter((place) => {
    if (place === 'last') return length <= 1;
    if (place === 'over both') return has(kind, 'text');
    return place !== 'over left' && place !== 'over right' ? true : length >= 2;
  });
}

/** Nothing lies between SND.UNA and SND.NXT: no acknowledgment is new. One number: it is all. */
function acksOf(state: StateName, kind: string): readonly Ack[] {
  if (!has(kind, 'ACK')) return ['none'];
  const outstanding = outstandingOf(state);
  return ACKS.filter((ack) => (ack === 'new' ? outstanding > 1 : ack !== 'all' || outstanding > 0));
}

function outstandingOf(state: StateName): number {
  if (state === 'SYN-SENT' || state === 'SYN-RECEIVED') return 1;
  if (state === 'ESTABLISHED' || state === 'CLOSE-WAIT') return TEXT;
  return state === 'FIN-WAIT-1' || state === 'CLOSING' || state === 'LAST-ACK' ? TEXT + 1 : 0;
}

const CELLS: readonly Cell[] = STANDINGS.flatMap((standing) =>
  KINDS.flatMap((kind) =>
    placesOf(kind).flatMap((place) =>
      acksOf(standing.state, kind).map((ack): Cell => ({ standing, kind, place, ack })),
    ),
  ),
);

// The table

interface Row {
  readonly line: string;
  readonly states: readonly string[];
  readonly segment: readonly string[];
  readonly places: readonly string[];
  readonly acks: readonly string[];
  readonly effects: readonly string[];
}

interface ReadStep {
  readonly clause: string;
  readonly states: readonly string[];
  readonly rows: readonly Row[];
}

const list = (text: string, separator = ','): string[] => text.split(separator).map((one) => one.trim());

function readRow(line: string): Row {
  const [left, right] = list(line.replace(/\/\/.*$/, ''), '->');
  const [states, segment, places, acks] = list(left, '|');
  return {
    line,
    states: list(states),
    segment: list(segment, '&'),
    places: list(places),
    acks: list(acks),
    effects: list(right, ';'),
  };
}

const TABLE: readonly ReadStep[] = STEPS.map(({ clause, states, rows }) => ({
  clause,
  states: list(states),
  rows: list(rows, '\n')
    .filter((line) => line !== '')
    .map(readRow),
}));

function fitsState(wanted: readonly string[], state: string, standing: Standing): boolean {
  return wanted.some((one) => {
    if (one === '*' || one === state) return true;
    if (one === 'synchronized') return SYNCHRONIZED.includes(state as StateName);
    const how = state === 'SYN-RECEIVED' ? standing.open : standing.close === 'close' ? 'closed' : '';
    return one === `${state} (${how})`;
  });
}

function fits(row: Row, state: string, cell: Cell, place: Place, irs: boolean): boolean {
  if (!fitsState(row.states, state, cell.standing)) return false;
  const { kind, ack } = cell;
  for (const bit of row.segment) {
    if (bit === '*') continue;
    const [word, not] = bit.startsWith('no ') ? [bit.slice(3), true] : [bit, false];
    if (has(kind, word) === not) return false;
  }
  if (!row.places.some((one) => one === '*' || one === place || (one === 'IRS' && irs))) return false;
  return row.acks.some((one) => one === '*' || one === ack);
}

/** What the table foretells of a cell. */
interface Foretold {
  readonly rows: readonly Row[];
  readonly effects: readonly string[];
  readonly state: string;
}

function walk(cell: Cell): Foretold {
  const { standing, kind, place: given } = cell;
  let place = given;
  let state: string = standing.state;
  const rows: Row[] = [];
  const effects: string[] = [];
  // SEG.SEQ = RCV.NXT-1, which is IRS as long as nothing but the SYN was received.
  const len = lengthOf(kind, has(kind, 'text') ? TEXT : 0);
  const irs = given === 'over left' || given === 'over both' || (given === 'touching' && len <= 1);
  for (const step of TABLE) {
    if (!fitsState(step.states, standing.state, standing)) continue;
    const row = step.rows.find((one) => fits(one, state, cell, place, irs));
    if (row === undefined) throw new Error(`no row of ${step.clause} fits ${nameOf(cell)}`);
    rows.push(row);
    for (const effect of row.effects) {
      if (effect === 'go on') continue;
      if (/^[A-Z-]+[12]?$/.test(effect) && !['ACK', 'RST'].includes(effect)) state = effect;
      // What is behind the SYN begins at the left edge of the window that it opened.
      if (effect === 'RCV.NXT=SEG.SEQ+1') place = given === 'over both' ? 'over both' : 'left edge';
      effects.push(effect);
    }
    if (row.effects.includes('drop')) break;
  }
  return { rows, effects: effects.filter((effect) => effect !== 'drop'), state };
}

function nameOf({ standing, kind, place, ack }: Cell): string {
  return `${standing.name} | ${kind} | ${place} | ${ack}`;
}

// One cell on the bench

function benchOf({ state, open, close }: Standing): TcpBench {
  return tcpIn(state, { open, close, receiveBuffer: WINDOW, outstanding: TEXT });
}

/** Octets say where in the stream they stand. */
const streamFrom = (seq: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seq + i) & 255);

function numbersOf(bench: TcpBench, cell: Cell): Numbers {
  const { standing, kind, place, ack } = cell;
  const window = windowOf(bench, standing.state);
  const text = !has(kind, 'text') ? 0 : place === 'over both' ? WINDOW + 2 * TEXT : TEXT;
  const len = lengthOf(kind, text);
  const { left, right } = window;
  const seqs: Record<Place, number> = {
    left: left - 1000 - len,
    touching: left - Math.max(1, len),
    'over left': left - 1,
    'left edge': left,
    inside: left + 1000,
    last: right - 1,
    'over right': right - (len >> 1),
    'over both': left - 1,
    'right edge': right,
    right: right + 1000,
  };
  const una = bench.state() === 'CLOSED' || bench.state() === 'LISTEN' ? 0 : bench.sndUna;
  const nxt = una + outstandingOf(standing.state);
  const acks: Record<Ack, number> = {
    'too old': una - MAX_SND_WND - 1,
    old: una - 1,
    exact: una,
    new: una + 50,
    all: nxt,
    beyond: nxt + 1,
    none: 0x1234,
  };
  return { seq: seqs[place], ack: acks[ack], len, text };
}

/** As the peer knows it. Before there is one, places are only numbers. */
function windowOf({ peer }: TcpBench, state: StateName): { left: number; right: number } {
  const none = state === 'CLOSED' || state === 'LISTEN' || state === 'SYN-SENT';
  return none ? { left: 1, right: 1 + WINDOW } : { left: peer.sndNxt, right: peer.edge };
}

/** Octets of the segment that lie in the window, and where they begin. */
function textInWindow(
  { seq, text }: Numbers,
  kind: string,
  left: number,
  right: number,
): { from: number; length: number } {
  const start = seq + (has(kind, 'SYN') ? 1 : 0);
  const from = Math.max(start, left);
  return { from, length: Math.max(0, Math.min(start + text, right) - from) };
}

function expectCell(cell: Cell): void {
  const bench = benchOf(cell.standing);
  const { effects, state } = walk(cell);
  const { kind } = cell;
  const seg = numbersOf(bench, cell);
  const synchronizes = effects.includes('RCV.NXT=SEG.SEQ+1');
  const { left, right } = synchronizes
    ? { left: seg.seq + 1, right: seg.seq + 1 + WINDOW }
    : windowOf(bench, cell.standing.state);
  const una = bench.tcb() === undefined ? 0 : bench.sndUna;
  const sndNxt = una + outstandingOf(cell.standing.state);
  const taken = textInWindow(seg, kind, left, right);
  const rcvNxt =
    left + (effects.includes('takes text') ? taken.length : 0) + (effects.includes('takes FIN') ? 1 : 0);
  bench.pump();

  const flags = flagsOf(kind);
  const textSeq = seg.seq + (has(kind, 'SYN') ? 1 : 0);
  const urgent = has(kind, 'URG') ? Math.max(1, seg.text) : 0;
  const oldIss = bench.iss;
  const at = { seq: seg.seq, ack: seg.ack, flags, urgent };
  const answers = bench.segment(at, streamFrom(textSeq, seg.text));
  const later = bench.run(DELAYED_ACK_MS);

  const written: Record<string, string> = {
    ACK: `<SEQ=${sndNxt}><ACK=${rcvNxt}><CTL=ACK>`,
    'ACK soon': `<SEQ=${sndNxt}><ACK=${rcvNxt}><CTL=ACK>`,
    'SYN,ACK': `<SEQ=0><ACK=${seg.seq + 1}><CTL=SYN,ACK>`,
    RST: `<SEQ=${seg.ack}><CTL=RST>`,
    'RST,ACK': `<SEQ=${diff(0, oldIss)}><ACK=${seg.seq + seg.len}><CTL=RST,ACK>`,
  };
  const said = new Set(effects.filter((effect) => effect in written));
  if (said.has('ACK')) said.delete('ACK soon');
  const wanted = [...said].map((effect) => written[effect]);
  expect([...answers, ...later].map(show)).toEqual(wanted);
  if (!said.has('ACK soon')) expect(later).toEqual([]);
  expect(bench.tcb() === undefined && state === 'CLOSED' ? 'CLOSED' : bench.state()).toBe(state);

  const hears = effects.filter((effect) => effect.startsWith('hears ')).map((effect) => effect.slice(6));
  if (effects.includes('takes text')) hears.push('readable');
  const expected = cell.standing.close === 'close' ? [] : hears;
  const heard = bench.heard.map((word) => (word === 'accepted' ? 'connected' : word));
  expect([...heard].sort()).toEqual([...expected].sort());
  const read = effects.includes('takes text') ? taken.length : 0;
  expect(Uint8Array.from(bench.read)).toEqual(streamFrom(left, read));

  expectLaws(bench, cell, { left, right, rcvNxt, una, effects, answers: [...answers, ...later] });
  const ends = effects.includes('queues FIN');
  if (ends || effects.includes('queues text')) expectQueued(bench, cell.standing, taken, left, ends);
  bench.end();
}

/** What holds of every cell, whatever the table says. */
function expectLaws(
  bench: TcpBench,
  { kind, standing }: Cell,
  told: {
    left: number;
    right: number;
    rcvNxt: number;
    una: number;
    effects: readonly string[];
    answers: ReturnType<TcpBench['segment']>;
  },
): void {
  const { answers, effects, left, right, rcvNxt, una } = told;
  expect(answers.length, 'at most one segment answers').toBeLessThanOrEqual(1);
  if (has(kind, 'RST')) {
    expect(
      answers.some(({ flags }) => (flags & TCP_RST) !== 0),
      'a RST is not answered by one',
    ).toBe(false);
  }
  const tcb = bench.tcb();
  if (tcb === undefined || bench.state() === 'SYN-SENT') return;
  if (effects.includes('SYN,ACK') || standing.state === 'SYN-SENT') return;
  expect(bench.rcvNxt, 'RCV.NXT').toBe(rcvNxt);
  expect(bench.rcvNxt, 'RCV.NXT never moves back').toBeGreaterThanOrEqual(left);
  expect(diff(tcb.rcvAdv, bench.peer.iss), 'the right edge never moves left').toBeGreaterThanOrEqual(right);
  expect(bench.sndUna - una > 0, 'SND.UNA moves when the table says so').toBe(
    effects.includes('SND.UNA=SEG.ACK'),
  );
  bench.pump();
}

/** The gap is filled: what was queued follows. */
function expectQueued(
  bench: TcpBench,
  standing: Standing,
  taken: { from: number; length: number },
  left: number,
  ends: boolean,
): void {
  const gap = taken.from - left;
  // Before the last octet of a window there is more than one segment's worth: all of it is sent at once here.
  bench.segment({ seq: left }, streamFrom(left, gap));
  if (standing.close === 'close') return;
  expect(Uint8Array.from(bench.read)).toEqual(streamFrom(left, gap + taken.length));
  if (ends) expect(bench.heard).toContain('ended');
}

for (const standing of STANDINGS) {
  describe(`SEGMENT ARRIVES in ${standing.name}`, () => {
    for (const cell of CELLS.filter((one) => one.standing === standing)) {
      const { effects, state } = walk(cell);
      const stays = state === standing.state ? [`stays`] : [];
      test(`${nameOf(cell)} -> ${[...effects, ...stays].join('; ')}`, () => expectCell(cell));
    }
  });
}

test('every row of the table is the one that counts for some cell', () => {
  const used = new Set(CELLS.flatMap((cell) => walk(cell).rows));
  const dead = TABLE.flatMap(({ clause, rows }) =>
    rows.filter((row) => !used.has(row)).map(({ line }) => `${clause}: ${line}`),
  );
  expect(dead).toEqual([]);
});

test('the cells are the product of states, segments, places and acknowledgments, each once', () => {
  expect(new Set(CELLS.map(nameOf)).size).toBe(CELLS.length);
  expect(new Set(CELLS.map(({ standing }) => standing.state)).size).toBe(11);
});
