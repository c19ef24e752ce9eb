// A stack on a TUN, from the flags that all programs share: device, addresses, namespace, capture.

import { Host } from '@tunstack/node';
import type { Interface, Stack } from '@tunstack/stack';
import { formatIp4, formatPrefix, type Prefix, parsePrefix, prefixMask } from '@tunstack/stack/wire';
import {
  linkNetns,
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TunLink,
  unlinkNetns,
} from '@tunstack/tun';
import type { Logger } from 'pino';
import { Capture } from './capture.ts';
import { type Flags, type Given, UsageError, wholeFlag } from './cli.ts';

export const TUN_FLAGS: Flags = {
  tun: { type: 'string', value: 'NAME', default: 'tun%d', help: 'device to make, or to attach to' },
  address: { type: 'string', value: 'ADDR/LEN', default: '10.9.0.2/24', help: 'address of this stack' },
  'host-address': {
    type: 'string',
    value: 'ADDR/LEN',
    default: '10.9.0.1/24',
    help: "the kernel's address on the device",
  },
  gateway: {
    type: 'string',
    value: 'ADDR',
    help: 'next hop of the default route (default: the host address)',
  },
  netns: { type: 'string', value: 'new|PATH|none', default: 'new', help: 'network namespace of the device' },
  mtu: { type: 'string', value: 'BYTES', default: '1500', help: 'MTU of the device' },
  'vnet-hdr': {
    type: 'boolean',
    help: 'leave checksums and segmentation to the kernel, and it to us (IFF_VNET_HDR)',
  },
  write: { type: 'string', short: 'w', value: 'FILE', help: "capture as pcapng ('-': stdout)" },
};

/** An open device with a stack on it. */
export class TunSession {
  readonly host: Host;
  readonly stack: Stack;
  readonly device: OpenedDevice;
  readonly link: TunLink;
  readonly face: Interface;
  /** Address of the stack, and of the kernel on the other side. */
  readonly address: Prefix;
  readonly hostAddress: Prefix;
  /** Fulfilled with one line when the device is gone for good. */
  readonly gone: Promise<string>;
  private readonly capture: Capture | undefined;
  private netnsName: string | undefined = undefined;

  /** Opens all that the flags ask for. Throws UsageError, TunError, or the error of the capture's file. */
  constructor(given: Given, logger: Logger) {
    this.address = prefixFlag(given, 'address');
    this.hostAddress = prefixFlag(given, 'host-address');
    checkPair(this.address, this.hostAddress);
    const gateway = given.text('gateway') ?? formatIp4(this.hostAddress.address);
    if (parsePrefix(`${gateway}/32`) === undefined)
      throw new UsageError(`--gateway takes an address, not '${gateway}'`);
    const vnetHdr = given.on('vnet-hdr');
    this.host = new Host();
    this.stack = this.host.stack();
    // The file first: it is the cheaper one to have failed with.
    const file = given.text('write');
    this.capture =
      file === undefined
        ? undefined
        : new Capture(this.stack, file, (error) => {
            logger.error({ file }, `the capture ends: ${error.message}`);
          });
    this.device = openDevice({
      mode: 'tun',
      name: given.text('tun') ?? 'tun%d',
      netns: given.text('netns') ?? 'new',
      address: given.text('host-address') ?? '',
      mtu: wholeFlag(given, 'mtu', 68, 65_535),
      vnetHdr,
      // What the kernel may leave to us: checksums, and the cutting of what it sends into segments.
      offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 : 0,
    });
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
    this.face = this.stack.addLink(this.link);
    this.configure(gateway);
    this.host.ref();
  }

  /** What the stack does not take is a wrong flag; and the open device must not keep the process alive then. */
  private configure(gateway: string): void {
    try {
      this.stack.addAddress(this.face, formatPrefix(this.address));
      this.stack.addRoute('0.0.0.0/0', this.face, gateway);
    } catch (error) {
      this.host.close();
      this.capture?.close();
      throw new UsageError(`--address: ${(error as Error).message}`);
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

function prefixFlag(given: Given, name: string): Prefix {
  const text = given.text(name) ?? '';
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
