// @tunstack/tun: Linux TUN/TAP devices. The only package with native code.
export {
  BATCH_MAX,
  Device,
  type DeviceOptions,
  END_OF_STREAM,
  READ_ROOM,
  SLAB_HEADROOM,
  SLAB_SIZE,
  VERIFIED,
  WRITE_MARKS,
  WRITE_PIECES,
  WRITE_STRIDE,
} from './device.ts';
export { describeErrno, type FailureContext, hintFor, TunError } from './errors.ts';
export { findTool } from './find-tool.ts';
export {
  type AddressEvent,
  type LinkEvent,
  type LinkStateEvent,
  Monitor,
  type MonitorOptions,
} from './monitor.ts';
export { linkNetns, NETNS_DIR, nsenterCommand, unlinkNetns } from './netns.ts';
export {
  type AdoptOptions,
  adoptDevice,
  closeDevice,
  closeNamespaces,
  type DeviceMode,
  type OpenedDevice,
  type OpenOptions,
  openDevice,
  socketPair,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO,
  TXQUEUELEN_OWN,
  TXQUEUELEN_SHARED,
  VNET_HDR_SIZE,
} from './open.ts';
export { formatPreflight, type Preflight, type PreflightCheck, preflight } from './preflight.ts';
export { TunLink, type TunLinkEvent, type TunLinkOptions, TX_QUEUE } from './tun-link.ts';
export { pushMarks, readMarks } from './vnet.ts';
