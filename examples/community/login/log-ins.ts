/** A member's session: one entry for each device that is logged in, the newest last. Pure, so that it can be run anywhere. */
export interface LogIn {
  readonly id: string;
  /** Counts the uses: a lost session shows as a count that starts anew. */
  readonly calls: number;
  /** Beginning, ms since 1970. */
  readonly since: number;
}

/** With one more, the oldest goes. */
const MOST_LOG_INS = 10;

export function loggedIn(logIns: readonly LogIn[] = [], logIn: LogIn): readonly LogIn[] {
  return [...logIns.slice(1 - MOST_LOG_INS), logIn];
}

/** With one more call counted; as before if there is no such log-in. */
export function called(logIns: readonly LogIn[] | undefined, id: string): readonly LogIn[] | undefined {
  return logIns?.map((logIn) => (logIn.id === id ? { ...logIn, calls: logIn.calls + 1 } : logIn));
}

/** Undefined when nobody is logged in any more. */
export function loggedOut(logIns: readonly LogIn[] = [], id: string): readonly LogIn[] | undefined {
  const left = logIns.filter((logIn) => logIn.id !== id);
  return left.length === 0 ? undefined : left;
}
