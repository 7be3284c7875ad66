/**
 * The two kinds of failure that every caller tells apart: what the user can mend in the file, the
 * arguments or the machine's set-up (exit code 2), and what went wrong while doing the right thing
 * (exit code 1). The CLI maps them in one place.
 */

/** The user's mistake: says what, where, and what to do. Nothing has been changed when it is thrown. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Something did not work although it was asked for correctly. `cause` has what was underneath. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
}
