import { spawnSync } from 'node:child_process';

/** `nobody` on Debian: an account with no rights of its own. */
export const ORDINARY_UID = 65_534;

/** @returns why no child can run as an ordinary user here, or null when one can */
export const whyNoOrdinaryUser = (): string | null => {
  if (process.getuid?.() !== 0) return 'only root can start a process as another user';
  const readThis = `require('fs').readFileSync(${JSON.stringify(import.meta.filename)})`;
  const { error, status } = spawnSync(process.execPath, ['-e', readThis], {
    cwd: '/',
    env: { PATH: process.env['PATH'], ELECTRON_RUN_AS_NODE: process.env['ELECTRON_RUN_AS_NODE'] },
    uid: ORDINARY_UID,
    gid: ORDINARY_UID,
  });
  return error === undefined && status === 0
    ? null
    : `an ordinary user cannot run ${process.execPath} on this checkout: one of them lies in a folder of root's`;
};
