// Stacks on the Node.js event loop: public names.
export { NodeClock } from './clock.ts';
export { NodeEntropy } from './entropy.ts';
export { Host, type HostOptions } from './host.ts';
export type {
  TcpListenOptions,
  TcpServerOptions,
  TcpSocketConnectOptions,
  TcpSocketOptions,
} from './tcp-options.ts';
export { type TcpDrop, TcpServer, type TcpServerEvents } from './tcp-server.ts';
export { type TcpReadyState, TcpSocket } from './tcp-socket.ts';
export { type AddressInfo, type RemoteInfo, UdpSocket, type UdpSocketEvents } from './udp-socket.ts';
