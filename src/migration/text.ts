/** The bytes of a file as text, or where they are none. Pure. */

/** The text without byte order mark and with LF as line end; none when it is not UTF-8 or has a NUL character. */
export function decodeText(content: Uint8Array): string | undefined {
  // UTF-16 without a byte order mark is UTF-8 full of NUL characters.
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content).replaceAll('\r\n', '\n');
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A byte 10 is a line end in UTF-8 wherever it stands, so lines can be tried one by one. */
export function firstBadLine(content: Uint8Array): number {
  let from = 0;
  for (let line = 1; ; line += 1) {
    const end = content.indexOf(10, from);
    if (end === -1 || decodeText(content.subarray(from, end)) === undefined) return line;
    from = end + 1;
  }
}
