/** The certificate of the router's HTTPS on this machine: files of a secret that the user puts there and renews. */
import type { App } from '../../app/model.ts';
import {
  CERTIFICATE_KEY,
  PRIVATE_KEY,
  readCertificate,
  type Certificate,
} from '../../routing/certificate.ts';
import { userSecret } from './secret-store.ts';
import type { StateFolder } from './state-folder.ts';

/** As the files are now; undefined without HTTPS. @throws UserError when they are missing or do not fit */
export async function machineCertificate(
  state: StateFolder,
  { router: { tls } }: App,
): Promise<Certificate | undefined> {
  if (tls === undefined) return undefined;
  const texts = [CERTIFICATE_KEY, PRIVATE_KEY].map((key) => userSecret(state, tls.secret, key));
  const [chain = '', key = ''] = await Promise.all(texts);
  return readCertificate(chain, key, `the secret "${tls.secret}"`);
}
