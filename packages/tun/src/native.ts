// Finds and loads the addon, and says what to do when it is not there. Source: node-gyp-build's lookup (build, prebuilds).
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What `open` takes, already checked and flat: see native/open_spec.h. */
export interface NativeOpenSpec {
  name: string;
  device: string;
  netns: number;
  netnsPath: string;
  tap: boolean;
  vnetHdr: boolean;
  queues: number;
  create: boolean;
  up: boolean;
  probe: boolean;
  offload: number;
  sndbuf: number;
  mtu: number;
  txqueuelen: number;
  txqueuelenMin: boolean;
  address: Uint8Array | undefined;
  peer: Uint8Array | undefined;
  prefixLength: number;
  hwaddr: Uint8Array | undefined;
}

/** What came of it. `error` is an errno, 0 when all went well; descriptors are -1 where there are none. */
export interface NativeOpenResult {
  error: number;
  syscall: string;
  /** 0 in this thread, 1 by a helper thread, 2 by a forked child in a user namespace. */
  way: number;
  fd: number;
  bulkFd: number;
  netnsFd: number;
  usernsFd: number;
  monitorFd: number;
  ifindex: number;
  flags: number;
  mtu: number;
  txqueuelen: number;
  name: string;
  hwaddr?: Uint8Array;
}

export interface NativeDescription {
  name: string;
  tap: boolean;
  noPi: boolean;
  vnetHdr: boolean;
  vnetHdrSize: number;
}

/**
 * See device.ts, which wraps it. The first three take their arguments from `control` and leave there what came of them:
 * native/device.h names its slots.
 */
export interface NativeDevice {
  readonly read: () => void;
  readonly resume: () => void;
  readonly write: () => void;
  bindRecords(records: Int32Array): void;
  bindArena(id: number, bytes: Uint8Array): void;
  unbindArena(id: number): void;
  watchReadable(on: boolean): void;
  watchWritable(on: boolean): void;
  setRef(on: boolean): void;
  close(): void;
}

export interface NativeBinding {
  open(spec: NativeOpenSpec): NativeOpenResult;
  describe(fd: number): NativeDescription | undefined;
  socketPair(sequenced: boolean, sndbuf?: number): [number, number] | number;
  Device: new (
    fd: number,
    bulkFd: number,
    slab: Uint8Array,
    control: Int32Array,
    headroom: number,
    align: number,
    ownsFds: boolean,
    onReadable: () => void,
    onWritable: () => void,
    onError: () => void,
  ) => NativeDevice;
}

let loaded: NativeBinding | undefined;

/**
 * The addon. Loaded at the first call, so that importing this package works on any system.
 *
 * @throws Error with `code` ERR_TUNSTACK_ADDON and a `hint` when the system is not Linux or no binary fits.
 */
export function native(): NativeBinding {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux') {
    throw addonError(
      `no TUN/TAP on ${process.platform}`,
      'run this on Linux; the stack itself works anywhere',
    );
  }
  const require = createRequire(import.meta.url);
  // The package's root, seen from src/ and from dist/ alike.
  const root = fileURLToPath(new URL('..', import.meta.url));
  try {
    const load = require('node-gyp-build') as (directory: string) => NativeBinding;
    loaded = load(root);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw addonError(
      reason,
      `node ${root}scripts/build.mjs   (needs a C++ compiler: apt install g++)`,
      cause,
    );
  }
  return loaded;
}

function addonError(reason: string, hint: string, cause?: unknown): Error {
  const error = new Error(`the TUN/TAP addon cannot be loaded: ${reason}; try: ${hint}`, { cause });
  return Object.assign(error, { code: 'ERR_TUNSTACK_ADDON', hint });
}
