/** Certificates for tests, self-signed, made by openssl. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';

export const HOST_NAME = 'shop.example';

export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
  /** With the key, as HAProxy reads it. */
  readonly pem: string;
}

/** @param name of the subject, by which tests tell certificates apart */
export async function makeCertificate(name: string, days = 90): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-certificate-'));
  try {
    const [keyFile, file] = [join(folder, 'key'), join(folder, 'certificate')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const about = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${HOST_NAME}`];
    const files = ['-keyout', keyFile, '-out', file, '-days', String(days)];
    await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...about, ...files]);
    const [certificate, key] = await Promise.all([readFile(file, 'utf8'), readFile(keyFile, 'utf8')]);
    return { certificate, key, pem: certificate + key };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The subject of the certificate that a new connection is shown. */
export async function shownCertificate(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, servername: HOST_NAME, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
