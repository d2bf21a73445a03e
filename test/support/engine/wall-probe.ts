import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestEngine } from './docker-engine.ts';

/** Why the probe cannot be built here, null where it can. */
export const probeMissing: string | null =
  spawnSync('cc', ['--version']).status === 0 ? null : 'no C compiler here (package gcc)';

const built = (give: (path: string, folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'hm-probe-'));
  try {
    const path = join(folder, 'probe');
    execFileSync('cc', ['-static', '-O1', '-o', path, join(import.meta.dirname, 'wall-probe.c')]);
    give(path, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Makes an image of busybox with the probe at `/bin/probe`. */
export const makeProbeImage = (engine: TestEngine, tag: string): void =>
  built((path) => engine.makeImage(tag, { 'bin/probe': { content: readFileSync(path), executable: true } }));

/** Makes an image that has the probe alone, owned by root and marked so that it runs as root whoever starts it. */
export const makeSetuidImage = (engine: TestEngine, tag: string): void =>
  built((path, folder) => {
    chmodSync(path, 0o4755);
    const tar = execFileSync('tar', ['-C', folder, '--owner=0', '--group=0', '-c', 'probe']);
    execFileSync('docker', ['-H', engine.endpoint, 'import', '-', tag], { input: tar });
  });
