// The laws that hold for whatever an honest host sends, by their clauses. Each is a description: see Check.

import { diff } from '@tunstack/stack/base';
import type { Layer } from '@tunstack/stack/dissect';
import type { Check, Seen } from './checks.ts';
import { Conversations, type Said, windowOf } from './conversation.ts';

/** A law over TCP segments. */
function segments(name: string, clause: string, begin: () => (said: Said) => string | undefined): Check {
  return {
    name,
    clause,
    begin() {
      const conversations = new Conversations();
      const law = begin();
      return (seen) => conversations.hear(seen, law);
    },
  };
}

/** A law over sent frames alone. */
function sentFrames(name: string, clause: string, law: (seen: Seen) => string | undefined): Check {
  return { name, clause, begin: () => (seen) => (seen.sent ? law(seen) : undefined) };
}

/** Nothing goes beyond the right edge that the peer offered: text and FIN end there, or before. */
export function window(): Check {
  return segments('window', 'RFC 9293 3.8.6', () => ({ seen, tcp, own, other, end, textLength }) => {
    const { flags } = tcp;
    if (!seen.sent || !other.anyEdge || flags.includes('RST') || flags.includes('SYN')) return undefined;
    if (textLength === 0 && !flags.includes('FIN')) return undefined;
    const beyond = diff(end, other.edge);
    // A zero-window probe is one octet, or the FIN (3.8.6.1).
    const probe = textLength <= 1 && own.any;
    return beyond > (probe ? 1 : 0) ? `${beyond} octets beyond the window` : undefined;
  });
}

/** The right edge that a host offers never moves left, but for what scaling rounds off (SHLD-14, RFC 7323 2.4). */
export function edgeMonotone(): Check {
  return segments('edge', 'RFC 9293 3.8.6 SHLD-14', () => ({ seen, tcp, own, other }) => {
    const { flags } = tcp;
    if (!seen.sent || !own.anyEdge || flags.includes('RST') || !flags.includes('ACK')) return undefined;
    // An ACK of an earlier place that is owed for an old segment says nothing of the window.
    if (diff(tcp.ack | 0, own.ack) < 0) return undefined;
    const edge = (tcp.ack + windowOf(tcp, own, other)) | 0;
    const rounding = own.scale >= 0 ? 2 ** own.scale - 1 : 0;
    const back = diff(own.edge, edge);
    return back > rounding ? `the right edge moved ${back} octets to the left` : undefined;
  });
}

/** What was acknowledged stays acknowledged: ACK numbers never move back, in the order they are sent. */
export function ackMonotone(): Check {
  return segments('ack', 'RFC 9293 3.4', () => ({ seen, tcp, own }) => {
    const { flags } = tcp;
    if (!seen.sent || !own.anyAck || !flags.includes('ACK') || flags.includes('RST')) return undefined;
    const back = diff(own.ack, tcp.ack | 0);
    return back > 0 ? `ACK moved ${back} back` : undefined;
  });
}

/** Nobody acknowledges what he was not sent. */
export function ackOfSent(): Check {
  return segments('ack of sent', 'RFC 9293 3.4', () => ({ seen, tcp, other }) => {
    const { flags } = tcp;
    if (!seen.sent || !other.any || !flags.includes('ACK') || flags.includes('RST')) return undefined;
    const ahead = diff(tcp.ack | 0, other.next);
    return ahead > 0 ? `acknowledges ${ahead} more than came` : undefined;
  });
}

/**
 * No RST, unless an application aborts: `mayAbort` says whether one has. A connection that both sides have closed is gone
 * for who answers an old duplicate (3.10.7.1): there it is no breach.
 */
export function noRstUnlessAbort(mayAbort: () => boolean = () => false): Check {
  return segments('no RST', 'RFC 9293 3.5.2', () => ({ seen, tcp, own, other }) => {
    if (!seen.sent || !tcp.flags.includes('RST') || (own.fin && other.fin) || mayAbort()) return undefined;
    return 'a RST, and nobody aborted';
  });
}

/** No segment is longer than the peer's MSS option allows (or 536 without one). */
export function mss(): Check {
  return segments('MSS', 'RFC 9293 3.7.1 MUST-16', () => ({ seen, tcp, other, textLength }) => {
    if (!seen.sent || !other.syn) return undefined;
    const limit = other.mss + 20 - tcp.headerLength;
    return textLength > limit ? `${textLength} octets of text, ${limit} are allowed` : undefined;
  });
}

/** Whatever is sent can be read: no layer is malformed. */
export function parses(): Check {
  return sentFrames('parses', 'RFC 9293 3.1, RFC 791 3.1', ({ ip }) => {
    for (
      let layer: Layer | undefined = ip;
      layer !== undefined;
      layer = 'next' in layer ? layer.next : undefined
    ) {
      if (layer.malformed !== undefined) return `${layer.layer}: ${layer.malformed}`;
      // What an ICMP error quotes is somebody else's, and cut short.
      if (layer.layer === 'icmp') return undefined;
    }
    return undefined;
  });
}

/** All checksums are right. */
export function checksum(): Check {
  return sentFrames('checksum', 'RFC 791 3.1, RFC 9293 3.1 MUST-2', ({ ip }) => {
    if (!ip.checksumOk) return 'wrong IP header checksum';
    const { next } = ip;
    return next.layer !== 'data' && next.layer !== 'ipv4' && next.checksumOk === false
      ? `wrong ${next.layer} checksum`
      : undefined;
  });
}

/** All that need to know nothing but frames. */
export function everything(mayAbort?: () => boolean): Check[] {
  const laws = [parses(), checksum(), window(), edgeMonotone(), ackMonotone(), ackOfSent(), mss()];
  return [...laws, noRstUnlessAbort(mayAbort)];
}
