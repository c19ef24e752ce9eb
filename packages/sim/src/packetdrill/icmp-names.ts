// packetdrill's words for ICMP's types and codes: RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; and ICMPv6's, RFC 4443.

/** Type and code as they are on the wire. */
export interface IcmpNumbers {
  readonly type: number;
  readonly code: number;
}

interface IcmpType {
  readonly type: number;
  readonly codes: readonly (string | undefined)[];
}

const V4: Readonly<Record<string, IcmpType>> = {
  echo_reply: { type: 0, codes: [] },
  unreachable: {
    type: 3,
    codes: [
      'net_unreachable',
      'host_unreachable',
      'protocol_unreachable',
      'port_unreachable',
      'frag_needed',
      'source_route_failed',
      'net_unknown',
      'host_unknown',
      'source_host_isolated',
      'net_prohibited',
      'host_prohibited',
      'net_unreachable_for_tos',
      'host_unreachable_for_tos',
      'packet_filtered',
      'precedence_violation',
      'precedence_cutoff',
    ],
  },
  source_quench: { type: 4, codes: [] },
  redirect: { type: 5, codes: ['net', 'host', 'net_for_tos', 'host_for_tos'] },
  echo_request: { type: 8, codes: [] },
  echo: { type: 8, codes: [] },
  time_exceeded: { type: 11, codes: ['exceeded_in_transit', 'exceeded_reassembly'] },
  parameter_problem: { type: 12, codes: ['pointer_indicates_error', 'missing_option', 'bad_length'] },
  timestamp_request: { type: 13, codes: [] },
  timestamp_reply: { type: 14, codes: [] },
};

const V6: Readonly<Record<string, IcmpType>> = {
  unreachable: {
    type: 1,
    codes: ['no_route', 'admin_prohibited', 'not_neighbour', 'address_unreachable', 'port_unreachable'],
  },
  packet_too_big: { type: 2, codes: [] },
  time_exceeded: { type: 3, codes: ['exceeded_in_transit', 'exceeded_reassembly'] },
  parameter_problem: { type: 4, codes: ['erroneous_header', 'unknown_next_header', 'unknown_option'] },
  echo_request: { type: 128, codes: [] },
  echo: { type: 128, codes: [] },
  echo_reply: { type: 129, codes: [] },
};

/** The numbers of `type` and `code` (undefined is code 0); undefined when a word is not known, or not of this family. */
export function icmpNumbers(family: 4 | 6, type: string, code: string | undefined): IcmpNumbers | undefined {
  const table = family === 4 ? V4 : V6;
  const found = Object.hasOwn(table, type) ? table[type] : undefined;
  if (found === undefined) return undefined;
  if (code === undefined) return { type: found.type, code: 0 };
  const number = found.codes.indexOf(code);
  return number < 0 ? undefined : { type: found.type, code: number };
}

/** packetdrill's words for what is on the wire (IPv4); numbers where it has none. */
export function icmpWords(type: number, code: number): { type: string; code: string | undefined } {
  for (const [word, known] of Object.entries(V4)) {
    if (known.type !== type) continue;
    const codeWord = known.codes[code];
    return { type: word, code: codeWord ?? (code === 0 ? undefined : String(code)) };
  }
  return { type: `type_${type}`, code: String(code) };
}
