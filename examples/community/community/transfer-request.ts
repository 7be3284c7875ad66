/** A transfer as its sender asks for it: pure checks, before the database is asked anything. */
import { normaliseEmail } from '../shared/email.ts';

export interface TransferRequest {
  /** Normalised e-mail address of the member who is paid. */
  readonly to: string;
  readonly cents: number;
  readonly memo: string;
  /** Chosen by the sender; a request repeated with the same key is executed once. */
  readonly key: string | null;
}

/** The request, or what is wrong with it. */
export function readTransfer(
  body: Record<string, unknown>,
  sender: string,
  key: string | undefined,
): TransferRequest | { readonly problem: string } {
  const to = normaliseEmail(body['to']);
  const cents = body['cents'];
  const memo = body['memo'] ?? '';
  if (to === undefined) return { problem: 'to must be an e-mail address' };
  if (to === sender) return { problem: 'nobody pays themselves' };
  if (!isAmount(cents)) return { problem: `cents must be a whole number from 1 to ${MOST_CENTS}` };
  if (typeof memo !== 'string' || memo.length > LONGEST_MEMO) {
    return { problem: `memo must be a text of at most ${LONGEST_MEMO} characters` };
  }
  if (key !== undefined && !/^[\w-]{1,64}$/.test(key)) {
    return { problem: 'idempotency-key must have 1 to 64 letters, digits, - or _' };
  }
  return { to, cents, memo, key: key ?? null };
}

const LONGEST_MEMO = 512;
/** A million; far below where numbers stop being exact. */
const MOST_CENTS = 100_000_000;

function isAmount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= MOST_CENTS;
}
