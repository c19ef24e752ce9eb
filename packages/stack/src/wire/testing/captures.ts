// Frames that Linux sent over `lo`, captured with tcpdump: `ping -c1 10.9.0.1`, and `echo -n hello > /dev/udp/10.9.0.1/7`.

import { hex } from './hex.ts';

export const ECHO_REQUEST: Uint8Array = hex(`
  4500 0054 c981 4000 4001 5d14 0a09 0001 0a09 0001 0800 960a 5664 0001 9972 006b
  0000 0000 a6df 0c00 0000 0000 1011 1213 1415 1617 1819 1a1b 1c1d 1e1f 2021 2223
  2425 2627 2829 2a2b 2c2d 2e2f 3031 3233 3435 3637`);

export const ECHO_REPLY: Uint8Array = hex(`
  4500 0054 c982 0000 4001 9d13 0a09 0001 0a09 0001 0000 9e0a 5664 0001 9972 006b
  0000 0000 a6df 0c00 0000 0000 1011 1213 1415 1617 1819 1a1b 1c1d 1e1f 2021 2223
  2425 2627 2829 2a2b 2c2d 2e2f 3031 3233 3435 3637`);

/** Its checksum field holds the pseudo-header's sum only: loopback completes no checksum. */
export const UDP_HELLO: Uint8Array = hex(`
  4500 0021 bc24 4000 4011 6a94 0a09 0001 0a09 0001 9782 0007 000d 1432 6865 6c6c 6f`);

export const PORT_UNREACHABLE: Uint8Array = hex(`
  45c0 003d c983 0000 4001 9c69 0a09 0001 0a09 0001 0303 0d62 0000 0000 4500 0021
  bc24 4000 4011 6a94 0a09 0001 0a09 0001 9782 0007 000d 1432 6865 6c6c 6f`);
