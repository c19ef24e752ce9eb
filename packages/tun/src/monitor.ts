// Hears what others do to a device: `ip link set down`, a new MTU, an address, `ip link del`. Source: rtnetlink(7).
import { Device, ENOBUFS, READ_ROOM, WRITE_STRIDE } from './device.ts';
import { addressesRequest, linkRequest, parseRtnetlink, type RtMessage } from './rtnetlink.ts';

export interface LinkStateEvent {
  readonly type: 'link';
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Up and able to pass packets (IFF_RUNNING). */
  readonly running: boolean;
  /** Octets. */
  readonly mtu: number;
  /** The device is gone from its namespace; nothing follows. */
  readonly deleted: boolean;
}

export interface AddressEvent {
  readonly type: 'address';
  readonly added: boolean;
  readonly address: string;
  readonly prefixLength: number;
}

export type LinkEvent = LinkStateEvent | AddressEvent;

export interface MonitorOptions {
  /** The rtnetlink socket, `OpenedDevice.monitorFd`: closed with the monitor. */
  fd: number;
  ifindex: number;
  /** The state that the first event is compared with. */
  up: boolean;
  running: boolean;
  mtu: number;
  /** Called once per change, not once per message: the kernel repeats itself. */
  onEvent: (event: LinkEvent) => void;
}

/**
 * The monitor of one device. Does not keep the process alive.
 *
 * @example
 * new Monitor({ ...device, fd: device.monitorFd, onEvent: (event) => console.log(event) });
 */
export class Monitor {
  private readonly device: Device;
  private readonly options: MonitorOptions;
  private up: boolean;
  private running: boolean;
  private mtu: number;
  private deleted = false;
  private closed = false;
  private readonly addresses = new Set<string>();
  /** Addresses of the list being received, and whether differences are news: not in the first list. */
  private listed = new Set<string>();
  private firstList = true;
  private forced = false;

  constructor(options: MonitorOptions) {
    this.options = options;
    this.up = options.up;
    this.running = options.running;
    this.mtu = options.mtu;
    this.device = new Device({
      fd: options.fd,
      slab: new Uint8Array(2 * READ_ROOM),
      headroom: 0,
      onReadable: (count) => this.receive(count),
      // Messages were lost: ask how things stand now. After any other error the socket is of no more use.
      onError: (errno) => {
        if (errno === ENOBUFS) this.resynchronize();
      },
    });
    this.device.unref();
    this.device.watchReadable(true);
    this.request(addressesRequest());
  }

  /** Asks how the link stands now; the answer is an event even if nothing changed since the last. */
  refresh(): void {
    this.forced = true;
    this.request(linkRequest(this.options.ifindex));
  }

  close(): void {
    this.closed = true;
    this.device.close();
  }

  private request(bytes: Uint8Array): void {
    this.device.bindArena(0, bytes);
    const record = new Int32Array(WRITE_STRIDE);
    record.set([1, 0, 0, bytes.length]);
    this.device.write(record, 0, 1);
  }

  private receive(count: number): void {
    const messages = this.take(count);
    // Gives the slab back; also when the last read of `take` failed and stopped the watching.
    this.device.consumed();
    for (const event of this.changes(messages)) if (!this.closed) this.options.onEvent(event);
    if (this.device.readErrno === ENOBUFS) this.resynchronize();
  }

  /** All that waits is one look: setting a device up is told twice in a row. */
  private take(count: number): RtMessage[] {
    const { slab, records } = this.device;
    const messages: RtMessage[] = [];
    for (let pending = count; pending > 0; pending = this.device.drained ? 0 : this.device.read()) {
      for (let i = 0; i < pending; i++) {
        messages.push(...parseRtnetlink(slab, records[2 * i], records[2 * i + 1]));
      }
    }
    return messages;
  }

  /** What waits is read first: the answers need the room. */
  private resynchronize(): void {
    if (this.closed) return;
    this.device.watchReadable(true);
    this.receive(this.device.read());
    if (this.closed) return;
    this.listed = new Set();
    this.request(linkRequest(this.options.ifindex));
    this.request(addressesRequest());
  }

  private changes(messages: RtMessage[]): LinkEvent[] {
    const events: LinkEvent[] = [];
    let { up, running, mtu, deleted } = this;
    let told = false;
    for (const message of messages) {
      if (message.kind === 'done') {
        this.endOfList(events);
      } else if (message.ifindex === this.options.ifindex) {
        if (message.kind === 'link') {
          told = true;
          deleted = message.deleted;
          up = message.up;
          running = message.running && !deleted;
          if (message.mtu >= 0) mtu = message.mtu;
        } else if (message.listed) {
          this.listed.add(`${message.address}/${message.prefixLength}`);
        } else {
          const key = `${message.address}/${message.prefixLength}`;
          // News that crosses a list on its way counts as part of it.
          if (message.added) this.listed.add(key);
          else this.listed.delete(key);
          this.address(message.added, key, events);
        }
      }
    }
    const changed =
      up !== this.up || running !== this.running || mtu !== this.mtu || deleted !== this.deleted;
    if (changed || (told && this.forced)) {
      this.forced = false;
      Object.assign(this, { up, running, mtu, deleted });
      events.push({ type: 'link', up: up && !deleted, running, mtu, deleted });
    }
    return events;
  }

  private endOfList(events: LinkEvent[]): void {
    const news: LinkEvent[] = [];
    for (const key of this.listed) this.address(true, key, news);
    for (const key of [...this.addresses]) if (!this.listed.has(key)) this.address(false, key, news);
    if (!this.firstList) events.push(...news);
    this.firstList = false;
    this.listed = new Set();
  }

  private address(added: boolean, key: string, events: LinkEvent[]): void {
    if (added === this.addresses.has(key)) return;
    if (added) this.addresses.add(key);
    else this.addresses.delete(key);
    const [address, prefixLength] = key.split('/');
    events.push({ type: 'address', added, address, prefixLength: Number(prefixLength) });
  }
}
