// What sockets hear: bits on an event ring that is emptied after the batch and before the drain.

/** There is something to receive. */
export const EVENT_READABLE = 1;
/** There is room to send again after a send answered EAGAIN. */
export const EVENT_WRITABLE = 2;
/** An error waits in the socket (`takeError`). */
export const EVENT_ERROR = 4;

/** The stack was closed. */
export const EVENT_CLOSED = 8;

/** A connection is established. */
export const EVENT_CONNECTED = 16;
/** The peer's stream ends: what is unread is the last of it. */
export const EVENT_ENDED = 32;
/** Urgent octets were announced, or more of them (RFC 9293 3.8.5). */
export const EVENT_URGENT = 64;
/** Buffers that were sent by reference are the application's again. */
export const EVENT_RELEASED = 128;
/** The network complains, or the peer is silent; the connection goes on (RFC 9293 3.8.3, 3.9.2.2). */
export const EVENT_TROUBLE = 256;
/** The connection is over for its application: both streams ended, or an error did it. */
export const EVENT_FINISHED = 512;

/** Whom the ring tells. */
export interface EventTarget {
  /** Bits that wait on the ring for this target; the ring's own, 0 when it is not on it. */
  pendingEvents: number;
  /** Runs application code: after the core has returned, once per pump. */
  dispatch(events: number): void;
}
