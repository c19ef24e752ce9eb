// What sockets hear: bits on an event ring that is emptied after the batch and before the drain.

/** There is something to receive. */
export const EVENT_READABLE = 1;
/** There is room to send again after a send answered EAGAIN. */
export const EVENT_WRITABLE = 2;
/** An error waits in the socket (`takeError`). */
export const EVENT_ERROR = 4;

/** The stack was closed. */
export const EVENT_CLOSED = 8;

/** Whom the ring tells. */
export interface EventTarget {
  /** Bits that wait on the ring for this target; the ring's own, 0 when it is not on it. */
  pendingEvents: number;
  /** Runs application code: after the core has returned, once per pump. */
  dispatch(events: number): void;
}
