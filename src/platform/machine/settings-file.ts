/** The controller's settings in a file of the state folder. */
import { OperationError } from '../../app/failure.ts';
import type { Settings, SettingsStore } from '../platform.ts';
import { readIfThere, writeJson } from './json-file.ts';
import type { StateFolder } from './state-folder.ts';

/**
 * Grows when an application is described otherwise than before. What was in force is not read in another shape: the
 * file decides alone then.
 */
const SHAPE = 3;

interface Stored extends Settings {
  readonly shape?: number;
}

export function fileSettings(state: StateFolder): SettingsStore {
  return {
    async load() {
      const text = await readIfThere(state.settings);
      if (text === undefined) return { scale: {}, restarts: {} };
      try {
        // Written by this program at this state version only.
        const { shape, inForce, ...settings } = JSON.parse(text) as Stored;
        return shape === SHAPE && inForce !== undefined ? { ...settings, inForce } : settings;
      } catch (error) {
        throw new OperationError(`${state.settings} can't be read; remove it and start again`, {
          cause: error,
        });
      }
    },
    save: (settings) => writeJson(state.settings, { ...settings, shape: SHAPE } satisfies Stored),
  };
}
