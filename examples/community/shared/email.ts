/**
 * The e-mail address in the one form that both services, the database and the router's key use, so
 * that " Alice@Example.org" and "alice@example.org" are one member on one instance. ASCII only,
 * because it travels in a header. Undefined if it is not an address.
 */
export function normaliseEmail(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined;
  const email = text.trim().toLowerCase();
  return email.length <= MAX_LENGTH && /^[!-?A-~]+@[!-?A-~]+$/.test(email) ? email : undefined;
}

/** RFC 5321, 4.5.3.1.3, without the angle brackets. */
const MAX_LENGTH = 254;
