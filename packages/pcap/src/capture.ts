// What a capture file holds, whichever format it has.

/** Bare IP datagrams, IPv4 or IPv6 by their version nibble. */
export const LINKTYPE_RAW = 101;
export const LINKTYPE_ETHERNET = 1;

export interface CaptureInterface {
  /** As the capturing host called it; '' when the file does not say. */
  readonly name: string;
  /** LINKTYPE_*: https://www.tcpdump.org/linktypes.html */
  readonly linkType: number;
  /** The most octets of a packet that were kept; 0: no limit. */
  readonly snaplen: number;
}

export interface CapturedPacket {
  /** Place in the capture's `interfaces`. */
  readonly interfaceId: number;
  /** Microseconds since 1970; 0 when the file does not say. */
  readonly timestampUs: number;
  /** What was kept of it: a view of the file's octets. */
  readonly data: Uint8Array;
  /** Octets on the wire. */
  readonly originalLength: number;
  readonly direction: 'in' | 'out' | 'unknown';
  /** What somebody had to say about it. */
  readonly comments: readonly string[];
}

export interface Capture {
  readonly interfaces: readonly CaptureInterface[];
  /** In the order of the file. */
  readonly packets: readonly CapturedPacket[];
}
