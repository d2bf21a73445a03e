import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Name of the ordinary user that the installed app runs as. */
export const testUser = (): string => {
  const name = process.env['HYPERMESH_TEST_USER'];
  if (name === undefined || !/^hmtest[0-9]+$/.test(name))
    throw new Error('HYPERMESH_TEST_USER is not set; run through playwright.config.ts');
  return name;
};
export const testHome = (): string => `/home/${testUser()}`;

/** What a person's session has, and nothing of ours. */
const environment = (extra: Readonly<Record<string, string>>): string[] =>
  Object.entries({
    HOME: testHome(),
    USER: testUser(),
    LOGNAME: testUser(),
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    DISPLAY: process.env['DISPLAY'] ?? '',
    HYPERMESH_NETWORK: process.env['HYPERMESH_NETWORK'] ?? 'loopback',
    ...extra,
  }).map(([name, value]) => `${name}=${value}`);

/** Replaces itself by the program, so that signals reach that one; runuser would kill it after two seconds. */
const asUser = (): string[] => [`--reuid=${testUser()}`, `--regid=${testUser()}`, '--init-groups', '--'];

/** Runs a command as that user, to its end. Never rejects for an exit code. */
export const runAsUser = async (
  command: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> => {
  try {
    const { stdout, stderr } = await run(
      'setpriv',
      [...asUser(), 'env', '-i', `--chdir=${testHome()}`, ...environment(extra), ...command],
      { timeout: 60_000 },
    );
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
};

/** Starts a command as that user. */
export const spawnAsUser = (command: readonly string[], extra: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn('setpriv', [...asUser(), 'env', '-i', `--chdir=${testHome()}`, ...environment(extra), ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
