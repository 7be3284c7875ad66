/** The folders that a server in a pod works in: made, checked, and claimed for its version. */
import { access, constants, mkdir } from 'node:fs/promises';
import { UserError } from '../../../app/failure.ts';
import { initialiseDataFolder } from '../../../database/data-folder.ts';
import { serverPaths } from '../../../database/single-server.ts';
import { requireProgram } from '../../programs.ts';
import { claimData, programVersion, type Version } from './server-version.ts';

export interface DataPlace {
  readonly dataFolder: string;
  readonly scratchFolder: string;
  /** Where programs are looked for, as in PATH. */
  readonly searchPath: string;
}

/** Makes the folders. @throws UserError when this user can't write there */
export async function makeFolders({ dataFolder, scratchFolder }: DataPlace): Promise<void> {
  for (const folder of [dataFolder, scratchFolder]) {
    await asOwner(folder, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await access(folder, constants.W_OK | constants.X_OK);
    });
  }
}

/** Makes the data the first time. To be called with the lock held. @returns the version of the server */
export async function prepareData(place: DataPlace, signal: AbortSignal): Promise<Version> {
  const { dataFolder, searchPath } = place;
  const version = await programVersion(requireProgram('mariadbd', searchPath));
  return asOwner(dataFolder, async () => {
    await claimData(dataFolder, version);
    await initialiseDataFolder({ folder: serverPaths(dataFolder).data, searchPath, signal });
    return version;
  });
}

async function asOwner<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!['EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) throw cause;
    throw new UserError(
      `user ${process.getuid?.() ?? ''} can't use ${folder}: mount a writable volume there, whose files belong to the user or group of the container (fsGroup)`,
      { cause },
    );
  }
}
