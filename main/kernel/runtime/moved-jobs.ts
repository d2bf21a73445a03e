import type { Clock, JobId, Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { MOVED_KEPT_MS } from './constants.ts';
import type { DrivenJob, JobListener, RuntimeDriver, WorkFolder } from './drivers/interface.ts';
import type { JobRecords, LeftOverJob } from './job-records.ts';
import { wholeSpec } from './job-spec.ts';

/** What is left here of a job that went on elsewhere. */
export interface MovedWork {
  work: WorkFolder;
  stoppedAtMs: number;
  /** Everything of it in the system is removed, and what it took given back. May be called twice. */
  release(): Promise<void>;
  /** What it took of the book is given back; the rest stays for the next life of the node. */
  leave(): Promise<void>;
}

/**
 * Work folders of jobs that went on elsewhere, until whoever moved them has no more need of them: over ends and crashes of the node, since
 * the move may go on after those. Rows say which; docs/formats/job-rows.md.
 */
export interface MovedJobs {
  /** Takes up what an earlier life of the node kept. */
  load(): Promise<void>;
  keep(id: JobId, moved: MovedWork): void;
  /** @returns null when nothing is left of it. @throws {RuntimeError} `ENGINE_MISSING` while what runs it is away */
  find(id: JobId): Promise<MovedWork | null>;
  /** @returns false when nothing was left of it */
  forget(id: JobId): Promise<boolean>;
  /** Those of which something may be in the system. */
  list(): Promise<JobId[]>;
  stop(): Promise<void>;
}

export const createMovedJobs = (parts: {
  clock: Clock;
  logger: Logger;
  records: JobRecords;
  drivers: readonly RuntimeDriver[];
}): MovedJobs => {
  const { clock, logger, records, drivers } = parts;
  const kept = new Map<JobId, { moved: MovedWork; cancel: () => void }>();
  /** Being looked for: the driver takes each up once. */
  const finding = new Map<JobId, Promise<MovedWork | null>>();

  const keepFor = (id: JobId, moved: MovedWork, ms: number): void => {
    const cancel = clock.after(Math.max(0, ms), () => {
      logger.info('The work folder of a job that moved is removed, since nobody asked for it', { job: id });
      forget(id).catch((error: unknown) => {
        logger.warn('The work folder of a job that moved could not be removed', { job: id, reason: messageOf(error) });
      });
    });
    kept.set(id, { moved, cancel });
  };
  const forget = async (id: JobId): Promise<boolean> => {
    await finding.get(id)?.catch(() => null);
    const found = kept.get(id);
    kept.delete(id);
    found?.cancel();
    if (found === undefined) {
      const [row] = await records.moved(id);
      if (row === undefined) return false;
      // Its driver was away: what is there has no row any more, and the next sweep removes it.
      await records.forgetMoved(id);
      return true;
    }
    await found.moved.release();
    await records.forgetMoved(id);
    return true;
  };
  const takeUp = async (row: LeftOverJob & { endedAtMs: number }): Promise<MovedWork | null> => {
    const leftMs = row.endedAtMs + MOVED_KEPT_MS - clock.nowMs();
    const driver = drivers.find(({ kinds }) => kinds.includes(row.spec.kind));
    const driven = driver === undefined || row.record === null ? null : await adoptQuietly(driver, row, row.record);
    if (driven?.work == null || leftMs <= 0) {
      await driven?.release();
      await records.forgetMoved(row.id);
      return null;
    }
    const moved: MovedWork = {
      work: driven.work,
      stoppedAtMs: row.endedAtMs,
      release: () => driven.release(),
      leave: async () => undefined,
    };
    keepFor(row.id, moved, leftMs);
    return moved;
  };
  const find = async (id: JobId): Promise<MovedWork | null> => {
    const known = kept.get(id);
    if (known !== undefined) return known.moved;
    let looking = finding.get(id);
    if (looking === undefined) {
      looking = records.moved(id).then(async ([row]) => (row === undefined ? null : await takeUp(row)));
      finding.set(id, looking);
      // Asked again after a failure: the driver may be back by then.
      looking.finally(() => finding.delete(id)).catch(() => undefined);
    }
    return looking;
  };

  return {
    load: async () => {
      for (const { id } of await records.moved()) {
        try {
          await find(id);
        } catch (error) {
          logger.warn('The work folder of a job that moved is out of reach', { job: id, reason: messageOf(error) });
        }
      }
    },
    keep: (id, moved) => keepFor(id, moved, MOVED_KEPT_MS),
    find,
    forget,
    list: async () => [...new Set([...kept.keys(), ...(await records.moved()).map(({ id }) => id)])],
    stop: async () => {
      for (const { moved, cancel } of kept.values()) {
        cancel();
        await moved.leave();
      }
      kept.clear();
    },
  };
};

/** Takes it up for its files alone. What it wrote was told, and how it ended is known. */
const adoptQuietly = async (driver: RuntimeDriver, row: LeftOverJob, record: Uint8Array): Promise<DrivenJob | null> => {
  let tellGone: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (tellGone = resolve));
  const driven = await driver.adopt(
    { id: row.id, spec: wholeSpec(row.spec, ''), millicores: 0, files: [], network: null },
    record,
    silentListener(() => tellGone()),
  );
  if (driven === null) return null;
  // It had ended, unless the engine has started it again.
  driven.kill();
  driven.resumeOutput();
  await gone;
  return driven;
};

/** For a job that is taken up and not to go on. */
export const silentListener = (gone: () => void): JobListener => ({
  recorded: async () => undefined,
  running: () => undefined,
  output: () => undefined,
  ended: () => undefined,
  refused: () => undefined,
  health: () => undefined,
  gone,
});
