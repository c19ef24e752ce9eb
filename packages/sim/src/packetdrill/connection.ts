// A connection as the script's side of the link sees it: addresses, ports, and how the script's numbers become the wire's.
// Scripts count from the initial sequence numbers; of timestamps, the first that was sent is what the script says it is.

/** The number that a script's 0 is on the wire, for what the script sends: near where int32 wraps. */
const REMOTE_OFFSET = 0x7fff_f000;

/** Where in its life a socket is, for packets to find it. */
export type ConnectionState = 'new' | 'listening' | 'connecting' | 'open';

/** See the head of this file. */
export class Connection {
  readonly protocol: 'tcp' | 'udp';
  state: ConnectionState = 'new';
  localIp: string;
  remoteIp: string;
  /** 0: not known yet, the first packet says it. */
  localPort: number;
  remotePort: number;
  /** Ours, as the wire and as the script has it; undefined until a SYN of ours was seen. */
  private localIsn: { live: number; script: number } | undefined = undefined;
  private remoteIsn: number | undefined = undefined;
  private begunAnew = false;
  private readonly stamps: Map<number, number> = new Map();
  private firstStamp: { live: number; script: number } | undefined = undefined;

  constructor(
    protocol: 'tcp' | 'udp',
    ends: { localIp: string; remoteIp: string; localPort: number; remotePort: number },
  ) {
    this.protocol = protocol;
    this.localIp = ends.localIp;
    this.remoteIp = ends.remoteIp;
    this.localPort = ends.localPort;
    this.remotePort = ends.remotePort;
  }

  /** A SYN of the stack was expected as `script`, and came as `live`. */
  learnLocalIsn(live: number, script: number): void {
    if (this.begunAnew) this.firstStamp = undefined;
    if (this.localIsn === undefined || this.begunAnew) this.localIsn = { live, script };
    this.begunAnew = false;
  }

  /** The script sends a SYN: another number may begin another connection, with another ISN of ours. */
  sendsSyn(script: number): void {
    this.begunAnew = this.remoteIsn !== undefined && this.remoteIsn !== script;
    this.remoteIsn = script;
  }

  /** Of the script's side: its sequence numbers, and our acknowledgments of them. */
  remoteToLive(script: number): number {
    return (script + REMOTE_OFFSET) >>> 0;
  }

  remoteToScript(live: number): number {
    return (live - REMOTE_OFFSET) >>> 0;
  }

  /** Of our side: our sequence numbers, and the script's acknowledgments of them. */
  localToLive(script: number): number {
    return this.localIsn === undefined
      ? script >>> 0
      : (script - this.localIsn.script + this.localIsn.live) >>> 0;
  }

  localToScript(live: number): number {
    return this.localIsn === undefined
      ? live >>> 0
      : (live - this.localIsn.live + this.localIsn.script) >>> 0;
  }

  /** A timestamp of ours was expected as `script` and came as `live`. */
  learnStamp(live: number, script: number): void {
    this.stamps.set(script, live);
    this.firstStamp ??= { live, script };
  }

  stampToScript(live: number): number {
    const { firstStamp } = this;
    return firstStamp === undefined ? live >>> 0 : (live - firstStamp.live + firstStamp.script) >>> 0;
  }

  /** What the script's `ecr` is on the wire: 0 is 0. */
  stampToLive(script: number): number {
    const { firstStamp } = this;
    if (script === 0 && !this.stamps.has(0)) return 0;
    const known = this.stamps.get(script);
    if (known !== undefined) return known;
    return firstStamp === undefined ? script >>> 0 : (script - firstStamp.script + firstStamp.live) >>> 0;
  }
}
