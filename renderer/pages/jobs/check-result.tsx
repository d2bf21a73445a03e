import { useState } from 'react';
import type { CallError, ResultVerdict } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Fact, Facts, Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { sentence, Unknown } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

/** The contract takes 200 000 characters of base64. */
const FILE_BYTES_MAX = 150_000;
const NOT_SAID = 'The node that ran it did not say.';

const Verdict = ({ verdict: { passed, findings, result } }: { verdict: ResultVerdict }) => (
  <div role="status" className="hm-stack">
    <p>
      <Tag tone={passed ? 'accent' : 'problem'}>{passed ? 'holds' : 'does not hold'}</Tag>
    </p>
    <ul className="hm-job-findings">
      {findings.map((finding, index) => (
        // Two findings may come of one check.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={`${finding.check} ${index}`}>
          <Tag tone={finding.passed ? 'neutral' : 'problem'}>{finding.passed ? 'holds' : 'fails'}</Tag>{' '}
          {sentence(finding.sentence)}
        </li>
      ))}
    </ul>
    {result !== null && (
      <Facts>
        <Fact name="Job">
          <code>{result.job}</code>
        </Fact>
        <Fact name="Signed by">
          <ShortHash value={result.signer} what="who signed it" />
        </Fact>
        <Fact name="Ended">
          {dateTimeText(result.endedAtMs)},{' '}
          {result.exitCode === null ? 'ended from outside' : `exit code ${result.exitCode}`}
        </Fact>
        <Fact name="Processor time">
          {result.cpuMs === null ? <Unknown reason={NOT_SAID} /> : durationText(result.cpuMs)}
        </Fact>
        <Fact name="Memory, most at once">
          {result.memoryBytesPeak === null ? <Unknown reason={NOT_SAID} /> : bytesText(result.memoryBytesPeak)}
        </Fact>
        <Fact name="Hash of what went in">
          <ShortHash value={result.inputSha256} what="the hash of what went in" />
        </Fact>
        <Fact name="Hash of what came out">
          <ShortHash value={result.resultSha256} what="the hash of what came out" />
        </Fact>
      </Facts>
    )}
  </div>
);

/** The signed result of anybody's job: what holds of it, with what it holds and nothing else. */
export const CheckResult = () => {
  const node = useNodeAccess();
  const [name, setName] = useState<string | null>(null);
  const [verdict, setVerdict] = useState<ResultVerdict | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const take = async (file: File): Promise<void> => {
    setName(file.name);
    setVerdict(null);
    const read = await readFile(file, FILE_BYTES_MAX, 'the signed result of a job');
    if (!read.ok) return setError(read.error);
    const reply = await node.ask('job:verifyResult', { file: read.value });
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setVerdict(reply.value);
  };
  return (
    <Panel title="Check a result" hint="Of your job or anybody’s: who signed it, and of what it is the result.">
      <div className="hm-stack">
        <FileDrop title={name ?? 'Choose a result file, or drop it here'} onFile={(file) => void take(file)}>
          What “Save result” on a job’s page made
        </FileDrop>
        {error !== null && <ErrorNote error={error} />}
        {verdict !== null && <Verdict verdict={verdict} />}
      </div>
    </Panel>
  );
};
