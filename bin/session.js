// `holdfast/session`: the sources in the repository, what they are compiled to in the package.
import { existsSync } from 'node:fs';

const source = new URL('../src/session/index.ts', import.meta.url);
const built = new URL('../dist/session/index.js', import.meta.url);
const sdk = await import((existsSync(source) ? source : built).href);

export const { createSessions, sessionsFromEnvironment, settingsFrom, SessionUnavailableError } = sdk;
