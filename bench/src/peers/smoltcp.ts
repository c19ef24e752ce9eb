// smoltcp, which is no peer: no Debian has packaged it (looked for in bullseye, bookworm, trixie and sid in November 2026, as
// source rust-smoltcp and as librust-smoltcp-dev), and the bench takes its peers from Debian only.

import { CannotBuild, type Peer } from './peer.ts';

export const smoltcp: Peer = {
  name: 'smoltcp',
  offload: false,
  build() {
    return Promise.reject(
      new CannotBuild(
        'Debian has no package of smoltcp; once it has librust-smoltcp-dev, write bench/native/smoltcp',
      ),
    );
  },
};
