/** Names, addresses and texts as HAProxy's configuration and commands take them. */
import { UserError } from '../app/failure.ts';

/** Host and port as HAProxy writes them; IPv6 addresses in brackets. */
export function address(host: string, port: number): string {
  if (!/^[\w.:*-]+$/.test(host)) throw new UserError(`The router cannot use the address ${show(host)}`);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A name that HAProxy takes as one word and that its expressions take as one argument. */
export function token(name: string, what: string): string {
  if (/^[\w.-]+$/.test(name)) return name;
  throw new UserError(
    `The router cannot use the ${what} name ${show(name)}: letters, digits, ".", "_" and "-" only`,
  );
}

/** Inside double quotes HAProxy knows backslash escapes and variables; a line break must be escaped. */
export function quoted(text: string): string {
  const escaped = text.replaceAll(/["\\$]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);
  if (/\p{Cc}/u.test(escaped))
    throw new UserError(`The router cannot use ${show(text)}: it has a control character`);
  return `"${escaped}"`;
}

const show = (text: string): string => JSON.stringify(text);
