// What a peer is: another stack's TCP server on the TUN of the bench, built from what Debian packages.

/**
 * A TCP server in a program of its own. It inherits the TUN as fd 3 (IFF_TUN | IFF_NO_PI; with a virtio_net_hdr of 10 octets
 * before each packet when `offload`), is 10.9.0.2/24 on it, the kernel is 10.9.0.1; it has no other device.
 *
 * The rig appends four words to what `build` answers: SINK_PORT SOURCE_PORT ECHO_PORT MTU. The program prints "ready" when it
 * serves, any number of connections at once, and ends on SIGTERM. The sink reads and discards; the source writes for ever to
 * whoever connects; the echo sends back what comes, with TCP_NODELAY. All close when the client closes.
 */
export interface Peer {
  readonly name: string;
  /** Whether its TUN is to have IFF_VNET_HDR. */
  readonly offload: boolean;
  /** Whether its TUN is to have a second queue, inherited as fd 4. */
  readonly bulkQueue?: boolean;
  /** Builds it, or finds it built: the words that start it. Throws `CannotBuild`. */
  build(): Promise<readonly string[]>;
}

/** Why a peer cannot be built here, and the remedy: its rows stay open, and say so. */
export class CannotBuild extends Error {
  override name = 'CannotBuild';
}
