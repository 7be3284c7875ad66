/**
 * What names the user of a request, told twice: as lines for HAProxy, and for a request in Node. Both find the
 * same bytes, or both find none and the router answers 400.
 *
 * A request that could name two users to two readers names none: what is repeated, empty or ambiguous
 * (the parameter's name in another spelling, `.` and `..` in a path, a slash in disguise before the segment's
 * end) is refused. Percent-encoding is taken away, so that two spellings of one user are one user; a
 * header is taken as it is, since headers know no encoding.
 */
import type { UserKey } from '../app/model.ts';

/** How a backend finds the user of a request. */
export interface KeyLines {
  /** Lines of the backend, before all that use the key. */
  readonly rules: readonly string[];
  /** A sample expression without spaces: the bytes of the key. */
  readonly key: string;
  /** Conditions that all hold when the request names a user. */
  readonly condition: string;
}

/** The part of Node's `IncomingMessage` that can name a user. */
export interface KeyedRequest {
  readonly url?: string | undefined;
  /** Names and values in turns, one character a byte. */
  readonly rawHeaders: readonly string[];
}

/** A key inside a text, by regular expressions that mean the same to HAProxy and Node. */
interface Place {
  /** HAProxy's name for the text. */
  readonly text: string;
  /** Matches a text that has the key, whose second group it is, still encoded. */
  readonly is: string;
  /** Matches a text that is refused nevertheless. */
  readonly not: string;
  /** HAProxy's expression for the key, decoded; of a text that is not refused. */
  readonly value: string;
  /** Whether `+` is a space, as in forms. */
  readonly isForm: boolean;
}

/** The variable that holds the user, where the user is not named by a header. */
const USER = 'var(txn.user)';
const ASSIGNED = 'var(txn.assigned)';
const IS_ASSIGNED = `{ ${ASSIGNED} -m found }`;

/** The lines for a backend whose users are named by `key`; names are as the schema has them. */
export function keyLines(key: UserKey): KeyLines {
  if (key.kind === 'header') {
    // The whole header: `req.hdr` would cut it at commas.
    const value = `req.fhdr(${key.name})`;
    const condition = `{ req.fhdr_cnt(${key.name}) eq 1 } { ${value},length gt 0 }`;
    return { rules: [], key: value, condition };
  }
  const { text, is, not, value } = placeOf(key);
  const once = key.kind === 'cookie' ? '{ req.fhdr_cnt(cookie) eq 1 } ' : '';
  const found = `${once}{ ${text} -m reg '${is}' } !{ ${text} -m reg '${not}' }`;
  return {
    rules: [
      ...(key.kind === 'cookie' && key.assign ? assignLines(key.name) : []),
      `http-request set-var(txn.user) '${value}' if ${found}`,
    ],
    // A copy: in `use-server`, HAProxy 2.6 finds no server by a hash of the variable itself.
    key: `${USER},concat()`,
    condition: `{ ${USER},length gt 0 }`,
  };
}

/** What a request must have, in words for whoever sent one without. */
export function keyNeeded(key: UserKey): string {
  switch (key.kind) {
    case 'header':
      return `the header "${key.name}": send it once, with a value`;
    case 'cookie':
      return `the cookie "${key.name}": send it once, with a value`;
    case 'query':
      return `the parameter "${key.name}": give it once, with a value`;
    case 'path':
      return `segment ${key.segment} of the path: leave none empty`;
  }
}

/**
 * The bytes that name the user of `request`; undefined when it names none. The router has refused such a
 * request, unless it came another way.
 */
export function userKeyOf(key: UserKey, request: KeyedRequest): Buffer | undefined {
  if (key.kind === 'header') {
    const [value = '', ...others] = headers(request, key.name);
    return value === '' || others.length > 0 ? undefined : Buffer.from(value, 'latin1');
  }
  const { is, not, isForm } = placeOf(key);
  const text = textOf(key, request);
  if (text === undefined || new RegExp(not).test(text)) return undefined;
  const encoded = new RegExp(is).exec(text)?.[2];
  return encoded === undefined ? undefined : decoded(encoded, isForm);
}

function placeOf(key: Exclude<UserKey, { kind: 'header' }>): Place {
  switch (key.kind) {
    case 'cookie':
      return cookiePlace(key.name);
    case 'query':
      return queryPlace(key.name);
    case 'path':
      return pathPlace(key.segment);
  }
}

/**
 * As RFC 6265 has it, where HAProxy's own `req.cook` goes by RFC 2965 and loses a cookie that stands behind
 * a comma or a quote. A value in quotes would have two spellings.
 */
function cookiePlace(cookie: string): Place {
  const name = ` *${plain(cookie)} *=`;
  return {
    text: 'req.fhdr(cookie)',
    is: `(^|;)${name} *([^; "]+) *(;|$)`,
    not: `(^|;)${name}(.*;)?${name}`,
    value: String.raw`req.fhdr(cookie),regsub("^(.*;)?${name} *([^; ]+).*$","\2"),url_dec`,
    isForm: false,
  };
}

/**
 * As the URL Standard has it, where HAProxy's own `url_param` ends a parameter at `;` and `?` too. Some readers
 * do so at `;`: what that would change is refused.
 */
function queryPlace(parameter: string): Place {
  const name = anySpelling(parameter);
  return {
    text: 'query',
    is: `(^|&)${plain(parameter)}=([^&;]+)(&|$)`,
    not: `(^|[&;])${name}([=&;].*[&;]|[&;])${name}([=&;]|$)`,
    value: String.raw`query,regsub("^(.*&)?${plain(parameter)}=([^&]+).*$","\2"),url_dec(1)`,
    isForm: true,
  };
}

/**
 * None of the segments up to the key may be empty, or have a slash in disguise. Nothing behind it may lead
 * back to before it: to a URL parser a backslash is a slash.
 */
function pathPlace(segment: number): Place {
  const dots = '/([.]|%2[Ee]){1,2}(/|$)';
  const disguised = `^(/[^/]*){1,${segment}}%(2[Ff]|5[Cc])`;
  return {
    text: 'path',
    is: `^(/[^/]+){${segment - 1}}/([^/]+)(/|$)`,
    not: String.raw`${dots}|[\\]|${disguised}`,
    value: `path,field(${segment + 1},/),url_dec`,
    isForm: false,
  };
}

/**
 * A user without the cookie gets one: 122 random bits, which the service sees at once as if the browser had
 * sent them. Without an end it lives as long as the browser; a shared cache must not keep it.
 */
function assignLines(cookie: string): string[] {
  const name = ` *${plain(cookie)} *=`;
  const withoutEmpty = `req.fhdr(cookie),regsub("(^|;)(${name} *(;|$))+",";",g)`;
  const given = `${IS_ASSIGNED} !{ res.cook(${cookie}) -m found }`;
  return [
    `http-request set-var(txn.assigned) uuid() if { req.fhdr_cnt(cookie) le 1 } !{ req.fhdr(cookie) -m reg '(^|;)${name} *[^; ]' }`,
    `http-request set-var(txn.secure) str('; Secure') if ${IS_ASSIGNED} { ssl_fc }`,
    `http-request set-var(txn.secure) str('; Secure') if ${IS_ASSIGNED} { req.hdr(x-forwarded-proto) -i https }`,
    `http-request set-header Cookie '%[${withoutEmpty}]; ${cookie}=%[${ASSIGNED}]' if ${IS_ASSIGNED} { req.fhdr_cnt(cookie) eq 1 }`,
    `http-request add-header Cookie '${cookie}=%[${ASSIGNED}]' if ${IS_ASSIGNED} { req.fhdr_cnt(cookie) eq 0 }`,
    `http-response add-header Cache-Control private if ${given}`,
    `http-response add-header Set-Cookie '${cookie}=%[${ASSIGNED}]; Path=/; HttpOnly; SameSite=Lax%[var(txn.secure)]' if ${given}`,
  ];
}

/** Names have only letters, digits, `-`, `_` and `.`. */
function plain(name: string): string {
  return name.replaceAll('.', '[.]');
}

/** A pattern for the name with any of its characters percent-encoded. */
function anySpelling(name: string): string {
  return Array.from(name, (character) => {
    const [high = '', low = ''] = Buffer.from(character).toString('hex');
    const lowDigit = /\d/.test(low) ? low : `[${low.toUpperCase()}${low}]`;
    return `(${plain(character)}|%${high}${lowDigit})`;
  }).join('');
}

/** The text that the key is part of, as HAProxy has it; undefined when there is none, or more than one. */
function textOf(key: UserKey, request: KeyedRequest): string | undefined {
  if (key.kind === 'cookie') {
    const cookies = headers(request, 'cookie');
    return cookies.length === 1 ? cookies[0] : undefined;
  }
  const target = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*)?([^?]*)(\?(.*))?$/s.exec(request.url ?? '');
  return key.kind === 'path' ? target?.[2] : target?.[4];
}

function headers({ rawHeaders }: KeyedRequest, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}

/** As HAProxy's `url_dec`; undefined where an encoding is broken. */
function decoded(encoded: string, isForm: boolean): Buffer | undefined {
  const spaced = isForm ? encoded.replaceAll('+', ' ') : encoded;
  if (/%(?![0-9A-Fa-f]{2})/.test(spaced)) return undefined;
  const bytes = spaced.replaceAll(/%(..)/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1');
}
