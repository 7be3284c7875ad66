/** The controller's settings in a file of the state folder. */
import { OperationError } from '../../app/failure.ts';
import type { Settings, SettingsStore } from '../platform.ts';
import { readIfThere, writeJson } from './json-file.ts';
import type { StateFolder } from './state-folder.ts';

export function fileSettings(state: StateFolder): SettingsStore {
  return {
    async load() {
      const text = await readIfThere(state.settings);
      if (text === undefined) return { scale: {}, restarts: {} };
      try {
        // Written by this program at this state version only.
        return JSON.parse(text) as Settings;
      } catch (error) {
        throw new OperationError(`${state.settings} can't be read; remove it and start again`, {
          cause: error,
        });
      }
    },
    save: (settings) => writeJson(state.settings, settings),
  };
}
