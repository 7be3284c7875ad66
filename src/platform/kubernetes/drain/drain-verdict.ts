/** Whether an instance may end, from what the routers say of it. Pure. */

/** What one router said; undefined when it did not answer, or not with a state. */
export interface RouterAnswer {
  readonly closed: boolean;
  readonly users: number;
}

/** Every router that DNS names, by address. */
export type DrainRound = ReadonlyMap<string, RouterAnswer | undefined>;

/** How many rounds in a row must find no router at all: the application is being removed. */
export const ROUNDS_WITHOUT_ROUTERS = 3;

/** What a round of questions has found. */
export interface Found {
  readonly routers: DrainRound;
  /** Slots whose sessions the instance is still responsible for; undefined when it does not say. */
  readonly slots: number | undefined;
}

/** `absent`: how many rounds in a row, this one included, have found no router. */
export function isDrained({ routers, slots }: Found, absent: number): boolean {
  if (routers.size === 0) return absent >= ROUNDS_WITHOUT_ROUTERS;
  const haveLeft = [...routers.values()].every((answer) => answer?.closed === true && answer.users === 0);
  return haveLeft && slots === 0;
}

/** What is waited for, in one sentence. */
export function describeRound({ routers, slots }: Found): string {
  if (routers.size === 0) return 'no router is to be found';
  const parts = [...routers].map(([router, answer]) => {
    if (answer === undefined) return `router ${router} does not answer`;
    const users = `${answer.users} ${answer.users === 1 ? 'user' : 'users'}`;
    return `router ${router}: ${answer.closed ? users : `${users}, and new ones may come`}`;
  });
  if (slots === undefined) parts.push('the instance does not say what it has');
  else if (slots > 0) parts.push(`the instance has ${slots} slots`);
  return parts.join('; ');
}

/** Those that have not answered. */
export function unanswered(answers: ReadonlyMap<string, unknown>): string[] {
  return [...answers.keys()].filter((router) => answers.get(router) === undefined);
}

/** The slots that an instance is owner or second owner of, from the JSON that it sent. */
export function readSlots(text: string): number | undefined {
  const state = json(text);
  if (typeof state !== 'object' || state === null) return undefined;
  const { owned, second } = state as { owned?: unknown; second?: unknown };
  return typeof owned === 'number' && typeof second === 'number' ? owned + second : undefined;
}

/** A router's answer, from the JSON that it sent. */
export function readAnswer(text: string): RouterAnswer | undefined {
  const answer = json(text);
  if (typeof answer !== 'object' || answer === null) return undefined;
  if (!('closed' in answer) || typeof answer.closed !== 'boolean') return undefined;
  if (!('users' in answer) || typeof answer.users !== 'number') return undefined;
  return { closed: answer.closed, users: answer.users };
}

/** Not JSON is no answer. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
