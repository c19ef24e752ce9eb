// Stacks on the Node.js event loop: public names.
export { NodeClock } from './clock.ts';
export { NodeEntropy } from './entropy.ts';
export { Host, type HostOptions } from './host.ts';
export {
  type TcpDrop,
  type TcpListenOptions,
  TcpServer,
  type TcpServerEvents,
  type TcpServerOptions,
} from './tcp-server.ts';
export {
  type TcpReadyState,
  TcpSocket,
  type TcpSocketConnectOptions,
  type TcpSocketOptions,
} from './tcp-socket.ts';
export { type AddressInfo, type RemoteInfo, UdpSocket, type UdpSocketEvents } from './udp-socket.ts';
