// Linux's struct tcp_info by the names that Python blocks use: `tcpi_snd_cwnd` and its kin, from what a socket tells of itself.

import type { Descriptor } from './descriptor.ts';
import { TcpDescriptor } from './tcp-descriptor.ts';

/** undefined: no TCP connection, or one that tells nothing. */
export function tcpInfoOf(descriptor: Descriptor | undefined): Readonly<Record<string, number>> | undefined {
  if (!(descriptor instanceof TcpDescriptor) || descriptor.socket === undefined) return undefined;
  const { socket } = descriptor;
  if (socket.closed) return undefined;
  const members: Record<string, number> = {};
  for (const [name, value] of Object.entries(socket.tcpInfo())) members[memberName(name)] = Number(value);
  return members;
}

/** `sndCwnd` is tcpi_snd_cwnd. */
function memberName(name: string): string {
  return `tcpi_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}
