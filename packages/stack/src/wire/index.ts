// The hot face of the wire: functions over (bytes, offset), no allocation. The human face is `dissect` and `craft`.
export * from './address.ts';
export * from './bytes.ts';
export * from './checksum.ts';
export * from './icmpv4.ts';
export * from './ipv4.ts';
export * from './ipv4-options.ts';
export * from './tcp.ts';
export * from './tcp-options.ts';
export * from './udp.ts';
export * from './virtio-net.ts';
