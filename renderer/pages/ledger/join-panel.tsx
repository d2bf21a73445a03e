import { Checkbox } from '@mantine/core';
import { useState } from 'react';
import type { CallError, LedgerSummary } from '../../../preload/contract/index.ts';
import { ErrorNote, showDone } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Panel } from '../../components/layout.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Three quarters of what the contract takes in base64. */
const FILE_BYTES_MAX = 3_000_000;

/** Joins the network of a genesis file. */
export const JoinPanel = ({ onJoined }: { onJoined(network: LedgerSummary): void }) => {
  const node = useNodeAccess();
  const [use, setUse] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const join = async (file: File): Promise<void> => {
    if (busy) return;
    setError(null);
    const read = await readFile(file, FILE_BYTES_MAX, 'a genesis file');
    if (!read.ok) {
      setError(read.error);
      return;
    }
    setBusy(true);
    const reply = await node.ask('ledgers:join', { genesis: read.value, use });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    showDone(`This node follows ${reply.value.name} now.`);
    onJoined(reply.value);
  };
  return (
    <Panel
      title="Join a network"
      hint="With the genesis file of its founder. The id of a network is the hash of that file: compare it with them over another way."
    >
      <div className="hm-stack">
        <FileDrop title="Choose a genesis file, or drop it here" onFile={(file) => void join(file)}>
          {busy ? 'Reading and checking it …' : 'A .hmgenesis file'}
        </FileDrop>
        <Checkbox
          label="Use it at once"
          description="Leases are then settled on it, and the wallet shows it."
          checked={use}
          onChange={(event) => setUse(event.currentTarget.checked)}
        />
        {error !== null && <ErrorNote title="It was not joined" error={error} />}
      </div>
    </Panel>
  );
};
