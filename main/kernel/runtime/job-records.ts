import type { JobId, SqlValue, Statement, Store } from '../../base/index.ts';
import { assert, decodeCbor, encodeCbor } from '../../base/index.ts';
import type { JobEnd, JobOutputChunk, JobView } from '../../../preload/contract/index.ts';
import { JOBS_KEPT_MAX, JOBS_LISTED_MAX, OUTPUT_ANSWER_BYTES_MAX } from './constants.ts';
import { FIRST_FACTS, type JobFacts, type KeptOrigin } from './job-facts.ts';
import { readKeptSpec, type KeptSpec } from './job-spec.ts';
import { endedView, unmeasured } from './job-view.ts';

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
  origin: Uint8Array;
  facts: Uint8Array;
  created_at_ms: number;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  job_end: Uint8Array | null;
  measured: Uint8Array | null;
};
const COLUMNS =
  'id, spec, module_sha256, module_bytes, state, origin, facts, created_at_ms, started_at_ms, ended_at_ms, job_end, measured';

/** A job that had not ended when the node went down. */
export interface LeftOverJob {
  id: JobId;
  state: string;
  spec: KeptSpec;
  module: { sha256: string; bytes: number };
  origin: KeptOrigin;
  facts: JobFacts;
  record: Uint8Array | null;
  createdAtMs: number;
  startedAtMs: number | null;
}
export type JobState = 'queued' | 'preparing' | 'starting' | 'running' | 'frozen';

/** Rows of jobs and of their output. */
export class JobRecords {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async insert(job: {
    id: JobId;
    spec: KeptSpec;
    module: { sha256: string; bytes: number };
    state: JobState;
    origin: KeptOrigin;
    facts: JobFacts;
    createdAtMs: number;
  }): Promise<void> {
    await this.#store.run(
      'jobs.insert',
      'INSERT INTO jobs (id, spec, module_sha256, module_bytes, state, side, origin, facts, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      [
        job.id,
        encodeCbor(job.spec),
        job.module.sha256,
        job.module.bytes,
        job.state,
        job.origin.side,
        encodeCbor(job.origin),
        encodeCbor(job.facts),
        job.createdAtMs,
      ],
    );
  }

  /** What is known of it now. A state that begins anew forgets how the last process was found. */
  async update(
    id: JobId,
    state: JobState,
    spec: KeptSpec,
    module: { sha256: string; bytes: number },
    facts: JobFacts,
    startedAtMs: number | null,
  ): Promise<void> {
    await this.#store.run(
      'jobs.update',
      `UPDATE jobs SET state = ?, spec = ?, module_sha256 = ?, module_bytes = ?, facts = ?, started_at_ms = ?${
        state === 'running' || state === 'frozen' || state === 'starting' ? '' : ', record = NULL'
      } WHERE id = ?`,
      [state, encodeCbor(spec), module.sha256, module.bytes, encodeCbor(facts), startedAtMs, id],
    );
  }

  async setRecord(id: JobId, record: Uint8Array): Promise<void> {
    await this.#store.run('jobs.record', "UPDATE jobs SET record = ? WHERE id = ? AND state <> 'ended'", [record, id]);
  }

  /**
   * @param spec - without stdin: nobody needs it any more
   * @param keepsWork - its work folder stays for whoever moved it, and how that is found
   */
  async setEnded(
    id: JobId,
    end: JobEnd,
    endedAtMs: number,
    kept: KeptMeasurement,
    spec: KeptSpec,
    facts: JobFacts,
    keepsWork: boolean,
  ): Promise<void> {
    await this.#store.run(
      'jobs.ended',
      `UPDATE jobs SET state = 'ended', ended_at_ms = ?, job_end = ?, measured = ?, record = ${keepsWork ? 'record' : 'NULL'}, spec = ?, facts = ? WHERE id = ?`,
      [endedAtMs, encodeCbor(end), encodeCbor(kept), encodeCbor({ ...spec, stdin: '' }), encodeCbor(facts), id],
    );
  }

  /** Of an ended one. */
  async setFacts(id: JobId, facts: JobFacts): Promise<void> {
    await this.#store.run('jobs.facts', 'UPDATE jobs SET facts = ? WHERE id = ?', [encodeCbor(facts), id]);
  }
  async facts(id: JobId): Promise<JobFacts | null> {
    const row = await this.#store.get<{ facts: Uint8Array }>('jobs.facts.get', 'SELECT facts FROM jobs WHERE id = ?', [
      id,
    ]);
    return row === undefined ? null : readFacts(row.facts);
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

  /** All that a job wrote, in order, in pieces of 256 KiB at most. @returns null when there is no more */
  async outputPiece(
    id: JobId,
    offset: number,
  ): Promise<{ stream: 'stdout' | 'stderr'; data: Uint8Array; nextOffset: number } | null> {
    const row = await this.#store.get<{ start: number; stream: 'stdout' | 'stderr'; data: Uint8Array }>(
      'jobs.output.piece',
      'SELECT start, stream, data FROM job_output WHERE job_id = ? AND start >= ? ORDER BY start LIMIT 1',
      [id, offset],
    );
    return row === undefined
      ? null
      : { stream: row.stream, data: row.data, nextOffset: row.start + row.data.byteLength };
  }

  /** Of all that have a row. */
  async ids(): Promise<JobId[]> {
    return (await this.#store.all<{ id: string }>('jobs.ids', 'SELECT id FROM jobs')).map(({ id }) => id as JobId);
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

  /** Output bytes of one job in the store, by stream. */
  async streamBytes(id: JobId): Promise<{ stdout: number; stderr: number }> {
    const rows = await this.#store.all<{ stream: 'stdout' | 'stderr'; bytes: number }>(
      'jobs.output.streams',
      'SELECT stream, SUM(LENGTH(data)) AS bytes FROM job_output WHERE job_id = ? GROUP BY stream',
      [id],
    );
    const bytesOf = (stream: string): number => rows.find((row) => row.stream === stream)?.bytes ?? 0;
    return { stdout: bytesOf('stdout'), stderr: bytesOf('stderr') };
  }

  /** Ended jobs beyond the number that is kept, oldest first. */
  async surplus(): Promise<string[]> {
    const rows = await this.#store.all<{ id: string }>(
      'jobs.surplus',
      "SELECT id FROM jobs WHERE state = 'ended' ORDER BY created_at_ms DESC, id LIMIT -1 OFFSET MAX(0, ? - (SELECT COUNT(*) FROM jobs WHERE state NOT IN ('ended', 'queued')))",
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

  /** Jobs that a node left behind when it went down, oldest first. */
  async leftOver(): Promise<LeftOverJob[]> {
    const rows = await this.#store.all<RecordRow>(
      'jobs.leftover',
      `SELECT ${COLUMNS}, record FROM jobs WHERE state <> 'ended' ORDER BY created_at_ms, id`,
    );
    return rows.map(toLeftOver);
  }

  /** Jobs that went on elsewhere and whose work folders are still here, oldest first; of one, or of all. */
  async moved(id?: JobId): Promise<(LeftOverJob & { endedAtMs: number })[]> {
    const rows = await this.#store.all<RecordRow>(
      'jobs.moved',
      `SELECT ${COLUMNS}, record FROM jobs WHERE state = 'ended' AND record IS NOT NULL${id === undefined ? '' : ' AND id = ?'} ORDER BY ended_at_ms, id`,
      id === undefined ? [] : [id],
    );
    return rows.map((row) => ({ ...toLeftOver(row), endedAtMs: row.ended_at_ms ?? row.created_at_ms }));
  }
  /** Nothing of it is in the system any more. */
  async forgetMoved(id: JobId): Promise<void> {
    await this.#store.run('jobs.moved.forget', "UPDATE jobs SET record = NULL WHERE id = ? AND state = 'ended'", [id]);
  }
}

type RecordRow = JobRow & { record: Uint8Array | null };
const toLeftOver = (row: RecordRow): LeftOverJob => ({
  id: row.id as JobId,
  state: row.state,
  spec: readKeptSpec(decodeCbor(row.spec)),
  module: { sha256: row.module_sha256, bytes: row.module_bytes },
  origin: readOrigin(row.origin),
  facts: readFacts(row.facts),
  record: row.record,
  createdAtMs: row.created_at_ms,
  startedAtMs: row.started_at_ms,
});

/** Rows of an older version have an empty map. */
const readOrigin = (bytes: Uint8Array): KeptOrigin => ({
  side: 'own',
  who: 'own',
  lease: null,
  peerId: null,
  reserved: { millicores: 0, containers: 0 },
  bringsImage: true,
  ...(decodeCbor(bytes) as Partial<KeptOrigin>),
});
const readFacts = (bytes: Uint8Array): JobFacts => ({ ...FIRST_FACTS, ...(decodeCbor(bytes) as Partial<JobFacts>) });

const toView = (row: JobRow): JobView => {
  assert(
    row.job_end !== null && row.ended_at_ms !== null && row.measured !== null,
    'An ended job has an end, a time and a measurement.',
  );
  const { measured, governor } = decodeCbor(row.measured) as KeptMeasurement;
  return endedView({
    id: row.id,
    spec: readKeptSpec(decodeCbor(row.spec)),
    module: { sha256: row.module_sha256, bytes: row.module_bytes },
    origin: readOrigin(row.origin),
    facts: readFacts(row.facts),
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    end: decodeCbor(row.job_end) as JobEnd,
    // Measurements of an older version lack what was not measured then.
    measured: { ...unmeasured(0), ...measured },
    governor,
  });
};
