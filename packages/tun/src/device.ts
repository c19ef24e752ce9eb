// Batched packet I/O on a TUN/TAP descriptor: one call into JavaScript for up to 256 packets, one call out. Source:
// native/device.cc, device_read.cc, device_write.cc; measured choices in docs/decisions.
//
//   slab  |..headroom..|pad|packet 0      |..headroom..|pad|packet 1|..headroom..|            free           |
//                           ^ offset[0]                      ^ offset[1]          ^ next: only if 65,600 are left
//
// Each packet lies right behind the one before ("bump"), so a batch of small ones stays in the cache and a 64 KiB
// super-segment always fits. `align` octets into the packet, where its IP header starts, is a multiple of 4.
import { BULK_PATIENCE_US } from '@tunstack/stack/contract';
import { TunError } from './errors.ts';
import { type NativeDevice, native } from './native.ts';

/** Most packets of one batch. */
export const BATCH_MAX = 256;
/** Free octets that a read wants: 10 of vnet header, 18 of Ethernet with a tag, 65,535 of IP, rounded up. */
export const READ_ROOM = 65_600;
/** The slab, octets: 1 MiB is 16 super-segments, and stays in the cache. */
export const SLAB_SIZE: number = 1 << 20;
/** Octets kept free in front of each packet, for headers that are pushed. */
export const SLAB_HEADROOM = 64;

/** Int32s per packet in a write batch: n, or n + WRITE_BULK, then four times (arena, offset, length), then four marks. */
export const WRITE_STRIDE = 17;
export const WRITE_PIECES = 4;
/**
 * Where the marks begin, for a device that takes no vnet header: [network, start, at, gsoSize], octets from the packet's
 * beginning. The checksum of all from `start` on goes to `at`, where the pseudo-header's sum stands, and a super-segment
 * leaves in segments of `gsoSize` octets of text. `start` 0: the packet leaves as it is; `gsoSize` 0: as one.
 */
export const WRITE_MARKS: number = 1 + 3 * WRITE_PIECES;
/** The packet goes by the second queue, and with it what its flow is sent from now on. */
export const WRITE_BULK = 256;

/** Added to the length of a packet whose checksum the addon has verified. */
export const VERIFIED: number = 1 << 30;

/** Octets of the second queue in one batch: 4 super-segments, 30 us. Who comes to the first one meanwhile waits for no more. */
export const BULK_OCTETS: number = 1 << 18;

/** `readErrno` and `onError` of a stream that ended: a read of 0 octets. */
export const END_OF_STREAM = -1;

export const EAGAIN = 11;
export const EIO = 5;
export const EBADFD = 77;
export const EBADF = 9;
export const ENOBUFS = 105;
export const ENOMEM = 12;

// Slots of `control`, as native/device.h has them.
const COUNT = 0;
const DRAINED = 1;
const READ_ERRNO = 2;
const READ_LIMIT = 3;
const HOLDING = 4;
const STOPPED = 5;
const WRITE_FROM = 6;
const WRITE_COUNT = 7;
const WRITTEN = 8;
const WRITE_ERRNO = 9;
const REJECTED = 10;
const BULK_LIMIT = 11;
const WRITE_BEGUN = 12;
const VERIFY = 13;
const PATIENCE_US = 14;
const RECORDS = 16;
const CONTROL_LENGTH: number = RECORDS + 2 * BATCH_MAX;

export interface DeviceOptions {
  /** Nonblocking or not: it is made so. */
  fd: number;
  /**
   * The second queue of the same device (IFF_MULTI_QUEUE), for bulk: a batch has what waits in the first, and BULK_OCTETS of
   * this one. Default -1: there is none.
   */
  bulkFd?: number;
  /** Octets of a packet in front of its network header: 0 TUN, 10 with vnet header, 14 TAP, 24 TAP with vnet header. */
  align?: number;
  /** Default 64. */
  headroom?: number;
  /**
   * Where IPv4 begins in a packet: the checksum of TCP or UDP is verified, and the length in `records` has VERIFIED added where it
   * holds. Default: nothing is looked at.
   */
  verifyAt?: number;
  /** Default a new one of 1 MiB. Starts where its ArrayBuffer starts or on a multiple of 4; never resized or moved. */
  slab?: Uint8Array;
  /** close() closes fd and bulkFd. Default true. */
  ownsFd?: boolean;
  /** A batch lies in `slab`, as `records` says; it stays until `consumed()` or the next `read()`. */
  onReadable: (count: number, drained: boolean) => void;
  /** The device takes packets again. Once for each `watchWritable(true)`. */
  onWritable?: () => void;
  /**
   * Reading failed (errno, or END_OF_STREAM) and has stopped. Once: `watchReadable(true)` tries again, for instance
   * after a link event.
   */
  onError: (errno: number) => void;
}

/**
 * A descriptor on the event loop. It keeps the process alive until `close()` or `unref()`. Handlers run from the event
 * loop; what they throw is an uncaught exception.
 *
 * @throws TunError when the event loop cannot watch the descriptor (a plain file, a closed one)
 * @throws RangeError for a slab that is too small or not aligned
 * @example
 * const device = new Device({ fd, onReadable: (count) => {
 *   for (let i = 0; i < count; i++) handle(device.slab, device.records[2 * i], device.records[2 * i + 1]);
 *   device.consumed();
 * }, onError: (errno) => console.error(describeErrno(errno)) });
 * device.watchReadable(true);
 */
export class Device {
  readonly slab: Uint8Array;
  /** [offset, length (+ VERIFIED)] of each packet of the batch. */
  readonly records: Int32Array;
  /** What is said between here and the addon: in a SharedArrayBuffer, for that cannot be moved away from its address. */
  private readonly control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_LENGTH));
  private readonly native: NativeDevice;
  /** What the addon writes from. */
  private bound: Int32Array | undefined = undefined;

  constructor(options: DeviceOptions) {
    const { onReadable, onError } = options;
    const { control } = this;
    this.slab = options.slab ?? new Uint8Array(SLAB_SIZE);
    this.records = control.subarray(RECORDS);
    control[BULK_LIMIT] = BULK_OCTETS;
    control[PATIENCE_US] = BULK_PATIENCE_US;
    control[VERIFY] = options.verifyAt === undefined ? 0 : 1 + options.verifyAt;
    refuseResizable(this.slab);
    try {
      this.native = new (native().Device)(
        options.fd,
        options.bulkFd ?? -1,
        this.slab,
        control,
        options.headroom ?? SLAB_HEADROOM,
        options.align ?? 0,
        options.ownsFd ?? true,
        () => onReadable(control[COUNT], control[DRAINED] !== 0),
        options.onWritable ?? (() => {}),
        () => onError(control[READ_ERRNO]),
      );
    } catch (error) {
      const errno = (error as { errno?: unknown }).errno;
      if (typeof errno !== 'number') throw error;
      const hint = 'the event loop can watch devices, sockets and pipes, not files';
      throw new TunError(errno, 'uv_poll_init', { dev: `fd ${options.fd}`, hint });
    }
  }

  /** The last batch ended because nothing was left (EAGAIN), not because it or the slab was full. */
  get drained(): boolean {
    return this.control[DRAINED] !== 0;
  }

  /** Why the last `read()` brought nothing: an errno, END_OF_STREAM, or 0. */
  get readErrno(): number {
    return this.control[READ_ERRNO];
  }

  /** What stopped the last `write()` before its end: an errno (EAGAIN, EIO, EBADFD ...), or 0. */
  get writeErrno(): number {
    return this.control[WRITE_ERRNO];
  }

  /** How many segments of the packet that stopped the last `write()` are gone. */
  get writeBegun(): number {
    return this.control[WRITE_BEGUN];
  }

  /** How many packets of the last `write()` the kernel refused for what is in them. */
  get rejected(): number {
    return this.control[REJECTED];
  }

  /**
   * Gives the last batch back and reads the next at once, without waiting for the event loop.
   *
   * @returns packets read, at most `limit`; on 0 see `readErrno`: an error has stopped reading, as with `onError`.
   */
  read(limit: number = BATCH_MAX): number {
    const { control } = this;
    control[READ_LIMIT] = limit;
    this.native.read();
    return control[COUNT];
  }

  /** Gives the batch back: the slab may be filled again. */
  consumed(): void {
    const { control } = this;
    control[HOLDING] = 0;
    if (control[STOPPED] !== 0) this.native.resume();
  }

  /**
   * Writes packets, one system call each, from arenas bound before.
   *
   * @param records WRITE_STRIDE integers a packet, from packet `from` on: n (1 to 4; + WRITE_BULK: by the second queue, if
   *   there is one), then n times arena, offset, length, and at WRITE_MARKS what is left to do to it
   * @param begun segments of the first packet that an earlier write sent, as `writeBegun` said
   * @returns packets dealt with. Fewer than `count`: see `writeErrno`; the rest is still the caller's. A packet that the
   *   kernel refused for its content (EINVAL, EMSGSIZE) counts as dealt with: its n becomes -errno, `rejected` says how many.
   * @throws RangeError when a record points outside the bound arenas: a bug. The packets before it were written.
   * @example
   * device.bindArena(0, bytes);
   * const records = new Int32Array(WRITE_STRIDE);
   * records.set([1, 0, 128, 84]);
   * device.write(records, 0, 1);  // 84 octets at 128 of arena 0
   */
  write(records: Int32Array, from: number, count: number, begun = 0): number {
    if (records !== this.bound) {
      this.native.bindRecords(records);
      this.bound = records;
    }
    const { control } = this;
    control[WRITE_FROM] = from;
    control[WRITE_COUNT] = count;
    control[WRITE_BEGUN] = begun;
    this.native.write();
    return control[WRITTEN];
  }

  /**
   * Makes memory known to `write` under a number from 0 to 65,535. It is kept alive until `unbindArena` or `close`, and
   * must not be resized or transferred.
   *
   * @throws RangeError, TypeError
   */
  bindArena(id: number, bytes: Uint8Array): void {
    refuseResizable(bytes);
    this.native.bindArena(id, bytes);
  }

  unbindArena(id: number): void {
    this.native.unbindArena(id);
  }

  /** Asks for batches, or stops. Off at first, and after an error. */
  watchReadable(on: boolean): void {
    this.native.watchReadable(on);
  }

  /** Asks for one `onWritable`. */
  watchWritable(on: boolean): void {
    this.native.watchWritable(on);
  }

  ref(): void {
    this.native.setRef(true);
  }

  /** Lets the process end although the device is open. */
  unref(): void {
    this.native.setRef(false);
  }

  /** Closes the descriptor and lets go of all memory. No handler runs afterwards. Again: nothing happens. */
  close(): void {
    this.native.close();
  }
}

/** The kernel writes into this memory by address: a buffer that can shrink would pull it away. */
function refuseResizable(bytes: Uint8Array): void {
  const buffer = bytes.buffer as { resizable?: boolean; growable?: boolean };
  if (buffer.resizable === true || buffer.growable === true || !(bytes.buffer instanceof ArrayBuffer)) {
    throw new RangeError('a slab or an arena lies in an ArrayBuffer of fixed length');
  }
}
