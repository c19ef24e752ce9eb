// Arbitrary histories of a connection, as fast-check's commands: two endpoints, and a model of what each may have sent, may
// read, and of the states it may be in (RFC 9293 3.3.2, figure 5).

import type { Options } from '@tunstack/stack';
import type * as fastCheck from 'fast-check';
import { Endpoints } from './endpoints.ts';
import type { Arbitrary, FastCheck } from './fast-check.ts';

/** One end, as far as it can be known without looking at it. */
export interface EndModel {
  /** Octets that were ordered, and that were read. */
  sent: number;
  read: number;
  closed: boolean;
}

/** What must be true, whatever the network did. */
export interface EndpointsModel {
  opened: boolean;
  aborted: boolean;
  /** Client, server. */
  readonly ends: readonly [EndModel, EndModel];
}

export type EndpointCommand = fastCheck.Command<EndpointsModel, Endpoints>;

/** How long the rest may take: losses that were told are a few timeouts, doubling up to two minutes. */
const PATIENCE_MS = 3_600_000;

const OPENING = ['CLOSED', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED'];
const CLOSING = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED'];

/** The states in which an end may be: who did not close is before its FIN, who hears no FIN is in none that one leads to. */
export function allowedStates(model: EndpointsModel, end: number): readonly string[] {
  if (!model.opened) return ['CLOSED'];
  const [own, other] = [model.ends[end], model.ends[1 - end]];
  const states = [...OPENING];
  if (other.closed) states.push('CLOSE-WAIT');
  if (own.closed) states.push('FIN-WAIT-1', 'FIN-WAIT-2');
  if (own.closed && other.closed) states.push('LAST-ACK', ...CLOSING);
  return states;
}

/** Asserted behind every command. */
function expectAllowed(model: EndpointsModel, real: Endpoints): void {
  real.verify();
  for (const [i, end] of real.ends.entries()) {
    const name = i === 0 ? 'client' : 'server';
    const { state } = end;
    if (!model.aborted && !allowedStates(model, i).includes(state)) throw new Error(`${name} is in ${state}`);
    if (end.error !== undefined && !model.aborted) throw new Error(`${name} ended with ${end.error}`);
    if (end.read > model.ends[1 - i].sent) throw new Error(`${name} read more than was sent`);
    if (end.ended && !model.ends[1 - i].closed) throw new Error(`${name} heard an end that nobody said`);
  }
}

/** A command from what it needs and what it does. */
function command(
  name: string,
  check: (model: EndpointsModel) => boolean,
  run: (model: EndpointsModel, real: Endpoints) => void,
): EndpointCommand {
  return {
    toString: () => name,
    check,
    run(model, real) {
      run(model, real);
      expectAllowed(model, real);
    },
  };
}

const NAMES = ['client', 'server'];

const open = (): EndpointCommand =>
  command(
    'open',
    ({ opened }) => !opened,
    (model, real) => {
      model.opened = true;
      real.open();
    },
  );

const send = (end: number, octets: number): EndpointCommand =>
  command(
    `${NAMES[end]} sends ${octets}`,
    ({ ends, aborted }) => !ends[end].closed && !aborted,
    (model, real) => {
      model.ends[end].sent += octets;
      real.send(end, octets);
    },
  );

const receive = (end: number, octets: number): EndpointCommand =>
  command(
    `${NAMES[end]} reads ${octets}`,
    ({ opened, aborted }) => opened && !aborted,
    (model, real) => {
      model.ends[end].read += real.receive(end, octets);
    },
  );

const close = (end: number): EndpointCommand =>
  command(
    `${NAMES[end]} closes`,
    ({ ends, opened, aborted }) => opened && !ends[end].closed && !aborted,
    (model, real) => {
      model.ends[end].closed = true;
      real.close(end);
    },
  );

const abort = (end: number): EndpointCommand =>
  command(
    `${NAMES[end]} aborts`,
    ({ opened, aborted }) => opened && !aborted,
    (model, real) => {
      model.aborted = true;
      real.abort(end);
    },
  );

const advance = (ms: number): EndpointCommand =>
  command(
    `${ms} ms pass`,
    () => true,
    (_model, real) => real.advance(ms),
  );

const lose = (end: number, packets: number): EndpointCommand =>
  command(
    `${packets} packets of the ${NAMES[end]} are lost`,
    () => true,
    (_model, real) => {
      real.toLose[end] += packets;
    },
  );

/** Histories of up to `maxCommands` commands. They shrink to the commands that matter. */
export function endpointCommands(fc: FastCheck, maxCommands = 30): Arbitrary<Iterable<EndpointCommand>> {
  const end = fc.nat(1);
  const octets = fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 100_000 }));
  return fc.commands<EndpointsModel, Endpoints>(
    [
      fc.constant(open()),
      fc.tuple(end, octets).map(([who, n]) => send(who, n)),
      fc.tuple(end, octets).map(([who, n]) => receive(who, n)),
      // What ends the history is to be rare.
      fc.tuple(end, fc.nat(3)).map(([who, n]) => (n === 3 ? close(who) : advance(10 * n))),
      fc.tuple(end, fc.nat(9)).map(([who, n]) => (n === 9 ? abort(who) : advance(n))),
      fc.oneof(fc.nat(20), fc.nat(5000)).map(advance),
      fc.tuple(end, fc.integer({ min: 1, max: 3 })).map(([who, n]) => lose(who, n)),
    ],
    { maxCommands },
  );
}

/**
 * Runs a history, and then lets it come to its end: all that was sent is read, both sides close, both are CLOSED.
 *
 * @example
 * property.prop([endpointCommands(fc)])('any history ends well', (commands) => runEndpoints(fc, commands));
 */
export function runEndpoints(
  fc: FastCheck,
  commands: Iterable<EndpointCommand>,
  options: Partial<Options> = {},
  seed = 1,
): void {
  const model: EndpointsModel = {
    opened: false,
    aborted: false,
    ends: [
      { sent: 0, read: 0, closed: false },
      { sent: 0, read: 0, closed: false },
    ],
  };
  const real = new Endpoints(seed, options);
  try {
    fc.modelRun(() => ({ model, real }), commands);
    finish(model, real);
  } finally {
    real.dispose();
  }
}

function finish(model: EndpointsModel, real: Endpoints): void {
  if (!model.opened || model.aborted) return;
  for (const [i, end] of model.ends.entries()) {
    end.closed = true;
    real.close(i);
  }
  const over = real.world.runUntil(() => {
    for (const end of [0, 1]) real.receive(end, Number.MAX_SAFE_INTEGER);
    return real.ends.every(({ ended, state, read }, i) => {
      return ended && read === model.ends[1 - i].sent && ['CLOSED', 'TIME-WAIT'].includes(state);
    });
  }, PATIENCE_MS);
  expectAllowed(model, real);
  const said = real.ends.map(
    ({ state, read, sent, ordered }) => `${state} read ${read} sent ${sent}/${ordered}`,
  );
  if (!over) throw new Error(`not over after ${PATIENCE_MS} virtual ms: ${said.join(', ')}`);
  real.advance(200_000);
  real.verify();
  const { inUse, chunks } = real.world.pool;
  if (inUse !== 0 || chunks.inUseBytes !== 0)
    throw new Error(`${inUse} packets, ${chunks.inUseBytes} octets of chunks never came home`);
}
