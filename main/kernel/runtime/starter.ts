import type { Clock } from '../../base/index.ts';
import { isNodeError, messageOf } from '../../base/index.ts';
import type { AllocationBook } from '../assets/index.ts';
import type { JobSpec } from '../../../preload/contract/index.ts';
import { SAMPLE_INTERVAL_MS } from './constants.ts';
import type { ContentStore } from './content/index.ts';
import type { JobNetwork, PreparedJob, RuntimeDriver } from './drivers/interface.ts';
import { RuntimeError, notReady, stopping } from './errors.ts';
import type { KeptOrigin } from './job-facts.ts';
import { holdFiles, keepProgram, locateFiles } from './job-files.ts';
import type { Job } from './job.ts';
import { millicoresOf } from './job-spec.ts';
import type { Line } from './line.ts';

export interface StarterParts {
  clock: Clock;
  allocations: AllocationBook;
  content: ContentStore | null;
  drivers: readonly RuntimeDriver[];
  line: Line;
  networkOf(origin: KeptOrigin): JobNetwork | null;
  stopped(): boolean;
  /** From now on it is a job for everybody. */
  enter(job: Job): void;
}

/** Takes jobs from a request to their first instruction, as often as they start. */
export interface Starter {
  /** @throws {RuntimeError} `ENGINE_MISSING`, and what its driver misses */
  driverFor(kind: JobSpec['kind']): RuntimeDriver;
  /**
   * What happens to a request until it runs or waits.
   *
   * @param tellListed - called when it has become a job before that, since it takes long
   * @throws {RuntimeError} {AllocationError} {ContentError}
   */
  first(job: Job, spec: JobSpec, driver: RuntimeDriver, requestedAtMs: number, tellListed: () => void): Promise<void>;
  /** Starts what waited, for room or for its next try. Failures become the job's end. */
  bring(job: Job): Promise<void>;
  /** It failed and may start again, or others went first. */
  again(job: Job, pauseMs: number, reason?: string): void;
}

/** Codes of the book that say that there is no room now. */
const NO_ROOM = ['LEVEL_EXCEEDED', 'PAUSED', 'TOO_MANY_ALLOCATIONS'];

export const createStarter = (parts: StarterParts): Starter => {
  const { clock, allocations, content, drivers, line, networkOf, stopped, enter } = parts;

  /** @throws {AllocationError} when there is no room now */
  const launch = async (job: Job, prepared: PreparedJob, spec: JobSpec, requestedAtMs: number): Promise<void> => {
    const files = await locateFiles(content, spec.files);
    // From here to the reservation nothing waits, so that what is free now is free then.
    const free = Math.floor((allocations.free('cpu') + job.origin.reserved.millicores) / millicoresOf(1));
    const cpuPercent = spec.cpuPercent ?? (prepared.heldBy === 'none' ? 100 : Math.max(1, Math.min(100, free)));
    await job.allocate(cpuPercent, requestedAtMs);
    line.begun(job);
    enter(job);
    try {
      await job.list('starting');
    } catch (error) {
      // The store refused the row: nothing is started.
      job.end({ why: 'lost', message: 'It could not be started.' });
      await job.start(prepared, { files: [], network: null }, spec);
      throw error;
    }
    if (stopped()) job.end({ why: 'lost', message: 'The node was stopped before the job began; start it again.' });
    const hasExit = spec.kind === 'container' && spec.network === 'exit';
    const network = hasExit ? (job.origin.network ?? networkOf(job.origin)) : null;
    await job.start(prepared, { files, network }, spec);
  };

  const starter: Starter = {
    driverFor: (kind) => {
      const driver = drivers.find(({ kinds }) => kinds.includes(kind));
      if (driver === undefined)
        throw new RuntimeError({ code: 'ENGINE_MISSING' }, `This node has nothing that runs jobs of the kind ${kind}.`);
      const ready = driver.ready(kind);
      if (!ready.ok) throw notReady(ready);
      return driver;
    },

    first: async (job, spec, driver, requestedAtMs, tellListed) => {
      await holdFiles(content, job.id, spec.files);
      const listing: Promise<void>[] = [];
      const prepared = await driver.prepare(spec, {
        signal: job.signal,
        bringsImage: job.origin.bringsImage,
        progress: (sentence) => {
          if (listing.length === 0) {
            enter(job);
            const listed = job.list('preparing').then(tellListed);
            listing.push(listed);
            // Told again below.
            listed.catch(() => undefined);
          }
          job.waits('preparing', sentence);
        },
      });
      try {
        await Promise.all(listing);
        if (stopped()) throw stopping();
        job.prepared(prepared, spec);
        // What starts once is needed again only by whoever moves it: the request in memory is enough.
        const lasting = spec.queue || spec.restarts > 0;
        const { program, stored } = await keepProgram(lasting ? content : null, job.id, spec, prepared.identity.sha256);
        job.keepProgram(program, stored);
        if (job.ending) return;
        if (spec.queue) {
          await job.list('queued');
          enter(job);
          line.wait(job);
        } else await launch(job, prepared, spec, requestedAtMs);
      } finally {
        prepared.discard();
      }
    },

    bring: async (job) => {
      const requestedAtMs = clock.monotonicMs();
      const say = (sentence: string): void => job.waits('preparing', sentence);
      say('');
      try {
        const driver = starter.driverFor(job.spec.kind);
        const spec = await job.request();
        const prepared = await driver.prepare(spec, {
          signal: job.signal,
          progress: say,
          bringsImage: job.origin.bringsImage,
        });
        try {
          if (job.ending || stopped()) return;
          job.prepared(prepared, spec);
          await launch(job, prepared, spec, requestedAtMs);
        } finally {
          prepared.discard();
        }
      } catch (error) {
        if (job.ending) return;
        if (isNodeError(error) && NO_ROOM.includes(error.code)) starter.again(job, SAMPLE_INTERVAL_MS, error.message);
        else job.end({ why: 'crashed', message: messageOf(error) });
      } finally {
        line.begun(job);
      }
    },

    again: (job, pauseMs, reason) => {
      if (stopped()) return job.waits('queued', 'Waits for the node to start again.');
      if (reason !== undefined) job.waits('paused', reason);
      const go = (): void => {
        if (job.ending || stopped()) return;
        if (job.spec.queue) line.wait(job);
        else void starter.bring(job);
      };
      if (pauseMs === 0) go();
      else clock.after(pauseMs, go);
    },
  };
  return starter;
};
