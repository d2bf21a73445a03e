import { Button, NumberInput, Radio, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, ImagePolicy, ImagesState } from '../../../preload/contract/index.ts';
import { ErrorNote, showDone } from '../../components/error-note.tsx';
import { Bar, Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { OTHERS, patternsOf, patternsProblem } from './image-text.ts';

const GIB = 1024 ** 3;
const QUOTA_GIB_MAX = 65_536;

/** Which images may be run, by whom they may be brought, and how much room they have. */
export const ImagePolicyPanel = ({ state, onState }: { state: ImagesState; onState(next: ImagesState): void }) => {
  const node = useNodeAccess();
  const { policy, usedBytes } = state;
  const [allowed, setAllowed] = useState(policy.allowed.join('\n'));
  const [others, setOthers] = useState<ImagePolicy['others']>(policy.others);
  const [quotaGib, setQuotaGib] = useState<number | string>(policy.quotaBytes / GIB);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const kept = JSON.stringify(policy);
  // What another face changed is shown; what is being typed here is kept until then.
  useEffect(() => {
    const now = JSON.parse(kept) as ImagePolicy;
    setAllowed(now.allowed.join('\n'));
    setOthers(now.others);
    setQuotaGib(now.quotaBytes / GIB);
  }, [kept]);
  const patterns = patternsOf(allowed);
  const problem = patternsProblem(patterns);
  const quotaBytes = Math.round(Number(quotaGib) * GIB);
  const quotaWrong = quotaGib === '' || !(quotaBytes >= 0 && quotaBytes <= QUOTA_GIB_MAX * GIB);
  const changed =
    patterns.join('\n') !== policy.allowed.join('\n') || others !== policy.others || quotaBytes !== policy.quotaBytes;
  const save = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('images:policy', { allowed: patterns, others, quotaBytes });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    onState(reply.value);
    showDone('Kept.');
  };
  return (
    <Panel title="What may be run" hint="For jobs of others. Your own jobs here run in any image that you have.">
      <form
        className="hm-stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && changed && problem === null && !quotaWrong) void save();
        }}
      >
        <Textarea
          label="Allowed images"
          description="One per line: python:*, registry.example.org/team/*, or an id. Nothing here: none."
          autosize
          minRows={3}
          maxRows={12}
          spellCheck={false}
          value={allowed}
          error={problem}
          onChange={(event) => setAllowed(event.currentTarget.value)}
        />
        <Radio.Group label="Images that borrowers bring along" value={others} onChange={(value) => setOthers(value)}>
          <div className="hm-stack-tight hm-image-choice">
            {(Object.keys(OTHERS) as ImagePolicy['others'][]).map((key) => (
              <Radio key={key} value={key} label={OTHERS[key].label} description={OTHERS[key].sentence} />
            ))}
          </div>
        </Radio.Group>
        <div className="hm-form-row">
          <NumberInput
            label="Room for images"
            description="Of those that this node brought, the ones not used for longest go first."
            suffix=" GiB"
            min={0}
            max={QUOTA_GIB_MAX}
            decimalScale={2}
            value={quotaGib}
            error={quotaWrong ? 'Give a size from 0 to 65 536 GiB.' : null}
            onChange={setQuotaGib}
          />
          <div className="hm-image-room">
            <span className="hm-small">
              {bytesText(usedBytes)} <span className="hm-dim">of {bytesText(policy.quotaBytes)} in use</span>
            </span>
            <Bar
              percent={policy.quotaBytes === 0 ? 0 : (usedBytes / policy.quotaBytes) * 100}
              tone={usedBytes > policy.quotaBytes * 0.9 ? 'warning' : 'accent'}
            />
          </div>
        </div>
        {error !== null && <ErrorNote error={error} />}
        <div className="hm-row">
          <Button type="submit" loading={busy} disabled={!changed || problem !== null || quotaWrong}>
            Keep
          </Button>
        </div>
      </form>
    </Panel>
  );
};
