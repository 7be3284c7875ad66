/**
 * A router that ends goes on as before for a while, and tells each client with its next answer to connect
 * elsewhere. It is not stopped meanwhile: a worker that stops forgets the pins some seconds later, and hears no more
 * of what changes, while clients keep idle connections to it for longer.
 *
 * That it ends is told by a server of a backend that gets no requests: it is in maintenance then.
 */
/** No service can have this name. */
export const END_BACKEND = 'holdfast_end';
const STAYS_SERVER = 'stays';

const STAYS = `{ srv_is_up(${END_BACKEND}/${STAYS_SERVER}) }`;

/** Tells the worker that there will be no other after it, and that its clients should leave. */
export const END_COMMAND = `set server ${END_BACKEND}/${STAYS_SERVER} state maint`;

/** Holds in a worker that stops because another has taken its place. */
export const HAS_SUCCESSOR = `{ stopping } ${STAYS}`;

/** For the frontend. A client of HTTP/2 does not see it, and is told when the worker stops. */
export const LEAVE_LINE = `  http-after-response set-header Connection close unless ${STAYS}`;

/** @param ends a worker that takes another's place meanwhile knows it from its start */
export function endSection(ends: boolean): string[] {
  return [`backend ${END_BACKEND}`, `  server ${STAYS_SERVER} 127.0.0.1:1${ends ? ' disabled' : ''}`, ''];
}
