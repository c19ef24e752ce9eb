// What one host can know of its TCP connections from the frames it sent and received: the memory of the laws.

import { diff } from '@tunstack/stack/base';
import type { TcpLayer } from '@tunstack/stack/dissect';
import type { Seen } from './checks.ts';

/** One direction of a connection. Numbers are int32. */
export interface Half {
  /** Options of its SYN; scale -1: it had none. */
  syn: boolean;
  scale: number;
  iss: number;
  mss: number;
  /** The latest number that was sent, plus one; and acknowledged; valid when `any`, `anyAck`. */
  any: boolean;
  next: number;
  anyAck: boolean;
  ack: number;
  /** The furthest right edge that was offered. */
  anyEdge: boolean;
  edge: number;
  /** Its FIN passed here. */
  fin: boolean;
}

/** A connection as one host sees it. */
export interface Conversation {
  readonly mine: Half;
  readonly theirs: Half;
}

/** A segment that a law looks at, and the connection it belongs to, as it was before. */
export interface Said {
  readonly seen: Seen;
  readonly tcp: TcpLayer;
  readonly conversation: Conversation;
  /** Of who says it, and of who hears it. */
  readonly own: Half;
  readonly other: Half;
  /** First number behind text, SYN and FIN. */
  readonly end: number;
  readonly textLength: number;
}

function newHalf(): Half {
  return {
    syn: false,
    scale: -1,
    iss: 0,
    mss: 536,
    any: false,
    next: 0,
    anyAck: false,
    ack: 0,
    anyEdge: false,
    edge: 0,
    fin: false,
  };
}

/** The window that a segment offers, in octets: scaled when both SYNs agreed on it, and never in a SYN (RFC 7323 2.2). */
export function windowOf(tcp: TcpLayer, own: Half, other: Half): number {
  const scaled = own.scale >= 0 && other.scale >= 0 && !tcp.flags.includes('SYN');
  return scaled ? tcp.window * 2 ** own.scale : tcp.window;
}

/** Keeps all connections of a host. */
export class Conversations {
  private readonly known: Map<string, Conversation> = new Map();

  /**
   * Takes a frame: tells `law` of it, and then remembers it. Fragments, what is damaged and what is no TCP are passed
   * over: a host would not believe them either.
   */
  hear(seen: Seen, law: (said: Said) => string | undefined): string | undefined {
    const { ip, sent } = seen;
    const tcp = ip.next;
    if (tcp.layer !== 'tcp' || tcp.malformed !== undefined || ip.malformed !== undefined) return undefined;
    if (tcp.checksumOk !== true || !ip.checksumOk) return undefined;
    const [here, there] = [`${ip.source}:${tcp.sourcePort}`, `${ip.destination}:${tcp.destinationPort}`];
    const key = sent ? `${here} ${there}` : `${there} ${here}`;
    const syn = tcp.flags.includes('SYN');
    let conversation = this.known.get(key);
    const anew = syn && !tcp.flags.includes('ACK') && isAnother(conversation, tcp, sent);
    if (conversation === undefined || anew) {
      conversation = { mine: newHalf(), theirs: newHalf() };
      this.known.set(key, conversation);
    }
    const own = sent ? conversation.mine : conversation.theirs;
    const other = sent ? conversation.theirs : conversation.mine;
    const textLength = tcp.next.layer === 'data' ? tcp.next.bytes.length : 0;
    const numbers = textLength + (syn ? 1 : 0) + (tcp.flags.includes('FIN') ? 1 : 0);
    const said: Said = { seen, tcp, conversation, own, other, textLength, end: (tcp.seq + numbers) | 0 };
    const wrong = law(said);
    remember(said);
    return wrong;
  }
}

/** A SYN that no retransmission explains opens another connection of the same name. */
function isAnother(conversation: Conversation | undefined, tcp: TcpLayer, sent: boolean): boolean {
  const half = sent ? conversation?.mine : conversation?.theirs;
  return half?.syn === true && half.iss !== (tcp.seq | 0);
}

function remember({ tcp, own, other, end, textLength }: Said): void {
  const { flags } = tcp;
  if (flags.includes('RST')) return;
  if (flags.includes('SYN')) readSyn(tcp, own);
  const numbers = textLength > 0 || flags.includes('SYN') || flags.includes('FIN');
  if (numbers && (!own.any || diff(end, own.next) > 0)) {
    own.any = true;
    own.next = end;
  }
  if (flags.includes('FIN')) own.fin = true;
  if (!flags.includes('ACK')) return;
  if (!own.anyAck || diff(tcp.ack | 0, own.ack) > 0) {
    own.anyAck = true;
    own.ack = tcp.ack | 0;
  }
  const edge = (tcp.ack + windowOf(tcp, own, other)) | 0;
  if (!own.anyEdge || diff(edge, own.edge) > 0) {
    own.anyEdge = true;
    own.edge = edge;
  }
}

function readSyn(tcp: TcpLayer, own: Half): void {
  own.syn = true;
  own.iss = tcp.seq | 0;
  own.scale = -1;
  for (const option of tcp.options) {
    if (option.option === 'window-scale') own.scale = Math.min(14, option.shift);
    if (option.option === 'mss') own.mss = option.mss;
  }
}
