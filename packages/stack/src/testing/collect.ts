// Reads all that waits in a datagram socket, as copies that may be kept.

import type { Datagram } from '../socket/datagram.ts';

export interface Collected {
  readonly from: string;
  readonly data: readonly number[];
}

/** What waits, in order. */
export function collect(socket: { receive(): Datagram | undefined }): Collected[] {
  const all: Collected[] = [];
  for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
    all.push({
      from: `${d.addressText}:${d.port}`,
      data: [...d.bytes.subarray(d.offset, d.offset + d.length)],
    });
  }
  return all;
}
