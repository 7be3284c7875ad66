/** The protocol's times, all in ms, as docs/hand-over.md names them. Clocks need to agree in rate within 10 %, not in time. */

/** An owner answers for so long after it has sent a copy that was answered. */
export const RIGHT_MS = 1800;
/** A second owner does not take over for so long after it has answered a copy. */
export const PROMISE_MS = 2000;
/** An owner sends a copy at least this often. */
export const HEARTBEAT_MS = 500;
/** A request, a read or a write waits at most this long; so does a hand-over for the requests that run. */
export const WAIT_MS = 5000;
/** After an attempt that came to nothing, the next one to the same instance is no sooner. */
export const RETRY_MS = 50;
