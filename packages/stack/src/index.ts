// The stack: public names.
export { C, COUNTER_NAMES, type CounterName } from './contract/counters.ts';
export { REASONS, type Reason, type ReasonName } from './contract/reasons.ts';
export type { EchoError } from './icmp/echo-sockets.ts';
export type { Interface } from './ip/interface.ts';
export { ROUTE_BROADCAST, ROUTE_LOCAL, ROUTE_UNICAST, type Route } from './ip/route-table.ts';
export { Loopback } from './link/loopback.ts';
export { DEFAULT_OPTIONS, type Options } from './options.ts';
export { NEVER } from './pump.ts';
export { Datagram } from './socket/datagram.ts';
export { type EchoHandler, EchoSocket } from './socket/echo-socket.ts';
export { SocketError } from './socket/errors.ts';
export {
  TcpListener,
  type TcpListenerHandler,
  type TcpListenOptions,
  type TcpRequest,
} from './socket/tcp-listener.ts';
export { type TcpConnectOptions, type TcpHandler, TcpSocket } from './socket/tcp-socket.ts';
export { type UdpHandler, UdpSocket } from './socket/udp-socket.ts';
export { Stack, type StackConfig, type Waker } from './stack.ts';
export { Stats } from './stats.ts';
export type { TcpInfo } from './tcp/calls/info.ts';
export type { Text } from './tcp/calls/receive.ts';
export type { TcpStatus } from './tcp/calls/status.ts';
export { CONTROLLERS } from './tcp/congestion/registry.ts';
export { ANY_PORT } from './tcp/listener.ts';
