import type { JobId, Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { JobEnd } from '../../../preload/contract/index.ts';
import { contentHolderOf, type ContentStore } from './content/index.ts';
import type { JobListener, JobNetwork, RuntimeDriver, StartedJob } from './drivers/interface.ts';
import type { KeptOrigin } from './job-facts.ts';
import { NO_PROGRAM, locateFiles, storedProgram } from './job-files.ts';
import type { Job, JobInit } from './job.ts';
import type { JobRecords, LeftOverJob } from './job-records.ts';
import { wholeSpec } from './job-spec.ts';
import { silentListener } from './moved-jobs.ts';

export interface RecoverParts {
  logger: Logger;
  records: JobRecords;
  drivers: readonly RuntimeDriver[];
  content: ContentStore | null;
  networkOf(origin: KeptOrigin): JobNetwork | null;
  requestedAtMs: number;
  make(init: JobInit): Job;
  enter(job: Job): void;
  /** Of a job that went on elsewhere, with its files still here. */
  keepMoved(job: Job): void;
  /** Of jobs that went on elsewhere, those of which something may be in the system. */
  movedIds(): Promise<JobId[]>;
  /** Puts it into the line. */
  wait(job: Job): void;
  /** Starts it at once. */
  bring(job: Job): void;
}

const LOST: JobEnd = { why: 'lost', message: 'The node went down while the job ran; start it again.' };

/**
 * What a node that went down left behind: jobs that waited wait again, those that still run are taken up, the others are lost, or start
 * again where they may. At the end nothing of ours is in the system that belongs to no job.
 */
export const recoverJobs = async (parts: RecoverParts): Promise<void> => {
  const { logger, records, drivers, content, make, enter } = parts;
  const live: Job[] = [];
  for (const row of await records.leftOver()) {
    const job = make({
      id: row.id,
      spec: row.spec,
      origin: { ...row.origin, network: parts.networkOf(row.origin) },
      facts: row.facts,
      createdAtMs: row.createdAtMs,
      held: false,
      outputBytes: await records.outputBytes(row.id),
    });
    job.restore(row.module, row.startedAtMs);
    if (row.facts.programStored || row.spec.kind === 'container')
      job.keepProgram(
        row.spec.kind === 'container' ? NO_PROGRAM : storedProgram(content, row.module.sha256),
        row.facts.programStored,
      );
    enter(job);
    live.push(job);
    await recover(parts, row, job);
  }
  await releaseHolds(parts);
  const stay = [...live.filter(({ status }) => status !== 'ended').map(({ id }) => id), ...(await parts.movedIds())];
  for (const driver of drivers) {
    try {
      const removed = await driver.sweep(stay);
      if (removed > 0) logger.info('Left over things of jobs were removed', { driver: driver.name, removed });
    } catch (error) {
      logger.warn('What is left of jobs could not be removed', { driver: driver.name, reason: messageOf(error) });
    }
  }
};

/** What a node that went down between a job's hold and its row, or between its row and its hold, left in the content store. */
const releaseHolds = async ({ logger, records, content }: RecoverParts): Promise<void> => {
  if (content === null) return;
  const known = new Set<string>((await records.ids()).map(contentHolderOf));
  const prefix = contentHolderOf('' as JobId);
  for (const holder of content.holders()) {
    if (!holder.startsWith(prefix) || known.has(holder)) continue;
    logger.info('Content of a job that is no more is let go', { holder });
    await content.discard(holder).catch((error: unknown) => {
      logger.warn('Content of a job that is no more could not be let go', { holder, reason: messageOf(error) });
    });
  }
};

const recover = async (parts: RecoverParts, row: LeftOverJob, job: Job): Promise<void> => {
  const { logger, drivers, content } = parts;
  const driver = drivers.find(({ kinds }) => kinds.includes(row.spec.kind));
  const isStartable = row.facts.programStored || row.spec.kind === 'container';
  if (row.state === 'queued' || row.state === 'preparing') {
    if (!isStartable) {
      job.end(LOST);
      await job.ended;
    } else if (row.spec.queue) parts.wait(job);
    else parts.bring(job);
    return;
  }
  const begin = async (): Promise<StartedJob> => ({
    id: row.id,
    spec: wholeSpec(row.spec, ''),
    millicores: 0,
    files: await locateFiles(content, row.spec.files),
    network: job.origin.network,
    told: await parts.records.streamBytes(row.id),
  });
  try {
    const adopting = async (
      now: Pick<StartedJob, 'millicores'>,
      listener: JobListener,
    ): ReturnType<RuntimeDriver['adopt']> =>
      driver === undefined || row.record === null
        ? null
        : driver.adopt({ ...(await begin()), ...now }, row.record, listener);
    const percent = row.spec.cpuPercent ?? row.facts.cpuPercent ?? 100;
    const run = await job.allocate(percent, parts.requestedAtMs).catch(async (error: unknown) => {
      // The level covers it no more: what is there goes.
      logger.info('A job of the last run has no room any more', { job: row.id, reason: messageOf(error) });
      await discard(adopting);
      job.end({ why: 'owner', message: messageOf(error) });
      await job.ended;
      return null;
    });
    if (run === null) return;
    const adopted = await job.adopt(adopting);
    if (adopted && job.leaves) {
      // It was being handed over: it ends as that, and whoever moves it asks again.
      parts.keepMoved(job);
      await job.ended;
      return;
    }
    logger.info(adopted ? 'A job of the last run goes on' : 'A job of the last run is gone', { job: row.id });
    if (adopted) return;
    run.lost(LOST);
  } catch (error) {
    logger.warn('A job of the last run could not be taken up', { job: row.id, reason: messageOf(error) });
    if (job.run === null) job.end(LOST);
    else job.run.lost(LOST);
  }
  // It has ended, or waits for its next start.
  await job.verdict;
};

/** Takes it up only to end it. */
const discard = async (
  adopting: (now: Pick<StartedJob, 'millicores'>, listener: JobListener) => ReturnType<RuntimeDriver['adopt']>,
): Promise<void> => {
  let tellGone: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (tellGone = resolve));
  const driven = await adopting(
    { millicores: 0 },
    silentListener(() => tellGone()),
  );
  if (driven === null) return;
  driven.kill();
  await gone;
  await driven.release();
};
