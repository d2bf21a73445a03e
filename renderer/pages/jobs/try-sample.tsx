import { Button } from '@mantine/core';
import { useState } from 'react';
import type { CallError } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo } from '../../state/route.ts';
import { base64OfText } from './module-file.ts';
import { SAMPLE_NAME, SAMPLE_SOURCE } from './sample.ts';

/** Starts the sample with half a core, or what the level allows if that is less, and opens it. */
export const TrySample = ({ variant }: { variant: 'filled' | 'default' }) => {
  const node = useNodeAccess();
  const level = useNode((state) => state.levels?.find((entry) => entry.resource === 'cpu')?.percent);
  const capacity = useNode((state) => state.assets?.find((asset) => asset.resource === 'cpu')?.capacity);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const start = async (): Promise<void> => {
    setBusy(true);
    // Millicores times percent is what may be promised; a tenth of a percent of a core is lost to rounding down.
    const lendable = capacity?.known === true && level !== undefined ? Math.floor((capacity.value * level) / 1000) : 50;
    const reply = await node.ask('job:start', {
      name: SAMPLE_NAME,
      kind: 'javascript',
      module: base64OfText(SAMPLE_SOURCE),
      args: ['20'],
      cpuPercent: Math.max(1, Math.min(50, lendable)),
      memoryBytes: 128 * 1024 * 1024,
      timeMsMax: 10 * 60_000,
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
    goTo('jobs', reply.value.id);
  };
  return (
    <>
      <Button variant={variant} loading={busy} onClick={() => void start()}>
        Try a sample
      </Button>
      {error !== null && <ErrorNote title="The sample could not be started" error={error} />}
    </>
  );
};
