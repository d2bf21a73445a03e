import { ENGINE_LABELS } from '../engine/index.ts';
import { listOf, objectOf, type Ask } from './ask-engine.ts';
import { LEFTOVERS_MAX, WORK_TIMEOUT_MS } from './constants.ts';
import type { Finding } from './examined.ts';

/** Things in the engine that carry our mark and belong to nothing that lives. */
export interface Leftovers {
  containers: string[];
  volumes: string[];
  networks: string[];
  images: string[];
}

interface Labelled {
  key: string;
  job: string;
  role: string;
}

/** What the engine names itself is put into a path only when it is a name. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const IMAGE_ID = /^(sha256:)?[0-9a-f]{64}$/;

const labelled = (entries: readonly Record<string, unknown>[], key: string, pattern: RegExp): Labelled[] =>
  entries.flatMap((entry) => {
    const name = entry[key];
    const labels = (entry['Labels'] ?? {}) as Record<string, unknown>;
    const text = (label: string): string => (typeof labels[label] === 'string' ? labels[label] : '');
    return typeof name === 'string' && pattern.test(name)
      ? [{ key: name, job: text(ENGINE_LABELS.job), role: text(ENGINE_LABELS.role) }]
      : [];
  });

/**
 * Looks for what is ours and belongs to no live job.
 *
 * @param liveJobs - asked after the engine was: a job's row is written before anything of it is made, so what is listed and has no row
 *   has none any more
 * @throws {AskError}
 */
export const findLeftovers = async (
  ask: Ask,
  mark: string,
  liveJobs: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<Leftovers> => {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${ENGINE_LABELS.node}=${mark}`] }));
  const bounds = { timeoutMs: WORK_TIMEOUT_MS, signal };
  const [containers, volumes, networks, images] = await Promise.all([
    ask(`/containers/json?all=true&filters=${filters}`, bounds).then(listOf),
    ask(`/volumes?filters=${filters}`, bounds).then((answer) => {
      const list = objectOf(answer)['Volumes'];
      return Array.isArray(list) ? (list as Record<string, unknown>[]) : [];
    }),
    ask(`/networks?filters=${filters}`, bounds).then(listOf),
    ask(`/images/json?filters=${filters}`, bounds).then(listOf),
  ]);
  const live = new Set(await liveJobs());
  const over = (entry: Labelled): boolean => (entry.job === '' ? entry.role === 'test' : !live.has(entry.job));
  const keys = (entries: readonly Labelled[]): string[] =>
    entries
      .filter(over)
      .map(({ key }) => key)
      .slice(0, LEFTOVERS_MAX);
  return {
    containers: keys(labelled(containers, 'Id', NAME)),
    volumes: keys(labelled(volumes, 'Name', NAME)),
    networks: keys(labelled(networks, 'Id', NAME)),
    // Of the images, only those of a test that was cut short: the others are kept on purpose.
    images: labelled(images, 'Id', IMAGE_ID)
      .filter(({ role }) => role === 'test')
      .map(({ key }) => key)
      .slice(0, LEFTOVERS_MAX),
  };
};

/** Removes them, as far as that goes. @returns how many there were no more of after that */
export const removeLeftovers = async (
  ask: Ask,
  { containers, volumes, networks, images }: Leftovers,
  signal: AbortSignal,
): Promise<number> => {
  let removed = 0;
  // Containers first: they hold the rest.
  for (const path of [
    ...containers.map((id) => `/containers/${id}?force=true&v=true`),
    ...networks.map((id) => `/networks/${id}`),
    ...volumes.map((name) => `/volumes/${name}?force=true`),
    ...images.map((id) => `/images/${id}?force=true`),
  ]) {
    const { status } = await ask(path, { method: 'DELETE', timeoutMs: WORK_TIMEOUT_MS, signal });
    if ((status >= 200 && status < 300) || status === 404) removed += 1;
  }
  return removed;
};

const counted = (count: number, one: string, many: string): string | null =>
  count === 0 ? null : `${count} ${count === 1 ? one : many}`;
const leftoversText = ({ containers, volumes, networks, images }: Leftovers): string =>
  [
    counted(containers.length, 'container', 'containers'),
    counted(volumes.length, 'volume', 'volumes'),
    counted(networks.length, 'network', 'networks'),
    counted(images.length, 'test image', 'test images'),
  ]
    .filter((part) => part !== null)
    .join(', ');

/** Looks, and removes at once what is found: it is ours by its mark, and nobody else's. */
export const examineLeftovers = async (
  ask: Ask,
  mark: string,
  liveJobs: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<Finding> => {
  const found = await findLeftovers(ask, mark, liveJobs, signal);
  const total = found.containers.length + found.volumes.length + found.networks.length + found.images.length;
  if (total === 0) return { result: 'good', sentence: 'Nothing of jobs that are over is left in the engine.' };
  const removed = await removeLeftovers(ask, found, signal);
  const what = leftoversText(found);
  if (removed === total)
    return {
      result: 'good',
      sentence: `Jobs that are over had left ${what}, which was removed.`,
      fixed: `Removed ${what} that jobs had left in the engine.`,
    };
  return {
    result: 'warning',
    problem: 'stuck',
    sentence: `Jobs that are over have left ${what}; ${total - removed} of these could not be removed.`,
    fix: 'Restart the engine and let the doctor look again.',
    fixable: true,
  };
};
