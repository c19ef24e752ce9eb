// Frames that Linux sent over `lo`, captured with tcpdump: `ping -c1 10.9.0.1`, `echo -n hello > /dev/udp/10.9.0.1/7`, and
// a connection to 10.9.0.1:7 that was told hello.

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

/** Their checksum fields hold the pseudo-header's sum only; tcpdump says which ones were right. */
export const TCP_SYN_OF_LINUX: Uint8Array = hex(`
  4500 003c 5dde 4000 4006 c8ca 0a09 0001 0a09 0001 83ba 0007 b90d 5623 0000 0000
  a002 ffd7 1442 0000 0204 ffd7 0402 080a 42dc e9f5 0000 0000 0103 030a`);
export const TCP_SYN_CHECKSUM = 0x7a29;

export const TCP_HELLO: Uint8Array = hex(`
  4500 0039 47c5 4000 4006 dee6 0a09 0001 0a09 0001 0007 83ba 510b d6c4 b90d 5624
  8018 0040 143f 0000 0101 080a 4208 413a 42dc e9f5 6865 6c6c 6f`);
export const TCP_HELLO_CHECKSUM = 0xb3b2;
