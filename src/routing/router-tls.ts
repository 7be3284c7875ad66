/** HTTPS in HAProxy's configuration: listener, versions and ciphers, who is sent from HTTP to it, what instances are told. */
import { address } from './haproxy-words.ts';
import type { RouterSpec, TlsSpec } from './router-spec.ts';

/** Certificates and private key, by which HAProxy also names them in commands. */
export const CERTIFICATE_FILE = 'tls.pem';

/**
 * What browsers since about 2015 and current clients speak: TLS 1.2 with forward secrecy and authenticated
 * encryption, or 1.3. From Mozilla's "intermediate" recommendations, version 5.7, without the DHE ciphers.
 */
const CIPHERS = ['ECDSA', 'RSA'].flatMap((kind) => [
  `ECDHE-${kind}-AES128-GCM-SHA256`,
  `ECDHE-${kind}-AES256-GCM-SHA384`,
  `ECDHE-${kind}-CHACHA20-POLY1305`,
]);

const HTTPS_PORT = 443;

export function tlsGlobalLines(tls: TlsSpec | undefined): string[] {
  if (tls === undefined) return [];
  return [
    `  ssl-default-bind-ciphers ${CIPHERS.join(':')}`,
    '  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
  ];
}

export function tlsBindLines(host: RouterSpec['host'], tls: TlsSpec | undefined): string[] {
  if (tls === undefined) return [];
  return [`  bind ${address(host, tls.port)} ssl crt ${CERTIFICATE_FILE} alpn h2,http/1.1`];
}

/** Who comes by TLS is said to have done so, whatever the request says. A proxy with TLS before the router is believed. */
export function tlsRules(tls: TlsSpec | undefined): string[] {
  if (tls === undefined) return [];
  const { redirect } = tls;
  return [
    ...(redirect === undefined ? [] : [redirectRule(redirect)]),
    '  http-request set-header X-Forwarded-Proto https if { ssl_fc }',
  ];
}

/** 308 keeps method and body. */
function redirectRule({ port, except }: NonNullable<TlsSpec['redirect']>): string {
  const host = `req.hdr(host),regsub(:[0-9]*$,)`;
  const to = `'https://%[${host}]${port === HTTPS_PORT ? '' : `:${port}`}%[pathq]'`;
  const spared = ['{ ssl_fc }', '{ req.hdr(x-forwarded-proto) -i https }'];
  if (except.length > 0) spared.push(`{ ${host} -i ${except.join(' ')} }`);
  return `  http-request redirect code 308 location ${to} unless ${spared.join(' || ')}`;
}
