// The tree of a packetdrill script: what its lines say, before anybody plays them. The language is packetdrill's (USENIX ATC 2013).

/** Where something stands: lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file of script. The order of a run: options, `initCommands`, `events`, `cleanupCommand`. */
export interface Script {
  readonly file: string;
  /** `--name=value` lines at the top, in order; a name may come twice (`define`). */
  readonly options: readonly ScriptOption[];
  /** Back-quoted commands without a time that stand before the first event. */
  readonly initCommands: readonly CommandAction[];
  readonly events: readonly ScriptEvent[];
  /** A back-quoted command without a time behind the last event; runs also when the script failed. */
  readonly cleanupCommand: CommandAction | undefined;
}

/** `--mtu=1500`, `--define=CC="reno"` (value `CC="reno"`), `--send_omit_free` (value undefined). */
export interface ScriptOption {
  readonly name: string;
  /** Unquoted when the whole value was quoted; a `define` keeps the quotes of its right-hand side. */
  readonly value: string | undefined;
  readonly at: Position;
}

/** One timed thing. */
export interface ScriptEvent {
  readonly at: Position;
  readonly time: EventTime;
  readonly action: PacketAction | SyscallAction | CommandAction | CodeAction;
}

/**
 * When it happens, in whole microseconds.
 * - `absolute`: since the start of the script; `relative`: since the time of the event before.
 * - the `-range` kinds (only outgoing packets): any moment in `fromUs..toUs`, both on the same base.
 * - `any` (`*`, only outgoing packets): whenever it comes.
 */
export type EventTime =
  | { readonly kind: 'absolute' | 'relative'; readonly fromUs: number }
  | { readonly kind: 'absolute-range' | 'relative-range'; readonly fromUs: number; readonly toUs: number }
  | { readonly kind: 'any' };

/** `` `sysctl -w net.ipv4.tcp_sack=0` ``: text for a shell, as written, may have several lines. */
export interface CommandAction {
  readonly kind: 'command';
  readonly text: string;
  readonly at: Position;
}

/** `%{ assert tcpi_snd_cwnd == 10 }%`: Python; `at` is where the text (blanks stripped) begins. */
export interface CodeAction {
  readonly kind: 'code';
  readonly text: string;
  readonly at: Position;
}

// --- packets ---------------------------------------------------------------------------------------------------------

/** A packet: `in` (`<`) is given to the stack under test, `out` (`>`) must come from it. */
export interface PacketAction {
  readonly kind: 'packet';
  readonly direction: 'in' | 'out';
  readonly at: Position;
  /** Outer headers (`ipv4 1.1.1.1 > 2.2.2.2:`, `gre:`, `mpls (...):`), outermost first; mostly none. */
  readonly outer: readonly OuterHeader[];
  readonly ip: IpInfo;
  /** `5000 > 8080`: ports when the script names them; else the connection's. */
  readonly ports: Ports | undefined;
  readonly body: TcpBody | UdpBody | IcmpBody | SctpBody;
}

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

/** Parsed so that the script is known to need them; nothing of ours speaks GRE or MPLS. */
export type OuterHeader =
  | {
      readonly kind: 'ipv4' | 'ipv6';
      readonly ip: IpInfo;
      readonly source: string;
      readonly destination: string;
    }
  | { readonly kind: 'gre' | 'mpls'; readonly text: string };

/** What stands in `[...]` or `(...)` behind the direction; undefined: not said (outgoing: not checked). */
export interface IpInfo {
  /** `[ect0]`, `[ect1]`, `[ce]`, `[noecn]`; `[ect01]` (outgoing only): ECT(0) or ECT(1). */
  readonly ecn?: Ecn;
  /** The whole octet: `[tos 0x10]`, FreeBSD `[class 0x10]`. Excludes `ecn` and `dscp`. */
  readonly tos?: number;
  /** Six bits, FreeBSD's `[dscp ef]`, `[dscp 0x2e]`. */
  readonly dscp?: number;
  readonly flowLabel?: number;
  /** `[ttl 64]`, FreeBSD's `[hlim 64]`. */
  readonly ttl?: number;
}

export type Ecn = 'noecn' | 'ect0' | 'ect1' | 'ce' | 'ect01';

/** `S. 0:0(0) ack 1 win 1000 <mss 1000>`. */
export interface TcpBody {
  readonly protocol: 'tcp';
  /** Letters as a subset, in this order, of `FSRPUEWA.`; `.` is ACK, E ECE, W CWR, A AE; '' is `-`, no flag. */
  readonly flags: string;
  /** `P.5`: the three ECN bits as AccECN's counter ACE; `flags` has then no E, W, A. */
  readonly ace: number | undefined;
  readonly sequence: Sequence;
  /** undefined: no `ack N`. Packetdrill reads that as 0. */
  readonly ack: number | undefined;
  /** The field as on the wire, unscaled. undefined: outgoing, not checked; incoming, packetdrill refuses it, 0 is meant. */
  readonly window: number | undefined;
  /** `urg N`: undefined is 0. */
  readonly urgent: number | undefined;
  /** `any` is `<...>` (outgoing only). An empty list means: no options at all, and that is checked. */
  readonly options: readonly TcpOption[] | 'any';
  /** FreeBSD's `/udp(9899 > 9899)` behind the packet: TCP in UDP. */
  readonly udpEncapsulation: Ports | undefined;
  /** Google's `{ mut tcp mss; ... }`, as written. */
  readonly fuzz: string | undefined;
}

/** `1:1001(1000)`; end = start + length always holds (modulo 2^32). Relative to the ISN of the sending side. */
export interface Sequence {
  readonly start: number;
  readonly end: number;
  readonly length: number;
  /** FreeBSD `1:1(0)!`: numbers of the wire, not relative. */
  readonly absolute: boolean;
  /** FreeBSD `...(0)`: the sequence number is not checked; start and end are 0 and length. */
  readonly ignored: boolean;
}

export type TcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss'; readonly value: number }
  /** undefined: `wscale *`, not checked. */
  | { readonly kind: 'wscale'; readonly value: number | undefined }
  | {
      readonly kind: 'TS';
      /** undefined: FreeBSD's `val ...`, not checked. */
      readonly value: number | undefined;
      readonly echo: number;
      /** FreeBSD `ecr 5!`: the number of the wire, not one translated. */
      readonly echoAbsolute: boolean;
    }
  | { readonly kind: 'sack'; readonly blocks: readonly SackBlock[] }
  /** Fast Open and its experimental form; the cookie in hexadecimal digits, '' asks for one. */
  | { readonly kind: 'FO' | 'FOEXP'; readonly cookie: string }
  /** 16 octets in hexadecimal digits, or the word `valid`. */
  | { readonly kind: 'md5'; readonly digest: string }
  /** AccECN's option in all its spellings, counters in the order written: `AccECN0 ee0b 1 eceb 2`. */
  | {
      readonly kind: 'accecn';
      readonly name: string;
      readonly counters: readonly { name: string; value: number }[];
    }
  /** FreeBSD's `exp-tarr 10`. */
  | { readonly kind: 'exp-tarr'; readonly value: number | undefined };

export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

/** `udp (1000)`: payload length in octets. `coverage` only with `udplite (1000, 20)`. */
export interface UdpBody {
  readonly protocol: 'udp' | 'udplite';
  readonly length: number;
  readonly coverage: number | undefined;
}

/** `icmp unreachable frag_needed mtu 1200 [1:1001(1000)]`. */
export interface IcmpBody {
  readonly protocol: 'icmp';
  /** packetdrill's word (`unreachable`, `echo_request`); `icmpNumbers()` in icmp-names.ts knows its number. */
  readonly type: string;
  readonly code: string | undefined;
  readonly mtu: number | undefined;
  /** `id N` of an echo. */
  readonly id: number | undefined;
  /** What is quoted in the message; undefined: not said, packetdrill quotes TCP 0:0(0). */
  readonly quoted: QuotedPacket | undefined;
}

export type QuotedPacket =
  | { readonly protocol: 'tcp'; readonly sequence: Sequence; readonly udpEncapsulation: Ports | undefined }
  | { readonly protocol: 'udp' | 'raw'; readonly length: number }
  /** `[udplite (10, 8)]`, `[sctp (1)]`: as written. */
  | { readonly protocol: 'udplite' | 'sctp'; readonly text: string };

/** FreeBSD's `sctp: INIT[flgs=0, ...]`, as written: read over, never played. */
export interface SctpBody {
  readonly protocol: 'sctp';
  readonly text: string;
}

// --- system calls ----------------------------------------------------------------------------------------------------

/** `+0 read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`. */
export interface SyscallAction {
  readonly kind: 'syscall';
  readonly at: Position;
  readonly name: string;
  readonly arguments: readonly Expression[];
  /** `ellipsis` when the script does not care: `...`, `*` or `?`. */
  readonly result: Expression;
  /** `EAGAIN` behind the result. */
  readonly errno: string | undefined;
  /** What stood in parentheses, e.g. `Resource temporarily unavailable`, `flags O_RDWR`; only for readers. */
  readonly note: string | undefined;
  /**
   * `0.1...0.3 call`: the call blocks and returns then, microseconds on the base of the event's time: with an absolute time since the
   * start; with `+.1...0.3` since the event before (so it lasts 0.2 s). undefined: it must not block.
   */
  readonly endUs: number | undefined;
}

export type Expression =
  /** `...`: any or default value. */
  | { readonly kind: 'ellipsis'; readonly at: Position }
  /** `10`, `-1`, `0x10`. `text` as written, for numbers beyond 2^53. */
  | { readonly kind: 'integer'; readonly at: Position; readonly value: number; readonly text: string }
  | { readonly kind: 'float'; readonly at: Position; readonly value: number; readonly text: string }
  /** A constant: `SOCK_STREAM`, or a name of another kind, for the runner to know. */
  | { readonly kind: 'word'; readonly at: Position; readonly name: string }
  /** `"GET\n"`: escapes resolved, one character (code 0..255) an octet; adjacent strings are joined; `prefix`: `"GET"...`. */
  | { readonly kind: 'string'; readonly at: Position; readonly value: string; readonly prefix: boolean }
  /** `[1, 2]`. */
  | { readonly kind: 'array'; readonly at: Position; readonly items: readonly Expression[] }
  /** `{..., 1000}` and all braces whose members have no names: iovec. */
  | { readonly kind: 'tuple'; readonly at: Position; readonly items: readonly Expression[] }
  /** `{onoff=1, linger=0}`, pollfd, sockaddr, msghdr: names in the order written. */
  | { readonly kind: 'struct'; readonly at: Position; readonly fields: readonly StructField[] }
  /** `htons(8080)`, `inet_addr("192.0.2.1")`, `inet6_addr("::1")`, `htonl(1)`. */
  | {
      readonly kind: 'call';
      readonly at: Position;
      readonly name: string;
      readonly arguments: readonly Expression[];
    }
  | {
      readonly kind: 'binary';
      readonly at: Position;
      readonly operator: '|' | '^' | '&' | '<<' | '>>' | '+' | '-' | '*' | '/';
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'unary';
      readonly at: Position;
      readonly operator: '~' | '-';
      readonly operand: Expression;
    }
  /** `name = value` outside braces, Google's symbol assignment. */
  | { readonly kind: 'assign'; readonly at: Position; readonly name: string; readonly value: Expression }
  /** MPLS stacks and GRE headers in braces, as written: read over, never played. */
  | { readonly kind: 'opaque'; readonly at: Position; readonly text: string };

/** `fd=4`; with a count in parentheses as msghdr writes it: `msg_iov(1)=[...]`, `msg_name(...)=...`. */
export interface StructField {
  readonly name: string;
  readonly count: Expression | undefined;
  readonly value: Expression;
}
