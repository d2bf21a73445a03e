import { Button } from '@mantine/core';
import { useState } from 'react';
import type { ProverState } from '../../../preload/contract/index.ts';
import { showError } from '../../components/error-note.tsx';
import { Bar } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { durationText, withLocalTimes } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { STEP_ORDER, STEPS, stepText } from './proof-text.ts';

/** Names in the queue before the rest is only counted. */
const QUEUE_SHOWN = 4;

const TITLES: Record<ProverState['status'], string> = {
  idle: 'Nothing to prove at the moment',
  working: 'Making a proof',
  waiting: 'Waiting',
  off: 'No proof can be made',
};
const TONES: Record<ProverState['status'], string> = { idle: 'off', working: 'on', waiting: 'paused', off: 'off' };

/** Space is filled for all assets, whichever of them comes first. */
const titleOf = ({ status, current }: ProverState, nameOf: (asset: string) => string): string =>
  current === null
    ? TITLES[status]
    : current.step === 'plot'
      ? 'Filling space for proofs'
      : `Proving ${nameOf(current.asset)}`;

const Current = ({ current, name }: { current: NonNullable<ProverState['current']>; name: string }) => {
  const at = STEP_ORDER.indexOf(current.step);
  return (
    <div className="hm-stack-tight">
      <ol className="hm-steps" aria-label="Steps of a proof">
        {STEP_ORDER.map((step, index) => (
          <li
            key={step}
            data-state={index < at ? 'done' : index === at ? 'now' : 'next'}
            aria-current={index === at ? 'step' : undefined}
          >
            <Bar percent={index < at ? 100 : index === at ? current.progressPercent : 0} />
            {STEPS[step].short}
            <span className="hm-sr">{index < at ? ', done' : index === at ? ', now' : ', to come'}</span>
          </li>
        ))}
      </ol>
      <div
        role="progressbar"
        aria-label={`Proof of ${name}`}
        aria-valuenow={Math.round(current.progressPercent)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuetext={stepText(current)}
      />
      <p className="hm-small hm-dim hm-split">
        <span>{stepText(current)}</span>
        <span>for {durationText(Math.max(0, Date.now() - current.startedAtMs))}</span>
      </p>
    </div>
  );
};

/** What the prover does now and what it waits for, what comes next, and how much of its space is filled. */
export const ProverPanel = ({ nameOf }: { nameOf(asset: string): string }) => {
  const node = useNodeAccess();
  const prover = useNode((state) => state.prover);
  const [busy, setBusy] = useState(false);
  if (prover === null) return null;
  const { current, queue, plot } = prover;
  const cancel = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('proof:cancel', {});
    setBusy(false);
    if (reply.ok) node.store.setState({ prover: reply.value });
    else showError('The proof was not stopped', reply.error);
  };
  const names = queue.slice(0, QUEUE_SHOWN).map(nameOf).join(', ');
  const more = queue.length - QUEUE_SHOWN;
  const filled = plot.wantedBytes === 0 ? 0 : (plot.plottedBytes / plot.wantedBytes) * 100;
  return (
    <section className="hm-panel hm-prover" aria-label="What the prover does now">
      <div className="hm-prover-head">
        <span className="hm-dot" data-tone={TONES[prover.status]} aria-hidden="true" />
        <div className="hm-grow">
          <h2>{titleOf(prover, nameOf)}</h2>
          <p className="hm-dim">{withLocalTimes(sentence(prover.reason), Date.now())}</p>
        </div>
        {current !== null && current.cancellable && (
          <Button variant="default" className="hm-stop" loading={busy} onClick={() => void cancel()}>
            Cancel this proof
          </Button>
        )}
      </div>
      {current !== null && <Current current={current} name={nameOf(current.asset)} />}
      <dl className="hm-prover-facts">
        <div>
          <dt>Space for proofs</dt>
          <dd>
            {plot.wantedBytes === 0 ? (
              'none set aside'
            ) : (
              <>
                {bytesText(plot.plottedBytes)} <span className="hm-dim">of {bytesText(plot.wantedBytes)} filled</span>
                <Bar percent={filled} />
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>Next in line</dt>
          <dd>
            {queue.length === 0 ? <span className="hm-dim">nothing waits</span> : names}
            {more > 0 && <span className="hm-dim"> and {more} more</span>}
          </dd>
        </div>
      </dl>
    </section>
  );
};
