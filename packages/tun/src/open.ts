// Opens and configures a TUN or TAP device, in this network namespace, a named one, or a new one of its own. Source: kernel
// Documentation/networking/tuntap.rst, rtnetlink(7).
import { closeSync } from 'node:fs';
import { TunError } from './errors.ts';
import { type NativeOpenResult, type NativeOpenSpec, native } from './native.ts';

/** TUNSETOFFLOAD bits (linux/if_tun.h): what the kernel may hand us unfinished. */
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;
/** UDP segmentation, of both families: the kernel takes the two bits only together. */
export const TUN_F_USO = 0x60;

const WITH_USO: number = TUN_F_CSUM | TUN_F_USO;

/** The header in front of every packet with `vnetHdr`, octets. */
export const VNET_HDR_SIZE = 10;

/** txqueuelen, packets: with the kernel's 500 a burst of 500 connections lost 13,515 packets, with this none. */
export const TXQUEUELEN_OWN = 10_000;
export const TXQUEUELEN_SHARED = 1000;

const IFF_UP = 1;
const IFF_RUNNING = 0x40;

export type DeviceMode = 'tun' | 'tap';

export interface OpenOptions {
  /** 'tun0', or 'tun%d' for the first free number (default `<mode>%d`). An existing persistent device is attached to. */
  name?: string;
  /** 'tun': bare IP datagrams. 'tap': Ethernet frames. */
  mode: DeviceMode;
  /** Every packet carries a virtio-net header of 10 octets, so checksums and segmentation can be left to the kernel. */
  vnetHdr?: boolean;
  /**
   * TUN_F_* bits: what the kernel may hand us unfinished. Only with `vnetHdr`; all need TUN_F_CSUM. Default 0. A kernel that does
   * not know TUN_F_USO is asked for the others.
   */
  offload?: number;
  /**
   * 2: a second queue (IFF_MULTI_QUEUE), in which a link lets bulk flows wait, so that others do not wait behind them (docs/offload.md). A
   * device that exists with one queue has one. Default 1; not for a macvtap.
   */
  queues?: 1 | 2;
  /** 'none': the caller's own. 'new': a new one that lives as long as it is held. Or '/run/netns/NAME', or just NAME. */
  netns?: string;
  /** The *kernel's* address on the device, '10.9.0.1/24'. */
  address?: string;
  /** The other end of a point-to-point device, '10.9.0.2'. */
  peer?: string;
  /** Octets. Default: leaves it (1500 for a new device). */
  mtu?: number;
  /**
   * Packets that wait for us. Given: set to just that. Not given: raised to 10,000 in a new namespace and to 1000
   * elsewhere, never lowered, and not insisted upon where that is not permitted.
   */
  txqueuelen?: number;
  /** Sets the device up. Default true. */
  up?: boolean;
  /** Octets of ours that the kernel may hold before a write answers EAGAIN (TUNSETSNDBUF). Default: no limit. */
  sndbuf?: number;
  /** The kernel's MAC address on a TAP, '02:00:00:00:00:01'. Default: random. */
  hwaddr?: string;
  /** False: only attach to a device that exists, ENODEV otherwise. Default true. */
  create?: boolean;
  /** The device node. Default '/dev/net/tun'; '/dev/tapN' for a macvtap with ifindex N (mode 'tap'). */
  path?: string;
}

/** An open device. Its descriptors are the caller's to close: see `closeDevice`. */
export interface OpenedDevice {
  readonly fd: number;
  /** The second queue, or -1. */
  readonly bulkFd: number;
  readonly name: string;
  /** 0 when unknown (adopted). */
  readonly ifindex: number;
  readonly mtu: number;
  readonly mode: DeviceMode;
  /** 0 or 10. */
  readonly vnetHdrSize: number;
  /** The kernel's MAC address, of a TAP. Of a macvtap: ours, frames to no other station arrive there. */
  readonly hwaddr?: string;
  readonly txqueuelen: number;
  readonly up: boolean;
  readonly running: boolean;
  /** The namespace it is in, or -1 when that is the caller's own. */
  readonly netnsFd: number;
  /** The user namespace that owns netnsFd, or -1. */
  readonly usernsFd: number;
  /** An rtnetlink socket in the device's namespace that hears of links and IPv4 addresses, or -1: see monitor.ts. */
  readonly monitorFd: number;
}

/**
 * Opens a device and configures it: address, MTU, queue, up, by rtnetlink, without running `ip`. The caller's own
 * namespace is never changed: another one is entered by a helper thread (root), or by a one-shot child in a user
 * namespace of its own (non-root, only for netns 'new'). Takes 1 to 10 ms, synchronously.
 *
 * @throws TunError with code, errno, syscall, dev or path, and hint.
 * @example
 * const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
 * // now: nsenter --net=/proc/PID/fd/N ping 10.9.0.2, see nsenterCommand(device)
 */
export function openDevice(options: OpenOptions): OpenedDevice {
  const spec = specFor(options);
  let result = native().open(spec);
  if (result.syscall === 'ioctl(TUNSETOFFLOAD)' && (spec.offload & WITH_USO) === WITH_USO) {
    // Linux before 6.2 knows no USO: it cuts super-datagrams itself, and hands up what it always did.
    result = native().open({ ...spec, offload: spec.offload & ~TUN_F_USO });
  }
  if (result.error !== 0) throw openError(result, spec);
  return opened(result, options.mode, spec.vnetHdr);
}

/**
 * Tries to make a network namespace, and closes it again.
 *
 * @returns 'thread' when it took root, 'user-namespace' when it took a forked child.
 * @throws TunError as openDevice
 */
export function probeNetns(): 'thread' | 'user-namespace' {
  const spec: NativeOpenSpec = { ...specFor({ mode: 'tun', netns: 'new' }), probe: true };
  const result = native().open(spec);
  if (result.error !== 0) throw openError(result, spec);
  for (const fd of [result.netnsFd, result.usernsFd]) if (fd >= 0) closeSync(fd);
  return result.way === 1 ? 'thread' : 'user-namespace';
}

export interface AdoptOptions {
  /** Becomes the device's: closed with it. A TUN/TAP, or one end of a datagram socketpair. */
  fd: number;
  /** Its second queue, of a device that was opened with two. */
  bulkFd?: number;
  mode: DeviceMode;
  /** Octets. Default 1500. */
  mtu?: number;
  vnetHdr?: boolean;
  /** Default: the device's own name, or 'fdN'. */
  name?: string;
}

/**
 * A device from a descriptor that somebody else opened: systemd, a parent process, a VM, `socketPair`.
 *
 * @throws TunError EINVAL when it is a TUN/TAP and not as `mode` and `vnetHdr` say.
 * @example
 * const device = adoptDevice({ fd: 3, mode: 'tun', mtu: 1500 });
 */
export function adoptDevice(options: AdoptOptions): OpenedDevice {
  const found = native().describe(options.fd);
  const vnetHdr = options.vnetHdr ?? false;
  const name = options.name ?? found?.name ?? `fd${options.fd}`;
  if (found !== undefined) {
    const is = `it is a ${found.tap ? 'tap' : 'tun'}${found.noPi ? '' : ' with packet information'}`;
    const has = `${found.vnetHdr ? `a vnet header of ${found.vnetHdrSize}` : 'no vnet header'}`;
    const fits = found.tap === (options.mode === 'tap') && found.noPi && found.vnetHdr === vnetHdr;
    if (!fits || (vnetHdr && found.vnetHdrSize !== VNET_HDR_SIZE)) {
      throw new TunError(22, 'ioctl(TUNGETIFF)', { dev: name, hint: `${is}, with ${has}: adopt it as that` });
    }
  }
  return {
    fd: options.fd,
    bulkFd: options.bulkFd ?? -1,
    name,
    ifindex: 0,
    mtu: options.mtu ?? 1500,
    mode: options.mode,
    vnetHdrSize: vnetHdr ? VNET_HDR_SIZE : 0,
    txqueuelen: 0,
    up: true,
    running: true,
    netnsFd: -1,
    usernsFd: -1,
    monitorFd: -1,
  };
}

/**
 * Two ends of a wire inside this process: a pair of Unix datagram sockets, nonblocking.
 *
 * @param options.sequenced SOCK_SEQPACKET, whose reader sees when the other end closes; default SOCK_DGRAM.
 * @param options.sndbuf SO_SNDBUF of both, octets (the kernel doubles it and has a minimum).
 * @throws TunError
 */
export function socketPair(options: { sequenced?: boolean; sndbuf?: number } = {}): [number, number] {
  const pair = native().socketPair(options.sequenced ?? false, options.sndbuf);
  if (typeof pair === 'number') throw new TunError(pair, 'socketpair');
  return pair;
}

/** Closes all descriptors of a device that neither a Device, a Monitor nor a TunLink has taken over. */
export function closeDevice(device: OpenedDevice): void {
  for (const fd of [device.fd, device.bulkFd, device.monitorFd]) if (fd >= 0) closeSync(fd);
  closeNamespaces(device);
}

/** Lets go of the namespaces of a device: a namespace 'new' ends when the last process in it ends. */
export function closeNamespaces(device: OpenedDevice): void {
  for (const fd of [device.netnsFd, device.usernsFd]) if (fd >= 0) closeSync(fd);
}

const NETNS_NONE = 0;
const NETNS_NEW = 1;
const NETNS_PATH = 2;

function specFor(options: OpenOptions): NativeOpenSpec {
  const { mode, netns = 'none', address, peer } = options;
  const name = options.name ?? `${mode}%d`;
  checkName(name);
  const local = address === undefined ? undefined : parseAddress(address, 'address');
  const remote = peer === undefined ? undefined : parseAddress(peer, 'peer');
  if (remote !== undefined && local === undefined) throw invalid('peer needs address');
  if (options.offload !== undefined && options.offload !== 0 && !options.vnetHdr) {
    throw invalid('offload needs vnetHdr');
  }
  return {
    name,
    device: checkLength(options.path ?? '/dev/net/tun', 127),
    netns: netns === 'none' ? NETNS_NONE : netns === 'new' ? NETNS_NEW : NETNS_PATH,
    netnsPath: netns === 'none' || netns === 'new' ? '' : netnsPath(netns),
    tap: mode === 'tap',
    vnetHdr: options.vnetHdr ?? false,
    queues: options.queues ?? 1,
    create: options.create ?? true,
    up: options.up ?? true,
    probe: false,
    offload: options.offload ?? 0,
    sndbuf: checkInteger(options.sndbuf, 'sndbuf'),
    mtu: checkInteger(options.mtu, 'mtu'),
    txqueuelen: checkInteger(
      options.txqueuelen ?? (netns === 'new' ? TXQUEUELEN_OWN : TXQUEUELEN_SHARED),
      'txqueuelen',
    ),
    txqueuelenMin: options.txqueuelen === undefined,
    address: local?.bytes,
    peer: remote?.bytes,
    prefixLength: local?.prefixLength ?? 32,
    hwaddr: options.hwaddr === undefined ? undefined : parseHwaddr(options.hwaddr),
  };
}

/** A bare name is one of `ip netns`. */
function netnsPath(netns: string): string {
  return checkLength(netns.includes('/') ? netns : `/run/netns/${netns}`, 4095);
}

function checkName(name: string): void {
  const length = Buffer.byteLength(name);
  if (length > 15) throw new TunError(36, 'ioctl(TUNSETIFF)', { dev: name });
  // The kernel's dev_valid_name(); it would answer a bare EINVAL.
  if (length === 0 || name === '.' || name === '..' || /[/:\s]/.test(name)) {
    throw new TunError(22, 'ioctl(TUNSETIFF)', { dev: name, hint: 'a name has no space, no / and no :' });
  }
}

function checkLength(path: string, max: number): string {
  if (path.includes('\0') || Buffer.byteLength(path) > max)
    throw new TunError(36, 'open', { path, hint: 'shorten it' });
  return path;
}

function checkInteger(value: number | undefined, what: string): number {
  if (value === undefined) return -1;
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff) {
    throw invalid(`${what} is a whole number from 0 to 2147483647, not ${value}`);
  }
  return value;
}

function invalid(text: string): TypeError {
  return Object.assign(new TypeError(text), { code: 'ERR_INVALID_ARG_VALUE' });
}

function parseAddress(text: string, what: string): { bytes: Uint8Array; prefixLength: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  const octets = match?.slice(1, 5).map(Number) ?? [];
  const prefixLength = Number(match?.[5] ?? 32);
  if (match === null || octets.some((octet) => octet > 255) || prefixLength > 32) {
    throw invalid(`${what} is written as 10.9.0.1/24, not ${text}`);
  }
  return { bytes: Uint8Array.from(octets), prefixLength };
}

function parseHwaddr(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw invalid(`hwaddr is written as 02:00:00:00:00:01, not ${text}`);
  }
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}

function openError(result: NativeOpenResult, spec: NativeOpenSpec): TunError {
  const { syscall } = result;
  const ofNetns = syscall === 'open(netns)' || syscall === 'setns';
  const path = syscall === 'open' ? spec.device : ofNetns ? spec.netnsPath : undefined;
  const mode = spec.tap ? 'tap' : 'tun';
  return new TunError(result.error, syscall, { dev: spec.name, path, mode, userNamespace: result.way === 2 });
}

function opened(result: NativeOpenResult, mode: DeviceMode, vnetHdr: boolean): OpenedDevice {
  const device: OpenedDevice = {
    fd: result.fd,
    bulkFd: result.bulkFd,
    name: result.name,
    ifindex: result.ifindex,
    mtu: result.mtu,
    mode,
    vnetHdrSize: vnetHdr ? VNET_HDR_SIZE : 0,
    txqueuelen: result.txqueuelen,
    up: (result.flags & IFF_UP) !== 0,
    running: (result.flags & IFF_RUNNING) !== 0,
    netnsFd: result.netnsFd,
    usernsFd: result.usernsFd,
    monitorFd: result.monitorFd,
  };
  if (result.hwaddr === undefined) return device;
  return {
    ...device,
    hwaddr: Array.from(result.hwaddr, (octet) => octet.toString(16).padStart(2, '0')).join(':'),
  };
}
