// The human face of Ethernet and ARP: frames as readable objects, written and read, and in a line. RFC 894, RFC 826. The core
// may not import it. What reads never throws, whatever the octets say.

import { formatIp4, parseIp4 } from './address.ts';
import * as arp from './arp.ts';
import { rd16, rd32 } from './bytes.ts';
import * as ether from './ether.ts';
import type { ArpLayer, EtherLayer } from './frame-layers.ts';
import { summary } from './summary.ts';

export type { ArpLayer, EtherLayer, FrameData } from './frame-layers.ts';

export interface FrameFields {
  /** '02:00:00:00:00:01' */
  destination: string;
  source: string;
  /** The EtherType: IPv4. */
  type?: number;
  /** None. */
  payload?: Uint8Array;
}

/** Dotted decimal, or an int32 word. */
type Address = string | number;

export interface ArpFields {
  /** 1 request (the default), 2 reply. */
  operation?: number;
  senderStation: string;
  sender: Address;
  /** All zeros. */
  targetStation?: string;
  target: Address;
}

const NOBODY = '00:00:00:00:00:00';

/**
 * An Ethernet frame around octets. Throws RangeError for text that is no station address.
 *
 * @example
 * craftFrame({ destination: 'ff:ff:ff:ff:ff:ff', source, type: ETHERTYPE_ARP, payload: craftArp({ senderStation: source, sender, target }) });
 */
export function craftFrame(fields: FrameFields): Uint8Array {
  const { type = ether.ETHERTYPE_IP4, payload = new Uint8Array(0) } = fields;
  const b = new Uint8Array(ether.ETHER_HEADER + payload.length);
  ether.writeEther(b, 0, ...station(fields.destination), ...station(fields.source), type);
  b.set(payload, ether.ETHER_HEADER);
  return b;
}

/** An ARP packet, without its frame: `craftArp({ senderStation, sender: '10.9.0.1', target: '10.9.0.2' })`. */
export function craftArp(fields: ArpFields): Uint8Array {
  const { operation = arp.ARP_REQUEST, targetStation = NOBODY } = fields;
  const b = new Uint8Array(arp.ARP_LENGTH);
  const sender = word(fields.sender);
  const from = station(fields.senderStation);
  arp.writeArp(b, 0, operation, ...from, sender, ...station(targetStation), word(fields.target));
  return b;
}

/**
 * Reads a frame; a datagram in it is left to `dissectIpv4`. What cannot be believed is said in `malformed`; the octets are copied. `craftFrameLayer` makes the same
 * octets again.
 *
 * @example
 * const { next } = dissectFrame(frame);
 * if (next.layer === 'arp') next.sender;   // '10.9.0.1'
 */
export function dissectFrame(bytes: Uint8Array): EtherLayer {
  const whole = bytes.length >= ether.ETHER_HEADER;
  const b = new Uint8Array(Math.max(bytes.length, ether.ETHER_HEADER));
  b.set(bytes);
  const type = ether.etherType(b, 0);
  return {
    layer: 'ethernet',
    destination: ether.formatEther(ether.etherDestinationHigh(b, 0), ether.etherDestinationLow(b, 0)),
    source: ether.formatEther(ether.etherSourceHigh(b, 0), ether.etherSourceLow(b, 0)),
    type,
    next: whole ? readNext(b.slice(ether.ETHER_HEADER), type) : { layer: 'data', bytes: new Uint8Array(0) },
    ...(!whole && { malformed: `only ${bytes.length} of 14 header octets` }),
  };
}

/** The octets of a frame that was read, every field as it stands there. */
export function craftFrameLayer(layer: EtherLayer): Uint8Array {
  const { destination, source, type, next } = layer;
  return craftFrame({ destination, source, type, payload: nextOctets(next) });
}

/**
 * A frame in one line as `tcpdump -n` prints it, without its Ethernet header: 'ARP, Request who-has 10.9.0.2 tell 10.9.0.1,
 * length 28'. Of what is neither ARP nor IPv4 only the header.
 */
export function frameSummary(bytes: Uint8Array): string {
  if (bytes.length < ether.ETHER_HEADER) return ' [|ether]';
  const { destination, source, type } = dissectFrame(bytes);
  const b = bytes.subarray(ether.ETHER_HEADER);
  if (type === ether.ETHERTYPE_IP4) return summary(b);
  if (type === ether.ETHERTYPE_ARP) return arpSummary(b);
  const kind = type < ether.ETHERTYPE_MIN ? '802.3' : `ethertype 0x${type.toString(16).padStart(4, '0')}`;
  return `${source} > ${destination}, ${kind}, length ${bytes.length}`;
}

function arpSummary(b: Uint8Array): string {
  if (b.length < 8 || b.length < 8 + 2 * (b[4] + b[5])) return ' [|arp]';
  const { length } = b;
  const operation = arp.arpOperation(b, 0);
  if (!arp.checkArp(b, 0, length) || operation < 1 || operation > 2)
    return `ARP, Unknown (${operation}), length ${length}`;
  const { sender, senderStation, target, targetStation } = readArp(b);
  if (operation === arp.ARP_REPLY) return `ARP, Reply ${sender} is-at ${senderStation}, length ${length}`;
  // Who is named already is asked whether he is still there.
  const named = targetStation === NOBODY ? '' : ` (${targetStation})`;
  return `ARP, Request who-has ${target}${named} tell ${sender}, length ${length}`;
}

function readNext(b: Uint8Array, type: number): EtherLayer['next'] {
  if (type !== ether.ETHERTYPE_ARP) return { layer: 'data', bytes: b };
  if (arp.checkArp(b, 0, b.length)) return readArp(b);
  return { layer: 'data', bytes: b, malformed: 'not ARP for IPv4 over Ethernet, or cut short' };
}

function readArp(b: Uint8Array): ArpLayer {
  return {
    layer: 'arp',
    operation: arp.arpOperation(b, 0),
    senderStation: ether.formatEther(arp.arpSenderHigh(b, 0), arp.arpSenderLow(b, 0)),
    sender: formatIp4(arp.arpSender(b, 0)),
    targetStation: ether.formatEther(rd16(b, 18), rd32(b, 20)),
    target: formatIp4(arp.arpTarget(b, 0)),
    ...(b.length > arp.ARP_LENGTH && { trailer: b.slice(arp.ARP_LENGTH) }),
  };
}

function nextOctets(next: EtherLayer['next']): Uint8Array {
  if (next.layer === 'data') return next.bytes;
  const packet = craftArp(next);
  const b = new Uint8Array(packet.length + (next.trailer?.length ?? 0));
  b.set(packet);
  b.set(next.trailer ?? [], packet.length);
  return b;
}

function station(text: string): readonly [high: number, low: number] {
  const address = ether.parseEther(text);
  if (address === undefined)
    throw new RangeError(`'${text}' is no station address, as '02:00:00:00:00:01' is one`);
  return address;
}

function word(address: Address): number {
  if (typeof address === 'number') return address | 0;
  const parsed = parseIp4(address);
  if (parsed === undefined) throw new RangeError(`'${address}' is no IPv4 address, as '10.9.0.2' is one`);
  return parsed;
}
