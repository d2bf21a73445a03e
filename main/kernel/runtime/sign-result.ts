import type { JobId } from '../../base/index.ts';
import type { Signer } from '../../base/crypto/index.ts';
import { jobRunning, jobUnknown, noResult } from './errors.ts';
import type { JobRecords } from './job-records.ts';
import { createStreamHash, isOutcome, resultHashOf, signJobResult } from './results/index.ts';

/**
 * The signed result of a job that has ended by itself, from its rows: docs/formats/job-result.md.
 *
 * @throws {RuntimeError} `JOB_UNKNOWN` | `JOB_RUNNING` | `NO_RESULT` {RecordError} `LOCKED`
 */
export const signResult = async (
  { records, signer }: { records: JobRecords; signer: Signer | null },
  id: JobId,
): Promise<{ fileName: string; bytes: Uint8Array }> => {
  const row = await records.get(id);
  const facts = await records.facts(id);
  if (row === null || facts === null) throw jobUnknown(id);
  const { view } = row;
  if (view === null) throw jobRunning(id);
  const { end, outputs, startedAtMs, endedAtMs, measured, lease } = view;
  if (signer === null) throw noResult(id, 'this node has no identity to sign it with; make one first.');
  if (end === null || endedAtMs === null || facts.input === null) throw noResult(id, 'nothing is kept of what it ran.');
  if (!isOutcome(end)) throw noResult(id, `it did not end by itself (${end.why}); start it again.`);
  const streams = { stdout: createStreamHash(), stderr: createStreamHash() };
  // A piece a turn: hashing 16 MiB at once would hold up everybody else for tens of milliseconds.
  for (let offset = 0; ; ) {
    const piece = await records.outputPiece(id, offset);
    if (piece === null) break;
    streams[piece.stream].update(piece.data);
    offset = piece.nextOffset;
  }
  const stdoutSha256 = streams.stdout.digest();
  const bytes = await signJobResult(signer, {
    job: id,
    input: facts.input,
    end,
    result: resultHashOf({ end, stdoutSha256, outputs }),
    stdoutSha256,
    stderrSha256: streams.stderr.digest(),
    outputs,
    cpuMs: measured.cpuMs === null ? null : Math.round(measured.cpuMs),
    memoryBytesPeak: measured.memoryBytesPeak,
    startedAtMs: startedAtMs ?? endedAtMs,
    endedAtMs,
    lease,
  });
  return { fileName: `${id}.hmresult`, bytes };
};
