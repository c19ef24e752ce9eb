// A stack on a TUN or TAP, from the flags that all programs share: device, addresses, namespace, capture.

import { Host } from '@tunstack/node';
import type { Interface, Options, Stack } from '@tunstack/stack';
import {
  formatIp4,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixMask,
  wr16,
  wr32,
} from '@tunstack/stack/wire';
import {
  linkNetns,
  nsenterCommand,
  type OpenedDevice,
  type OpenOptions,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_USO,
  TunLink,
  unlinkNetns,
} from '@tunstack/tun';
import type { Logger } from 'pino';
import { Capture } from './capture.ts';
import { type Flags, type Given, UsageError, wholeFlag } from './cli.ts';
import { formatMac } from './dump-line.ts';

export const TUN_FLAGS: Flags = {
  tun: { type: 'string', value: 'NAME', help: 'TUN to make, or to attach to (default tun%d)' },
  tap: {
    type: 'string',
    value: 'NAME',
    help: 'TAP instead, or the node of a macvtap, /dev/tapN',
  },
  mac: {
    type: 'string',
    value: 'MAC',
    help: "station address of this stack on a TAP (default: drawn; a macvtap's own)",
  },
  address: { type: 'string', value: 'ADDR/LEN', default: '10.9.0.2/24', help: 'address of this stack' },
  'host-address': {
    type: 'string',
    value: 'ADDR/LEN',
    help: "the kernel's address on the device, or none (default 10.9.0.1/24; none on a macvtap)",
  },
  gateway: {
    type: 'string',
    value: 'ADDR',
    help: 'next hop of the default route (default: the host address)',
  },
  netns: {
    type: 'string',
    value: 'new|PATH|none',
    help: 'network namespace of the device (default new; none for a macvtap)',
  },
  mtu: { type: 'string', value: 'BYTES', help: 'MTU of the device (default: as it is; a new one has 1500)' },
  'vnet-hdr': {
    type: 'boolean',
    help: 'leave checksums and segmentation to the kernel, and it to us (IFF_VNET_HDR)',
  },
  write: { type: 'string', short: 'w', value: 'FILE', help: "capture as pcapng ('-': stdout)" },
};

/** What the flags say of the device and of those on both sides of it. Nothing is opened yet. */
interface Plan {
  readonly address: Prefix;
  readonly hostAddress: Prefix | undefined;
  /** Next hop of the default route, if there is to be one. */
  readonly gateway: string | undefined;
  /** The station address that was asked for. */
  readonly mac: string | undefined;
  readonly macvtap: boolean;
  readonly device: OpenOptions;
}

/** Where TUNs and TAPs come from; macvtaps have a node each. */
const TUN_NODE = '/dev/net/tun';

/** An open device with a stack on it. */
export class TunSession {
  readonly host: Host;
  readonly stack: Stack;
  readonly device: OpenedDevice;
  readonly link: TunLink;
  readonly face: Interface;
  /** Address of the stack, and of the kernel on the other side if it has one there. */
  readonly address: Prefix;
  readonly hostAddress: Prefix | undefined;
  /** Station address of the stack, on a TAP. */
  readonly mac: string | undefined;
  /** Fulfilled with one line when the device is gone for good. */
  readonly gone: Promise<string>;
  private readonly capture: Capture | undefined;
  private netnsName: string | undefined = undefined;

  /** Opens all that the flags ask for. Throws UsageError, TunError, or the error of the capture's file. */
  constructor(given: Given, logger: Logger, options: Partial<Options> = {}) {
    const plan = planFrom(given);
    this.address = plan.address;
    this.hostAddress = plan.hostAddress;
    this.host = new Host();
    this.stack = this.host.stack(options);
    // The file first: it is the cheaper one to have failed with.
    const file = given.text('write');
    this.capture =
      file === undefined
        ? undefined
        : new Capture(this.stack, file, (error) => {
            logger.error({ file }, `the capture ends: ${error.message}`);
          });
    this.device = openDevice(plan.device);
    let tellGone: (text: string) => void = () => {};
    this.gone = new Promise((resolve) => {
      tellGone = resolve;
    });
    this.link = new TunLink({
      device: this.device,
      pool: this.host.pool,
      onEvent: ({ type, text }) => {
        logger.info({ iface: this.device.name, type }, text);
        if (type === 'gone') tellGone(text);
      },
    });
    this.stack.ethernet.handler = {
      conflict: (iface, address, mac) =>
        logger.warn({ iface, type: 'conflict' }, `another station, ${mac}, says that it is ${address}`),
    };
    this.face = this.configure(plan);
    this.mac = this.device.mode === 'tap' ? stationAddress(this.face) : undefined;
    this.host.ref();
  }

  /** What the stack does not take is a wrong flag; and the open device must not keep the process alive then. */
  private configure({ address, gateway, mac, macvtap }: Plan): Interface {
    let flag = '--mac';
    try {
      const { hwaddr } = this.device;
      // A macvtap is handed what is sent to the address of its device, and no other unicast.
      if (macvtap && mac !== undefined && mac.toLowerCase() !== hwaddr) {
        throw new Error(`a macvtap has its own: ip link set ${this.device.name} address ${mac}`);
      }
      if (!macvtap && mac !== undefined && mac.toLowerCase() === hwaddr)
        throw new Error(`${mac} is the kernel's on this device`);
      const face = this.stack.addLink(this.link, undefined, macvtap ? hwaddr : mac);
      flag = '--address';
      this.stack.addAddress(face, formatPrefix(address));
      flag = '--gateway';
      if (gateway !== undefined) this.stack.addRoute('0.0.0.0/0', face, gateway);
      return face;
    } catch (error) {
      this.link.close();
      this.host.close();
      this.capture?.close();
      throw new UsageError(`${flag}: ${(error as Error).message}`);
    }
  }

  /** Words in front of a command that is to run where the device is. */
  get enter(): string[] {
    return nsenterCommand(this.device);
  }

  /** Makes the namespace known to `ip netns exec`; answers the name, or undefined where that cannot be. */
  nameNetns(name: string): string | undefined {
    if (this.device.netnsFd < 0) return undefined;
    for (const candidate of [name, `${name}-${process.pid}`]) {
      try {
        linkNetns(this.device, candidate);
        this.netnsName = candidate;
        return candidate;
      } catch {
        // Taken by another one that runs, or not permitted: `enter` works all the same.
      }
    }
    return undefined;
  }

  close(): void {
    if (this.netnsName !== undefined) unlinkNetns(this.netnsName);
    this.host.unref();
    this.host.close();
    this.capture?.close();
  }
}

function planFrom(given: Given): Plan {
  const address = prefixFlag(given, 'address', '10.9.0.2/24');
  const hostAddress = hostAddressFlag(given);
  if (hostAddress !== undefined) checkPair(address, hostAddress);
  const gateway =
    given.text('gateway') ?? (hostAddress === undefined ? undefined : formatIp4(hostAddress.address));
  if (gateway !== undefined && parsePrefix(`${gateway}/32`) === undefined)
    throw new UsageError(`--gateway takes an address, not '${gateway}'`);
  const mac = given.text('mac');
  if (mac !== undefined && given.text('tap') === undefined) {
    throw new UsageError('--mac names a station on Ethernet: give --tap, too');
  }
  // An odd first octet names a group.
  if (mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac)) {
    throw new UsageError(`--mac takes the address of one station, as 02:00:00:00:00:02, not '${mac}'`);
  }
  const device = deviceFlags(given, hostAddress);
  return { address, hostAddress, gateway, mac, macvtap: device.path !== undefined, device };
}

/** What is to be opened. Throws UsageError. */
function deviceFlags(given: Given, hostAddress: Prefix | undefined): OpenOptions {
  const [tun, tap] = [given.text('tun'), given.text('tap')];
  if (tun !== undefined && tap !== undefined) {
    throw new UsageError('--tun and --tap name one device each: give one of them');
  }
  if (tap === TUN_NODE) {
    throw new UsageError('--tap takes a name, as tap0, or the node of a macvtap, as /dev/tap7');
  }
  const vnetHdr = given.on('vnet-hdr');
  return {
    ...(isMacvtap(given)
      ? { mode: 'tap', path: tap ?? '' }
      : { mode: tap === undefined ? 'tun' : 'tap', name: tun ?? tap ?? 'tun%d' }),
    netns: netnsFlag(given),
    ...(hostAddress !== undefined && { address: formatPrefix(hostAddress) }),
    ...(given.text('mtu') !== undefined && { mtu: wholeFlag(given, 'mtu', 68, 65_535) }),
    vnetHdr,
    queues: vnetHdr && !isMacvtap(given) ? 2 : 1,
    // What the kernel may leave to us: checksums, and the cutting of what it sends into segments and datagrams.
    offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | TUN_F_USO : 0,
  };
}

/** The name of no device has a slash in it. */
function isMacvtap(given: Given): boolean {
  const tap = given.text('tap') ?? '';
  return tap.includes('/') && tap !== TUN_NODE;
}

/** `new`, `none`, a name or a path. A macvtap is where its lower device is: in a new namespace there is none. */
export function netnsFlag(given: Given): string {
  return given.text('netns') ?? (isMacvtap(given) ? 'none' : 'new');
}

/** The kernel's address on the device. None: it has one elsewhere, as on the bridge that the device is a port of. */
export function hostAddressFlag(given: Given): Prefix | undefined {
  const fallback = isMacvtap(given) ? 'none' : '10.9.0.1/24';
  const text = given.text('host-address') ?? fallback;
  if (text === 'none') return undefined;
  if (isMacvtap(given)) {
    throw new UsageError('--host-address: no kernel is behind a macvtap; name the next hop by --gateway');
  }
  return prefixFlag(given, 'host-address', fallback);
}

function stationAddress({ etherHigh, etherLow }: Interface): string {
  const octets = new Uint8Array(6);
  wr16(octets, 0, etherHigh);
  wr32(octets, 2, etherLow);
  return formatMac(octets, 0);
}

function prefixFlag(given: Given, name: string, fallback: string): Prefix {
  const text = given.text(name) ?? fallback;
  const prefix = parsePrefix(text);
  if (prefix === undefined || !text.includes('/')) {
    throw new UsageError(`--${name} takes an address with prefix length, as 10.9.0.2/24, not '${text}'`);
  }
  const host = ~prefixMask(prefix.length);
  if (prefix.length < 31 && [0, host].includes(prefix.address & host)) {
    throw new UsageError(`--${name} ${text} is no host's: a network and its broadcast have these`);
  }
  return prefix;
}

function checkPair(ours: Prefix, theirs: Prefix): void {
  if (ours.address === theirs.address) {
    throw new UsageError(
      `--address and --host-address are both ${formatIp4(ours.address)}: the two ends need one each`,
    );
  }
  if (((ours.address ^ theirs.address) & prefixMask(theirs.length)) !== 0) {
    throw new UsageError(
      `--address ${formatIp4(ours.address)} is not in the network of --host-address: the kernel would not find it`,
    );
  }
}
