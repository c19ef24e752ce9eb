// rtnetlink messages about links and IPv4 addresses, read and asked for. Source: rtnetlink(7), linux/rtnetlink.h. Host byte
// order: little-endian, as every system Node.js supports TUN on.
//
//   nlmsghdr   0 length(4) | 4 type(2) | 6 flags(2) | 8 sequence(4) | 12 port(4)
//   ifinfomsg 16 family(1) pad(1) type(2) | 20 index(4) | 24 flags(4) | 28 change(4) | 32 attributes
//   ifaddrmsg 16 family(1) prefix(1) flags(1) scope(1) | 20 index(4) | 24 attributes
//   attribute  0 length(2) | 2 type(2) | 4 value, padded to 4

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLM_F_DUMP = 0x300;
const AF_UNSPEC = 0;
const AF_INET = 2;
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
const IFLA_MTU = 4;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

export interface LinkMessage {
  readonly kind: 'link';
  readonly ifindex: number;
  readonly deleted: boolean;
  readonly up: boolean;
  readonly running: boolean;
  /** Octets, or -1 when the message does not say. */
  readonly mtu: number;
}

export interface AddressMessage {
  readonly kind: 'address';
  readonly ifindex: number;
  readonly added: boolean;
  /** '10.9.0.1' */
  readonly address: string;
  readonly prefixLength: number;
  /** Part of the answer to a request for all, not news. */
  readonly listed: boolean;
}

/** The end of a list that was asked for. */
export interface DoneMessage {
  readonly kind: 'done';
}

export type RtMessage = LinkMessage | AddressMessage | DoneMessage;

/** The messages in `bytes[offset, offset + length)`; what is cut short or of no interest is left out. */
export function parseRtnetlink(bytes: Uint8Array, offset: number, length: number): RtMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
  const messages: RtMessage[] = [];
  for (let at = 0; at + 16 <= length; ) {
    const size = view.getUint32(at, true);
    if (size < 16 || at + size > length) break;
    const message = parseOne(view, at, size);
    if (message !== undefined) messages.push(message);
    at += (size + 3) & ~3;
  }
  return messages;
}

function parseOne(view: DataView, at: number, size: number): RtMessage | undefined {
  const type = view.getUint16(at + 4, true);
  const listed = (view.getUint16(at + 6, true) & NLM_F_MULTI) !== 0;
  if (type === NLMSG_DONE) return { kind: 'done' };
  if (type === RTM_NEWLINK || type === RTM_DELLINK) {
    // Other families tell of bridge ports: there, RTM_DELLINK means "left the bridge".
    if (size < 32 || view.getUint8(at + 16) !== AF_UNSPEC) return undefined;
    const flags = view.getUint32(at + 24, true);
    const mtu = findAttribute(view, at + 32, at + size, IFLA_MTU, 4);
    return {
      kind: 'link',
      ifindex: view.getInt32(at + 20, true),
      deleted: type === RTM_DELLINK,
      up: (flags & IFF_UP) !== 0,
      running: (flags & IFF_RUNNING) !== 0,
      mtu: mtu < 0 ? -1 : view.getUint32(mtu, true),
    };
  }
  if (type === RTM_NEWADDR || type === RTM_DELADDR) {
    if (size < 24 || view.getUint8(at + 16) !== AF_INET) return undefined;
    let value = findAttribute(view, at + 24, at + size, IFA_LOCAL, 4);
    if (value < 0) value = findAttribute(view, at + 24, at + size, IFA_ADDRESS, 4);
    if (value < 0) return undefined;
    const octets = [0, 1, 2, 3].map((i) => view.getUint8(value + i));
    return {
      kind: 'address',
      ifindex: view.getInt32(at + 20, true),
      added: type === RTM_NEWADDR,
      address: octets.join('.'),
      prefixLength: view.getUint8(at + 17),
      listed,
    };
  }
  return undefined;
}

/** Where the value of an attribute of at least `length` octets starts, or -1. */
function findAttribute(view: DataView, from: number, end: number, type: number, length: number): number {
  for (let at = from; at + 4 <= end; ) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > end) return -1;
    if (view.getUint16(at + 2, true) === type) return size - 4 >= length ? at + 4 : -1;
    at += (size + 3) & ~3;
  }
  return -1;
}

/** A request for one link, 32 octets: the answer is an RTM_NEWLINK, or an error when it is gone. */
export function linkRequest(ifindex: number): Uint8Array {
  const request = header(RTM_GETLINK, NLM_F_REQUEST, 32);
  new DataView(request.buffer).setInt32(20, ifindex, true);
  return request;
}

/** A request for all IPv4 addresses, 24 octets: the answer is a list of RTM_NEWADDR and a DONE. */
export function addressesRequest(): Uint8Array {
  const request = header(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 24);
  request[16] = AF_INET;
  return request;
}

function header(type: number, flags: number, size: number): Uint8Array {
  const request = new Uint8Array(size);
  const view = new DataView(request.buffer);
  view.setUint32(0, size, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, 1, true);
  return request;
}
