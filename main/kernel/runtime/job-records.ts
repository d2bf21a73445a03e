import type { JobId, SqlValue, Statement, Store } from '../../base/index.ts';
import { assert, decodeCbor, encodeCbor } from '../../base/index.ts';
import type { JobEnd, JobOutputChunk, JobSpec, JobView } from '../../../preload/contract/index.ts';
import { JOBS_KEPT_MAX, JOBS_LISTED_MAX, OUTPUT_ANSWER_BYTES_MAX } from './constants.ts';

/** What of a request is kept: all but the program and its input. */
export type KeptSpec = Omit<JobSpec, 'module' | 'stdin' | 'cpuPercent'> & { cpuPercent: number };

/** What is kept of an ended job beside its row. */
interface KeptMeasurement {
  measured: JobView['measured'];
  governor: JobView['governor'];
}

type JobRow = {
  id: string;
  spec: Uint8Array;
  module_sha256: string;
  module_bytes: number;
  state: string;
  created_at_ms: number;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  job_end: Uint8Array | null;
  measured: Uint8Array | null;
};
const COLUMNS =
  'id, spec, module_sha256, module_bytes, state, created_at_ms, started_at_ms, ended_at_ms, job_end, measured';

/** The fields of a request that are kept; listed, so that the program does not get into the store by accident. */
export const keptSpec = (
  { name, kind, args, memoryBytes, timeMsMax, outputBytesMax, scratchBytesMax }: JobSpec,
  cpuPercent: number,
): KeptSpec => ({ name, kind, args, cpuPercent, memoryBytes, timeMsMax, outputBytesMax, scratchBytesMax });

export const promisedOf = ({
  cpuPercent,
  memoryBytes,
  timeMsMax,
  outputBytesMax,
  scratchBytesMax,
}: KeptSpec): JobView['promised'] => ({ cpuPercent, memoryBytes, timeMsMax, outputBytesMax, scratchBytesMax });

/** Rows of jobs and of their output. */
export class JobRecords {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async insert(
    id: JobId,
    spec: KeptSpec,
    module: { sha256: string; bytes: number },
    createdAtMs: number,
  ): Promise<void> {
    await this.#store.run(
      'jobs.insert',
      "INSERT INTO jobs (id, spec, module_sha256, module_bytes, state, created_at_ms) VALUES (?, ?, ?, ?, 'starting', ?)",
      [id, encodeCbor(spec), module.sha256, module.bytes, createdAtMs],
    );
  }

  async setHost(id: JobId, pid: number, started: string | null): Promise<void> {
    await this.#store.run('jobs.host', 'UPDATE jobs SET host_pid = ?, host_started = ? WHERE id = ?', [
      pid,
      started,
      id,
    ]);
  }

  async setRunning(id: JobId, startedAtMs: number): Promise<void> {
    await this.#store.run('jobs.running', "UPDATE jobs SET state = 'running', started_at_ms = ? WHERE id = ?", [
      startedAtMs,
      id,
    ]);
  }

  async setEnded(id: JobId, end: JobEnd, endedAtMs: number, kept: KeptMeasurement): Promise<void> {
    await this.#store.run(
      'jobs.ended',
      "UPDATE jobs SET state = 'ended', ended_at_ms = ?, job_end = ?, measured = ?, host_pid = NULL, host_started = NULL WHERE id = ?",
      [endedAtMs, encodeCbor(end), encodeCbor(kept), id],
    );
  }

  async delete(ids: readonly string[]): Promise<void> {
    await this.#store.transaction(
      'jobs.delete',
      ids.flatMap((id): Statement[] => [
        { sql: 'DELETE FROM job_output WHERE job_id = ?', params: [id] },
        { sql: 'DELETE FROM jobs WHERE id = ?', params: [id] },
      ]),
    );
  }

  /** Newest first. Jobs that have not ended come as `null`: their view is not in the store. */
  async list(): Promise<{ id: string; view: JobView | null }[]> {
    const rows = await this.#store.all<JobRow>(
      'jobs.list',
      `SELECT ${COLUMNS} FROM jobs ORDER BY created_at_ms DESC, id LIMIT ?`,
      [JOBS_LISTED_MAX],
    );
    return rows.map((row) => ({ id: row.id, view: row.state === 'ended' ? toView(row) : null }));
  }

  /** @returns null when there is no such job; `view` null while it has not ended */
  async get(id: JobId): Promise<{ view: JobView | null } | null> {
    const row = await this.#store.get<JobRow>('jobs.get', `SELECT ${COLUMNS} FROM jobs WHERE id = ?`, [id]);
    return row === undefined ? null : { view: row.state === 'ended' ? toView(row) : null };
  }

  async output(
    id: JobId,
    offset: number,
  ): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; storedBytes: number }> {
    const rows = await this.#store.all<{ start: number; stream: 'stdout' | 'stderr'; bytes: number }>(
      'jobs.output.find',
      'SELECT start, stream, LENGTH(data) AS bytes FROM job_output WHERE job_id = ? AND start + LENGTH(data) > ? ORDER BY start',
      [id, offset],
    );
    const last = rows.at(-1);
    const chunks: JobOutputChunk[] = [];
    let nextOffset = offset;
    let sum = 0;
    for (const { start, stream } of rows) {
      if (sum >= OUTPUT_ANSWER_BYTES_MAX) break;
      const row = await this.#store.get<{ data: Uint8Array }>(
        'jobs.output.read',
        'SELECT data FROM job_output WHERE job_id = ? AND start = ?',
        [id, start],
      );
      if (row === undefined) break; // removed meanwhile
      const skipped = Math.max(0, offset - start);
      const data = Buffer.from(row.data.buffer, row.data.byteOffset + skipped, row.data.byteLength - skipped);
      chunks.push({ id, stream, offset: start + skipped, data: data.toString('base64') });
      nextOffset = start + skipped + data.length;
      sum += data.length;
    }
    return { chunks, nextOffset, storedBytes: last === undefined ? offset : last.start + last.bytes };
  }

  /** Output bytes of one job in the store, or of all. */
  async outputBytes(id?: string): Promise<number> {
    const where: [string, SqlValue[]] = id === undefined ? ['', []] : [' WHERE job_id = ?', [id]];
    return (
      (
        await this.#store.get<{ bytes: number }>(
          'jobs.output.sum',
          `SELECT COALESCE(SUM(LENGTH(data)), 0) AS bytes FROM job_output${where[0]}`,
          where[1],
        )
      )?.bytes ?? 0
    );
  }

  /** Ended jobs beyond the number that is kept, oldest first. */
  async surplus(): Promise<string[]> {
    const rows = await this.#store.all<{ id: string }>(
      'jobs.surplus',
      "SELECT id FROM jobs WHERE state = 'ended' ORDER BY created_at_ms DESC, id LIMIT -1 OFFSET MAX(0, ? - (SELECT COUNT(*) FROM jobs WHERE state <> 'ended'))",
      [JOBS_KEPT_MAX],
    );
    return rows.map(({ id }) => id).reverse();
  }

  /** The ended job with output that was made first. */
  async oldestWithOutput(): Promise<string | null> {
    return (
      (
        await this.#store.get<{ id: string }>(
          'jobs.oldest',
          "SELECT id FROM jobs WHERE state = 'ended' AND EXISTS (SELECT 1 FROM job_output WHERE job_id = jobs.id) ORDER BY created_at_ms, id LIMIT 1",
        )
      )?.id ?? null
    );
  }

  /** Jobs that a node left behind when it went down. */
  async leftOver(): Promise<{ id: JobId; pid: number | null; started: string | null }[]> {
    return this.#store.all<{ id: JobId; pid: number | null; started: string | null }>(
      'jobs.leftover',
      "SELECT id, host_pid AS pid, host_started AS started FROM jobs WHERE state <> 'ended'",
    );
  }
}

/** Nothing was measured: the node went down before. */
export const unmeasured = (outputBytes: number): JobView['measured'] => ({
  cpuMs: null,
  cpuPercentMean: null,
  cpuPercentNow: null,
  memoryBytesPeak: null,
  outputBytes,
  startMs: null,
});

const toView = (row: JobRow): JobView => {
  assert(
    row.job_end !== null && row.ended_at_ms !== null && row.measured !== null,
    'An ended job has an end, a time and a measurement.',
  );
  const spec = decodeCbor(row.spec) as KeptSpec;
  const { measured, governor } = decodeCbor(row.measured) as KeptMeasurement;
  return {
    id: row.id,
    name: spec.name,
    kind: spec.kind,
    moduleBytes: row.module_bytes,
    moduleSha256: row.module_sha256,
    args: spec.args,
    state: 'ended',
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    end: decodeCbor(row.job_end) as JobEnd,
    promised: promisedOf(spec),
    effectiveCpuPercent: 0,
    governor,
    measured,
  };
};
