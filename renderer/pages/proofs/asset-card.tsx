import { Button } from '@mantine/core';
import { IconChevronDown, IconCube, IconDownload } from '@tabler/icons-react';
import { useEffect, useId, useState } from 'react';
import type { AssetProofs, CallError, ProofEntry } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Tag } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { amountText, bytesText } from '../../components/quantity.ts';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { shortHash } from '../../components/short-hash.tsx';
import { durationText, withLocalTimes } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { CapacityChart, unitOf } from './capacity-chart.tsx';
import { KindGlyph, StatusGlyph } from './proof-glyph.tsx';
import { CAUSES, capacityText, KINDS, stepText } from './proof-text.ts';
import { useProofFile } from './use-proof-file.ts';

/** A line needs two points. */
const CHART_POINTS_MIN = 2;
const RECENT_MAX = 5;

const Marks = ({ marks }: { marks: AssetProofs['marks'] }) => (
  <ul className="hm-marks">
    {marks.map((mark) => (
      <li key={mark.kind} data-status={mark.status}>
        <span className="hm-mark-kind">
          <KindGlyph kind={mark.kind} />
          <span>
            {KINDS[mark.kind].question} <span className="hm-dim">{KINDS[mark.kind].name}</span>
          </span>
        </span>
        <StatusGlyph status={mark.status} />
        <span className="hm-small hm-dim">
          {mark.checkedAtMs === null ? 'never checked' : <Age atMs={mark.checkedAtMs} />}
        </span>
      </li>
    ))}
  </ul>
);

const Reasons = ({ marks }: { marks: AssetProofs['marks'] }) => (
  <div>
    <h3>Why</h3>
    <dl className="hm-reasons">
      {marks.map((mark) => (
        <div key={mark.kind}>
          <dt>
            <KindGlyph kind={mark.kind} />
            <span>{KINDS[mark.kind].question}</span>
          </dt>
          <dd>
            {withLocalTimes(sentence(mark.reason), Date.now())} <span className="hm-dim">{KINDS[mark.kind].shows}</span>
          </dd>
        </div>
      ))}
    </dl>
  </div>
);

const Recent = ({ asset, made }: { asset: string; made: number | null }) => {
  const node = useNodeAccess();
  const file = useProofFile();
  const [proofs, setProofs] = useState<readonly ProofEntry[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  // Read again when a proof was made.
  useEffect(() => {
    let stale = false;
    void node.ask('proof:list', { asset, limit: RECENT_MAX }).then((reply) => {
      if (stale) return;
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setProofs(reply.value);
    });
    return () => {
      stale = true;
    };
  }, [node, asset, made]);
  return (
    <div>
      <h3>Last proofs</h3>
      {error !== null && <ErrorNote title="The last proofs could not be read" error={error} />}
      {proofs !== null && proofs.length === 0 && <p className="hm-dim">None has been made yet.</p>}
      {proofs !== null && proofs.length > 0 && (
        <ul className="hm-recent">
          {proofs.map((proof) => (
            <li key={proof.id}>
              <StatusGlyph status={proof.verdict.passed ? 'passed' : 'failed'} />
              <span className="hm-recent-text">
                <span>
                  <Age atMs={proof.madeAtMs} />
                  <span className="hm-dim">, {CAUSES[proof.cause].toLowerCase()}</span>
                </span>
                <span className="hm-small hm-dim">
                  took {durationText(proof.tookMs)} · {bytesText(proof.sizeBytes)} ·{' '}
                  {proof.height === null ? (
                    'made for a file'
                  ) : (
                    <a href={hrefOf('blocks', String(proof.height))}>in block {proof.height}</a>
                  )}{' '}
                  · <code title={proof.id}>{shortHash(proof.id)}</code>
                </span>
              </span>
              <Button
                size="compact-sm"
                variant="default"
                disabled={file.busy}
                leftSection={<IconDownload size={14} aria-hidden />}
                aria-label={`Save the proof ${shortHash(proof.id)}`}
                onClick={() => void file.save({ id: proof.id })}
              >
                Save
              </Button>
            </li>
          ))}
        </ul>
      )}
      {file.error !== null && <ErrorNote title="The proof was not saved" error={file.error} />}
    </div>
  );
};

/** One asset: its four marks, what it is proved to be able to do, and a proof at once. */
export const AssetCard = ({ proofs, title }: { proofs: AssetProofs; title: string }) => {
  const node = useNodeAccess();
  const prover = useNode((state) => state.prover);
  const unlocked = useNode((state) => state.identity?.status === 'unlocked');
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const [cancelled, setCancelled] = useState(false);
  const newest = useProofFile();
  const titleId = useId();
  const bodyId = useId();
  const current = prover?.current?.asset === proofs.asset ? prover.current : null;
  const place = prover === null ? -1 : prover.queue.indexOf(proofs.asset);
  const unit = unitOf(proofs.history);
  const capacity = proofs.capacity.known ? amountText(proofs.capacity.value, proofs.unit).replace(' ', '\u00a0') : null;
  const subtitle = [proofs.label === title ? null : proofs.label, capacity].filter((part) => part !== null).join(' · ');

  const make = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    setCancelled(false);
    const reply = await node.ask('proof:make', { asset: proofs.asset, purpose: 'audit' });
    setBusy(false);
    if (reply.ok) return;
    if (reply.error.code === 'PROOF_CANCELLED') setCancelled(true);
    else setError(reply.error);
  };
  return (
    <section className="hm-panel hm-proof-card" aria-labelledby={titleId} data-absent={!proofs.present || undefined}>
      <div className="hm-share-head hm-proof-head">
        <span className="hm-share-icon" aria-hidden="true">
          <ResourceIcon resource={proofs.resource} size={20} />
        </span>
        <div className="hm-grow">
          <h2 id={titleId}>{title}</h2>
          {subtitle !== '' && <p className="hm-small hm-dim hm-break">{subtitle}</p>}
        </div>
        <div className="hm-row">
          {!proofs.present && <Tag tone="warning">not there now</Tag>}
          <Button
            variant="default"
            loading={busy}
            disabled={!unlocked || !proofs.present}
            aria-label={`Prove now: ${title}`}
            onClick={() => void make()}
          >
            Prove now
          </Button>
          <button
            type="button"
            className="hm-open"
            aria-expanded={open}
            aria-controls={bodyId}
            aria-label={`Details of ${title}`}
            onClick={() => setOpen(!open)}
          >
            Details
            <IconChevronDown size={16} aria-hidden data-open={open || undefined} />
          </button>
        </div>
      </div>
      {current !== null && (
        <div className="hm-stack-tight">
          <Progress label={`Proof of ${title}`} percent={current.progressPercent} text={stepText(current)} />
          <p className="hm-small hm-dim">{stepText(current)}</p>
        </div>
      )}
      <div aria-live="polite" className="hm-proof-live">
        {current === null && place >= 0 && (
          <p className="hm-small hm-dim">
            Waits for its turn{place === 0 ? ' and comes next' : `; ${place} before it`}.
          </p>
        )}
        {cancelled && (
          <Note>
            <p>It was stopped before it was done. The marks below are as they were.</p>
          </Note>
        )}
      </div>
      {error !== null && <ErrorNote title={`${title} was not proved`} error={error} />}
      <Marks marks={proofs.marks} />
      <div className="hm-proof-body">
        <dl className="hm-proof-facts">
          <div>
            <dt>Proven capacity</dt>
            <dd>
              {proofs.proven.known ? (
                <>
                  <strong>{capacityText(proofs.proven.value)}</strong>
                  <span className="hm-small hm-dim">{proofs.proven.value.label}</span>
                </>
              ) : (
                <span className="hm-dim">none</span>
              )}
            </dd>
          </div>
          <div>
            <dt>Next proof</dt>
            <dd>
              {proofs.nextAtMs === null ? (
                <span className="hm-dim">none is planned</span>
              ) : proofs.nextAtMs <= Date.now() ? (
                'due now'
              ) : (
                <Age atMs={proofs.nextAtMs} />
              )}
            </dd>
          </div>
        </dl>
        {unit !== null && proofs.history.length >= CHART_POINTS_MIN ? (
          <CapacityChart history={proofs.history} unit={unit} />
        ) : (
          <p className="hm-small hm-dim hm-capacity-empty">
            {proofs.proven.known ? 'A chart over time begins with the second proof.' : sentence(proofs.proven.reason)}
          </p>
        )}
      </div>
      {newest.error !== null && <ErrorNote title="The proof was not saved" error={newest.error} />}
      {proofs.history.length > 0 && (
        <div className="hm-row hm-proof-more">
          <Button
            variant="subtle"
            size="compact-sm"
            loading={newest.busy}
            aria-label={`Save proof file of ${title}`}
            leftSection={<IconDownload size={16} aria-hidden />}
            onClick={() => void newest.save({ asset: proofs.asset })}
          >
            Save proof file
          </Button>
          <Button
            component="a"
            href={hrefOf('blocks', proofs.asset)}
            aria-label={`See it in the chain: ${title}`}
            variant="subtle"
            size="compact-sm"
            leftSection={<IconCube size={16} aria-hidden />}
          >
            See it in the chain
          </Button>
        </div>
      )}
      <div id={bodyId} hidden={!open} className="hm-proof-details">
        {open && (
          <>
            <Reasons marks={proofs.marks} />
            <Recent asset={proofs.asset} made={proofs.history.at(-1)?.atMs ?? null} />
          </>
        )}
      </div>
    </section>
  );
};
