/**
 * How a `run` line becomes a process. A plain command replaces the shell, so that the process is the
 * program itself. Of anything more, the shell stays until its command has ended: without the trap it
 * would die of SIGTERM at once and leave the command, still finishing its requests, without its leader.
 */
export function shellCommand(run: string): { program: string; args: string[] } {
  const plain = !/[;&|<>(){}`\n]/.test(run);
  return { program: '/bin/sh', args: ['-c', plain ? `exec env ${run}` : `trap 'exit 143' TERM\n${run}`] };
}
