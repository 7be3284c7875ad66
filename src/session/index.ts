/** What a service imports as `holdfast/session`. Nothing else of this folder is for services. */
export {
  createSessions,
  sessionsFromEnvironment,
  type SessionHandler,
  type SessionOptions,
  type SessionUpgradeHandler,
  type Sessions,
  type UserSession,
} from './sessions.ts';
export { settingsFrom, type Participation, type SessionSettings } from './settings.ts';
export { SessionUnavailableError } from './unavailable.ts';
