/** `agent`: the process in the database's pod. It runs MariaDB, answers probes, and ends both together. */
import { agentApi, serveAgentApi } from '../platform/kubernetes/database/agent-api.ts';
import { agentSettings } from '../platform/kubernetes/database/agent-settings.ts';
import { DatabaseAgent } from '../platform/kubernetes/database/database-agent.ts';
import { EXIT_FAILED, print } from './output.ts';
import type { CommonOptions, VerbContext } from './verb-context.ts';

/** Runs until a signal ends it. @returns 0 when MariaDB was shut down cleanly, 1 when it had to be killed */
export async function agent(_options: CommonOptions, context: VerbContext): Promise<number> {
  const settings = agentSettings(context.env);
  const agent = new DatabaseAgent({
    settings,
    searchPath: context.env['PATH'] ?? '',
    log: (line) => {
      print(context, `${new Date().toISOString()} agent: ${line}`);
    },
    output: (text) => {
      context.stdout.write(text);
    },
  });
  const server = await serveAgentApi(
    agentApi(() => agent.state()),
    settings.probePort,
  );
  try {
    const isClean = await agent.run({ end: context.interrupted, hurry: context.hurried });
    if (!isClean)
      print(context, 'MariaDB was not shut down cleanly; it recovers at its next start', 'stderr');
    return isClean ? 0 : EXIT_FAILED;
  } catch (error) {
    // Ended before there was a server to end.
    if (context.interrupted.aborted && error instanceof Error && error.name === 'AbortError') return 0;
    throw error;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
