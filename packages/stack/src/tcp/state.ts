// The states of a connection, RFC 9293 3.3.2, and the arrows between them. The only file that assigns a state.
//
//                      CLOSED --active open--> SYN-SENT --rcv SYN--> SYN-RECEIVED
//   LISTEN --rcv SYN--> SYN-RECEIVED                |rcv SYN,ACK         |rcv ACK of SYN
//                                                    \----> ESTABLISHED <-/
//                                       close /                  \ rcv FIN
//                              FIN-WAIT-1                          CLOSE-WAIT
//         rcv ACK of FIN /        | rcv FIN                            | close
//              FIN-WAIT-2      CLOSING                              LAST-ACK
//                 | rcv FIN       | rcv ACK of FIN                     | rcv ACK of FIN
//                 \----> TIME-WAIT <--/      --2MSL-->   CLOSED <------/

import { assert } from '../base/assert.ts';

export const CLOSED = 0;
export const LISTEN = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const ESTABLISHED = 4;
export const FIN_WAIT_1 = 5;
export const FIN_WAIT_2 = 6;
export const CLOSE_WAIT = 7;
export const CLOSING = 8;
export const LAST_ACK = 9;
export const TIME_WAIT = 10;

/** As RFC 9293 prints them. */
export const STATE_NAMES: readonly string[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

/** From each state, the set of states that an arrow leads to, as bits. Any state may end in CLOSED. */
const ARROWS: Int32Array = new Int32Array(STATE_NAMES.length);
for (const [from, ...to] of [
  // LISTEN: a record made for a SYN that arrived. SYN-RECEIVED and TIME-WAIT: a sleeping row wakes (rows.ts).
  [CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED, TIME_WAIT],
  [LISTEN, SYN_RECEIVED],
  [SYN_SENT, SYN_RECEIVED, ESTABLISHED],
  [SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1],
  [ESTABLISHED, FIN_WAIT_1, CLOSE_WAIT],
  [FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT],
  [FIN_WAIT_2, TIME_WAIT],
  [CLOSE_WAIT, LAST_ACK],
  [CLOSING, TIME_WAIT],
  [LAST_ACK],
  [TIME_WAIT],
]) {
  for (const state of [CLOSED, ...to]) ARROWS[from] |= 1 << state;
}

/** Whatever has a state. */
interface Stateful {
  state: number;
}

/** Moves along an arrow of the diagram. */
export function setState(tcb: Stateful, to: number): void {
  assert((ARROWS[tcb.state] & (1 << to)) !== 0, 'a state changes along an arrow of RFC 9293 figure 5');
  tcb.state = to;
}

/** Both ends know each other's sequence numbers (RFC 9293 3.5.1, "synchronized states"). */
export function isSynchronized(state: number): boolean {
  return state >= ESTABLISHED;
}

/** The peer may still send us text. */
export function mayReceive(state: number): boolean {
  return state === ESTABLISHED || state === FIN_WAIT_1 || state === FIN_WAIT_2;
}

/** We may still take text from the application to send. */
export function maySend(state: number): boolean {
  return state === SYN_SENT || state === SYN_RECEIVED || state === ESTABLISHED || state === CLOSE_WAIT;
}
