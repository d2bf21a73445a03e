import { ENGINE_LABELS } from '../engine/index.ts';
import { listOf, type Ask } from './ask-engine.ts';
import { LEFTOVERS_MAX, WORK_TIMEOUT_MS } from './constants.ts';
import type { Finding } from './examined.ts';
import { PROBE_REPOSITORY } from './probe-image.ts';

/** What the engine names itself is put into a path only when it is a name. */
const ENGINE_ID = /^(sha256:)?[0-9a-f]{64}$/;

/**
 * Removes containers and images of tests that were cut short. Nothing else carries this node's mark and is of a test.
 *
 * @returns how many
 * @throws {AskError}
 */
const removeTests = async (ask: Ask, mark: string, signal: AbortSignal): Promise<number> => {
  const label = [`${ENGINE_LABELS.node}=${mark}`, `${ENGINE_LABELS.role}=test`];
  const filters = encodeURIComponent(JSON.stringify({ label }));
  const bounds = { timeoutMs: WORK_TIMEOUT_MS, signal };
  let removed = 0;
  const remove = async (kind: 'containers' | 'images', name: (entry: Record<string, unknown>) => unknown) => {
    const found = listOf(await ask(`/${kind}/json?all=true&filters=${filters}`, bounds));
    for (const entry of found.slice(0, LEFTOVERS_MAX)) {
      const { Id: id } = entry;
      // An image may carry any label, so that the name has to be ours as well.
      const names = name(entry);
      const ours =
        Array.isArray(names) &&
        names.some((one) => typeof one === 'string' && NAME_OF_TEST.test(one)) &&
        typeof id === 'string';
      if (!ours || !ENGINE_ID.test(id)) continue;
      const { status } = await ask(`/${kind}/${id}?force=true`, { method: 'DELETE', ...bounds });
      if ((status >= 200 && status < 300) || status === 404) removed += 1;
    }
  };
  await remove('containers', (entry) => entry['Names']);
  await remove('images', (entry) => entry['RepoTags']);
  return removed;
};
const NAME_OF_TEST = new RegExp(`^/?${PROBE_REPOSITORY}[-:][0-9a-f]{12}$`);

/**
 * Removes at once what jobs that are over and tests have left: it is ours by its mark, and nobody else's.
 *
 * @param sweep - the drivers' way of removing what belongs to no live job. @returns how many things
 */
export const examineLeftovers = async (
  { ask, mark, signal }: { ask: Ask; mark: string; signal: AbortSignal },
  sweep: () => Promise<number>,
): Promise<Finding> => {
  const [things, tests] = [await sweep(), await removeTests(ask, mark, signal)];
  const what = [
    things === 0 ? null : `${things === 1 ? 'one thing' : `${things} things`} of jobs that are over`,
    tests === 0 ? null : `${tests === 1 ? 'one' : tests} of tests that were cut short`,
  ]
    .filter((part) => part !== null)
    .join(' and ');
  if (what === '') return { result: 'good', sentence: 'Nothing of jobs that are over is left in the engine.' };
  return {
    result: 'good',
    sentence: `There was left in the engine, and is removed now: ${what}.`,
    fixed: `Removed from the engine: ${what}.`,
  };
};
