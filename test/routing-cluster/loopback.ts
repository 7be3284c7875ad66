/** Addresses for this test's routers, pods and nodes: tests that run beside each other have others. */

/** The `n`-th address, 1 to 254, of this process's own part of the loopback network. */
export function loopback(n: number): string {
  return `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 0xff}.${n}`;
}
