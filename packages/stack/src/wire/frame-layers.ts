// The layers of an Ethernet frame as readable objects: what `dissectFrame` gives and `craftFrame` takes. RFC 894, RFC 826.

/** A frame. Addresses as '02:00:00:00:00:01'. */
export interface EtherLayer {
  layer: 'ethernet';
  destination: string;
  source: string;
  /** The EtherType; below 0x0600 the length of an IEEE 802.3 frame. */
  type: number;
  next: ArpLayer | FrameData;
  malformed?: string;
}

/** ARP for IPv4 over Ethernet, its fields in RFC 826's order. */
export interface ArpLayer {
  layer: 'arp';
  /** 1 request, 2 reply. */
  operation: number;
  senderStation: string;
  sender: string;
  targetStation: string;
  target: string;
  /** Octets behind it, when there are any: padding to Ethernet's least. */
  trailer?: Uint8Array;
}

/** All else, datagrams and ARP of another kind too: octets. */
export interface FrameData {
  layer: 'data';
  bytes: Uint8Array;
  malformed?: string;
}
