// What `ping` prints (iputils): a line per reply, and the two closing lines.

/** Round trips, in milliseconds. */
export class PingReport {
  transmitted = 0;
  received = 0;
  duplicates = 0;
  errors = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = 0;
  private sum = 0;
  private squares = 0;
  private ewma = 0;

  reply(rttMs: number): void {
    this.received++;
    // Each reply weighs an eighth, the first all.
    this.ewma += this.received === 1 ? rttMs : (rttMs - this.ewma) / 8;
    this.min = Math.min(this.min, rttMs);
    this.max = Math.max(this.max, rttMs);
    this.sum += rttMs;
    this.squares += rttMs * rttMs;
  }

  /** Smallest, mean and largest round trip and their standard deviation, or undefined without a reply. */
  get rtt(): { min: number; avg: number; max: number; mdev: number } | undefined {
    if (this.received === 0) return undefined;
    const avg = this.sum / this.received;
    const mdev = Math.sqrt(Math.max(0, this.squares / this.received - avg * avg));
    return { min: this.min, avg, max: this.max, mdev };
  }

  /** Share of the requests that got no reply, 0 .. 1. */
  get loss(): number {
    return this.transmitted === 0 ? 0 : (this.transmitted - this.received) / this.transmitted;
  }

  /** The line that `ping` prints at SIGQUIT: `3/3 packets, 0% loss, min/avg/ewma/max = ...`. */
  interim(): string {
    const { rtt } = this;
    const values = rtt === undefined ? [] : [rtt.min, rtt.avg, this.ewma, rtt.max];
    const times = values.map((value) => value.toFixed(3)).join('/');
    const told = times === '' ? '' : `, min/avg/ewma/max = ${times} ms`;
    return `${this.received}/${this.transmitted} packets, ${Math.trunc(this.loss * 100)}% loss${told}\n`;
  }

  /**
   * The statistics block that `ping` ends with. `elapsedMs`: from the first request to the last request or reply. In a
   * flood the time between two requests and the moving average are told too.
   */
  closing(target: string, elapsedMs: number, flood = false): string {
    const duplicates = this.duplicates > 0 ? `, +${this.duplicates} duplicates` : '';
    const errors = this.errors > 0 ? `, +${this.errors} errors` : '';
    const loss = Number((this.loss * 100).toPrecision(6));
    const lines = [
      '',
      `--- ${target} ping statistics ---`,
      `${this.transmitted} packets transmitted, ${this.received} received${duplicates}${errors}, ${loss}% packet loss, time ${Math.round(elapsedMs)}ms`,
    ];
    const { rtt } = this;
    if (rtt !== undefined) {
      const values = [rtt.min, rtt.avg, rtt.max, rtt.mdev].map((value) => value.toFixed(3)).join('/');
      const gap = (elapsedMs / (this.transmitted - 1)).toFixed(3);
      const pace = flood && this.transmitted > 1 ? `, ipg/ewma ${gap}/${this.ewma.toFixed(3)} ms` : '';
      lines.push(`rtt min/avg/max/mdev = ${values} ms${pace}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** Three significant figures, as ping prints a time: `0.401`, `12.3`, `145`. */
export function formatRtt(ms: number): string {
  if (ms < 1) return ms.toFixed(3);
  if (ms < 10) return ms.toFixed(2);
  return ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
}

const UNREACHABLE: readonly string[] = [
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  'Frag needed and DF set',
  'Source Route Failed',
];

/** The words of ping for an ICMP error. */
export function describeError(type: number, code: number, mtu: number): string {
  if (type === 3) {
    const words =
      UNREACHABLE[code] ?? (code === 13 ? 'Packet filtered' : `Dest Unreachable, Bad Code: ${code}`);
    return code === 4 ? `${words} (mtu = ${mtu})` : words;
  }
  if (type === 11) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  return type === 12 ? 'Parameter problem' : `Bad ICMP type: ${type}`;
}
