// What the programs are made of, for those who make their own.

export { KernelTarget } from './kernel-target.ts';
export { type ServiceCounters, Services } from './services.ts';
export { main as start } from './start.ts';
export { main as tunDump } from './tun-dump.ts';
export { main as tunEcho } from './tun-echo.ts';
export { main as tunIperf3 } from './tun-iperf3.ts';
export { main as tunPacketdrill } from './tun-packetdrill.ts';
export { main as tunPing } from './tun-ping.ts';
export { main as tunWire } from './tun-wire.ts';
