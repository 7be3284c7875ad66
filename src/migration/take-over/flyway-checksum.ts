/**
 * Flyway's checksum of a file: CRC-32 over the UTF-8 bytes of its lines without their ends and without a byte
 * order mark, as a signed number of 32 bits. Pure. Source: ChecksumCalculator in flyway-core, which reads
 * lines as java.io.BufferedReader does.
 */

import { crc32 } from 'node:zlib';

/** Of a file whose content is UTF-8. */
export function flywayChecksum(content: Uint8Array): number {
  const lines = new TextDecoder('utf-8').decode(content).split(/\r\n|\r|\n/);
  return crc32(lines.join('')) | 0;
}
