/** Puts another certificate in force in a running HAProxy, in its file as in its memory. */
import type { HaproxyRouter } from './haproxy-router.ts';
import type { RouterFiles } from './router-files.ts';
import { CommandRefused } from './runtime-socket.ts';

/**
 * The file goes first, so that a HAProxy started from it is right at any moment.
 * @param pem with the private key
 * @throws CommandRefused when HAProxy does not take it: the one before stays in force, and is in the file again
 */
export async function renewCertificate(
  { files, haproxy }: { readonly files: RouterFiles; readonly haproxy: HaproxyRouter },
  pem: string,
  signal?: AbortSignal,
): Promise<void> {
  const before = await files.certificate();
  await files.writeCertificate(pem);
  try {
    await haproxy.setCertificate(pem, signal);
  } catch (error) {
    if (error instanceof CommandRefused && before !== undefined) await files.writeCertificate(before);
    throw error;
  }
}
