import { Button } from '@mantine/core';
import { IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useState } from 'react';
import type { CallError, ChainVerification } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { percentText } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { countText, speedText } from './block-text.ts';

type Of<S extends ChainVerification['status']> = Extract<ChainVerification, { status: S }>;

const Running = ({ run }: { run: Of<'running'> }) => {
  const percent = run.total === 0 ? 0 : (run.checked / run.total) * 100;
  const left = run.blocksPerSecond > 0 ? durationText(((run.total - run.checked) / run.blocksPerSecond) * 1000) : null;
  return (
    <div className="hm-stack-tight">
      <Progress
        label="Verification of the chain"
        percent={percent}
        text={`${percentText(percent)}, ${run.checked} of ${countText(run.total, 'block')}`}
      />
      <p className="hm-small hm-dim hm-split">
        <span>
          {run.checked.toLocaleString('en')} of {countText(run.total, 'block')}
          {left !== null && `, about ${left} left`}
        </span>
        <span>{speedText(run.blocksPerSecond)}</span>
      </p>
    </div>
  );
};

const Done = ({ run }: { run: Of<'done'> }) => (
  <div className="hm-stack">
    <div className="hm-verdict" data-passed={run.holds}>
      {run.holds ? <IconShieldCheck size={24} aria-hidden /> : <IconShieldX size={24} aria-hidden />}
      <div className="hm-grow">
        <p className="hm-verdict-title">
          {run.holds
            ? 'The chain holds'
            : `The chain does not hold: ${run.problems.length === 0 ? 'see the log' : countText(run.problems.length, 'problem')}`}
        </p>
        <p className="hm-small">
          {countText(run.blocks, 'block')}, {countText(run.transactions, 'transaction')} and{' '}
          {countText(run.proofs, 'proof')} in {durationText(run.tookMs)}
          {run.headersOnly > 0 &&
            `; of ${countText(run.headersOnly, 'block')} only the header, since the content was dropped or cannot be opened`}
          . Checked <Age atMs={run.startedAtMs} />.
        </p>
      </div>
    </div>
    {run.problems.length > 0 && (
      <div className="hm-scroll-x">
        <table className="hm-table">
          <thead>
            <tr>
              <th scope="col">Block</th>
              <th scope="col">What is wrong</th>
              <th scope="col">Code</th>
            </tr>
          </thead>
          <tbody>
            {run.problems.map((problem, index) => (
              // Two problems of one block may have the same code.
              <tr key={index}>
                <td>
                  {problem.height === null ? (
                    'all'
                  ) : (
                    <a href={hrefOf('blocks', String(problem.height))}>{problem.height}</a>
                  )}
                </td>
                <td className="hm-break">{sentence(problem.reason)}</td>
                <td>
                  <code>{problem.code}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
    {!run.holds && (
      <p>
        Nothing is repaired by itself. Export the chain before you do anything else; then import a chain file that was
        exported earlier, which brings back the blocks that are missing or damaged.
      </p>
    )}
    {run.notes.length > 0 && (
      <ul className="hm-verdict-notes hm-small">
        {run.notes.map((note) => (
          <li key={note}>{sentence(note)}</li>
        ))}
      </ul>
    )}
  </div>
);

const hintOf = (run: ChainVerification): string => {
  switch (run.status) {
    case 'never':
      return 'Checks every hash, signature, proof and state from the first block on. You may go on working meanwhile.';
    case 'running':
      return 'Every hash, signature, proof and state from the first block on.';
    case 'done':
      return 'Every hash, signature, proof and state from the first block on.';
    case 'cancelled':
      return `The last run was cancelled after ${run.checked.toLocaleString('en')} of ${countText(run.total, 'block')}, so it says nothing about the rest.`;
  }
};

/** Verification of the whole chain: start, watch, cancel, result. */
export const VerificationPanel = () => {
  const node = useNodeAccess();
  const run = useNode((state) => state.verification);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  if (run === null) return null;
  const act = async (name: 'chain:verify' | 'chain:cancelVerify'): Promise<void> => {
    setBusy(true);
    const reply = await node.ask(name, {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) node.store.setState({ verification: reply.value });
  };
  return (
    <Panel
      title="Verify the chain"
      hint={hintOf(run)}
      actions={
        run.status === 'running' ? (
          <Button variant="default" loading={busy} onClick={() => void act('chain:cancelVerify')}>
            Cancel
          </Button>
        ) : (
          <Button
            variant={run.status === 'never' ? 'filled' : 'default'}
            loading={busy}
            onClick={() => void act('chain:verify')}
          >
            {run.status === 'never' ? 'Verify' : 'Verify again'}
          </Button>
        )
      }
    >
      {error !== null && <ErrorNote title="It was not done" error={error} />}
      {run.status === 'running' && <Running run={run} />}
      <div aria-live="polite">{run.status === 'done' && <Done run={run} />}</div>
    </Panel>
  );
};
