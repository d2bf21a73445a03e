import type { JobId } from '../../../../base/index.ts';

/** Everything that a job has in the engine, known before any of it exists. docs/formats/engine-objects.md */
export interface EngineNames {
  container: string;
  holder: string;
  volume: string;
  /** Job that the holder was made for, as its label says: another one's when it was ready before. */
  holderJob: JobId;
}
export const NAME_PREFIX = 'hypermesh-';

export const namesOf = (job: JobId): EngineNames => ({
  container: `${NAME_PREFIX}${job}`,
  holder: `${NAME_PREFIX}${job}-holder`,
  volume: `${NAME_PREFIX}${job}-work`,
  holderJob: job,
});
