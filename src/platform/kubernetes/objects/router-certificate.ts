/** The certificate in a Secret of type kubernetes.io/tls. Pure. */
import { UserError } from '../../../app/failure.ts';
import type { App } from '../../../app/model.ts';
import {
  CERTIFICATE_KEY,
  expiryWarning,
  PRIVATE_KEY,
  readCertificate,
  type Certificate,
} from '../../../routing/certificate.ts';
import type { KubeObject } from '../api/kube-object.ts';

export interface TlsSecret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** @throws UserError when it has none that can be used; it has nothing of the key */
export function certificateOf({ metadata, data }: TlsSecret): Certificate {
  const [chain = '', key = ''] = [CERTIFICATE_KEY, PRIVATE_KEY].map((name) =>
    Buffer.from(data?.[name] ?? '', 'base64').toString(),
  );
  return readCertificate(chain, key, `the Secret "${metadata.name}"`);
}

/**
 * What is wrong with the certificate, for people; undefined without HTTPS, too. It stops nothing: routers
 * keep the one that they have. @param now ms since the epoch
 */
export function certificateProblem(
  { router: { tls } }: App,
  secret: (name: string) => TlsSecret | undefined,
  now: number,
): string | undefined {
  if (tls === undefined) return undefined;
  const found = secret(tls.secret);
  if (found === undefined)
    return `router.tls: the Secret "${tls.secret}" does not exist; it needs ${CERTIFICATE_KEY} and ${PRIVATE_KEY}`;
  try {
    return expiryWarning(certificateOf(found), now);
  } catch (error) {
    if (error instanceof UserError) return `router.tls: ${error.message}`;
    throw error;
  }
}
