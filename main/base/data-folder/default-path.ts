import { posix, win32 } from 'node:path';

/**
 * Where the data folder is, by the convention of each system. Pure.
 *
 * `HYPERMESH_DATA` comes first. Then: Linux and other Unix, `hypermesh` in `$XDG_DATA_HOME` (only if absolute) or
 * `~/.local/share` (https://specifications.freedesktop.org/basedir-spec/latest/); macOS,
 * `~/Library/Application Support/HyperMesh`; Windows, `%LOCALAPPDATA%\HyperMesh`, which does not roam to other machines.
 *
 * @param env - environment of the process
 * @param home - home folder of the user
 */
export const defaultDataPath = (
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
  home: string,
): string => {
  const chosen = env['HYPERMESH_DATA'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (platform === 'win32') {
    const local = env['LOCALAPPDATA'];
    return win32.join(
      local !== undefined && win32.isAbsolute(local) ? local : win32.join(home, 'AppData', 'Local'),
      'HyperMesh',
    );
  }
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'HyperMesh');
  const shared = env['XDG_DATA_HOME'];
  return posix.join(
    shared !== undefined && posix.isAbsolute(shared) ? shared : posix.join(home, '.local', 'share'),
    'hypermesh',
  );
};
