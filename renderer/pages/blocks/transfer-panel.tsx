import { Button, NumberInput } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import type { CallError, ChainHead, ResponseOf } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, Note, showDone } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { countText } from './block-text.ts';

const KINDS = [
  {
    readable: true,
    label: 'Readable',
    text: 'With the key of each block. Whoever has the file reads all of it and can check every proof: your assets, when they were proved, and what they can do. Your own keys are not in it.',
  },
  {
    readable: false,
    label: 'Sealed',
    text: 'As it lies on disk. Whoever has the file sees the headers (when blocks were made, by which node, how large) and can check that they belong together; the content opens only with your keys.',
  },
] as const;

const Export = ({ head, onDone }: { head: ChainHead & { height: number }; onDone(): void }) => {
  const node = useNodeAccess();
  const [readable, setReadable] = useState(true);
  const [from, setFrom] = useState<number | string>(0);
  // Empty: up to the newest, whichever that is by then.
  const [to, setTo] = useState<number | string>('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const [done, setDone] = useState<ResponseOf<'chain:export'> | null>(null);
  const write = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    setDone(null);
    const reply = await node.ask('chain:export', {
      from: from === '' ? 0 : Number(from),
      ...(to === '' ? {} : { to: Number(to) }),
      readable,
    });
    setBusy(false);
    if (!reply.ok) {
      setError(reply.error);
      return;
    }
    setDone(reply.value);
    onDone();
  };
  return (
    <form
      className="hm-stack"
      onSubmit={(event) => {
        event.preventDefault();
        void write();
      }}
    >
      <fieldset className="hm-choices">
        <legend>Export</legend>
        {KINDS.map((kind) => (
          // oxlint-disable-next-line jsx-a11y/label-has-associated-control -- its text is two levels down
          <label key={kind.label} className="hm-choice" data-chosen={kind.readable === readable || undefined}>
            <input
              type="radio"
              name="chain-export"
              checked={kind.readable === readable}
              onChange={() => setReadable(kind.readable)}
            />
            <span>
              <span className="hm-choice-label">{kind.label}</span>
              <span className="hm-small hm-dim hm-choice-seen">{kind.text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="hm-export-range">
        <NumberInput
          label="From block"
          value={from}
          min={0}
          max={head.height}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setFrom}
        />
        <NumberInput
          label="To block"
          placeholder={`${head.height}, the newest`}
          value={to}
          min={0}
          max={head.height}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setTo}
        />
        <Button type="submit" variant="default" loading={busy}>
          Export
        </Button>
      </div>
      <div aria-live="polite" className="hm-live">
        {error !== null && <ErrorNote title="Nothing was exported" error={error} />}
        {done !== null && (
          <Note>
            <p className="hm-break">
              Wrote {countText(done.blocks, 'block')}, {bytesText(done.sizeBytes)}, to <code>{done.path}</code>{' '}
              <CopyButton text={done.path} what="the path of the file" />
            </p>
          </Note>
        )}
      </div>
    </form>
  );
};

const Transfers = ({
  transfers,
  error,
  onRead,
}: {
  transfers: ResponseOf<'chain:transfers'> | null;
  error: CallError | null;
  onRead(): void;
}) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState<string | null>(null);
  const [refused, setRefused] = useState<{ name: string; error: CallError } | null>(null);
  const take = async (name: string): Promise<void> => {
    setBusy(name);
    setRefused(null);
    const before = node.store.getState().chain?.blocks ?? 0;
    const reply = await node.ask('chain:import', { name });
    setBusy(null);
    if (!reply.ok) {
      setRefused({ name, error: reply.error });
      return;
    }
    node.store.setState({ chain: reply.value });
    const added = reply.value.blocks - before;
    showDone(
      added > 0 ? `${countText(added, 'block')} imported from ${name}.` : `${name} holds; nothing was missing here.`,
    );
  };
  return (
    <div className="hm-stack">
      <div className="hm-transfer-head">
        <div className="hm-grow">
          <h3>Transfer folder</h3>
          <p className="hm-small hm-dim hm-break">
            {transfers === null ? (
              'Exported files are written here; put a file here to import it.'
            ) : (
              <>
                Exported files are written here; put a file here to import it: <code>{transfers.folder}</code>{' '}
                <CopyButton text={transfers.folder} what="the path of the transfer folder" />
              </>
            )}
          </p>
        </div>
        <Button variant="default" size="compact-sm" onClick={onRead}>
          Look again
        </Button>
      </div>
      {error !== null && <ErrorNote title="The transfer folder could not be read" error={error} />}
      {transfers !== null && transfers.files.length === 0 && <p className="hm-dim">There is no file in it.</p>}
      {transfers !== null && transfers.files.length > 0 && (
        <ul className="hm-transfers">
          {transfers.files.map((file) => (
            <li key={file.name}>
              <span className="hm-grow">
                <code className="hm-break">{file.name}</code>
                <span className="hm-small hm-dim">
                  {bytesText(file.sizeBytes)} · written <Age atMs={file.modifiedAtMs} />
                </span>
              </span>
              <Button
                variant="default"
                size="compact-sm"
                loading={busy === file.name}
                disabled={busy !== null && busy !== file.name}
                aria-label={`Import ${file.name}`}
                onClick={() => void take(file.name)}
              >
                Import
              </Button>
            </li>
          ))}
        </ul>
      )}
      <div aria-live="polite" className="hm-live">
        {refused !== null && <ErrorNote title={`${refused.name} was not imported`} error={refused.error} />}
      </div>
    </div>
  );
};

/** Chain files out and in. An import only adds what is missing, after all of the file was checked. */
export const TransferPanel = ({ head }: { head: ChainHead }) => {
  const node = useNodeAccess();
  const [transfers, setTransfers] = useState<ResponseOf<'chain:transfers'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const read = useCallback(async (): Promise<void> => {
    const reply = await node.ask('chain:transfers', {});
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setTransfers(reply.value);
  }, [node]);
  useEffect(() => void read(), [read]);
  return (
    <Panel
      title="Export and import"
      hint="A chain file can be checked on any machine with “hypermesh chain verify”. Importing checks all of it first and only adds blocks that are missing here."
    >
      <div className="hm-transfer">
        {head.height !== null && <Export head={{ ...head, height: head.height }} onDone={() => void read()} />}
        <Transfers transfers={transfers} error={error} onRead={() => void read()} />
      </div>
    </Panel>
  );
};

/** Drops contents of old blocks, after it has said what is lost. */
export const PrunePanel = ({ head }: { head: ChainHead }) => {
  const node = useNodeAccess();
  const [keep, setKeep] = useState<number | string>(100);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const lost = Math.max(0, head.blocks - head.pruned - Math.max(1, Number(keep)));
  const prune = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('chain:prune', { keep: Number(keep) });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    const freed = head.storedBytes - reply.value.storedBytes;
    node.store.setState({ chain: reply.value });
    showDone(
      `The content of ${countText(reply.value.pruned - head.pruned, 'block')} was dropped${freed > 0 ? `, ${bytesText(freed)} are free` : ''}.`,
    );
  };
  return (
    <Panel
      title="Drop old content"
      hint="Makes the store smaller. The headers stay, so the chain still holds together."
    >
      <form
        className="hm-prune"
        onSubmit={(event) => {
          event.preventDefault();
          confirm({
            title: `Drop the content of ${countText(lost, 'block')}?`,
            children: (
              <div className="hm-stack-tight">
                <p>
                  Lost for good: the transactions, state updates and proofs of the oldest {countText(lost, 'block')}{' '}
                  that still have them. Nobody can check those proofs any more, and their part of each asset’s chain can
                  no longer be read.
                </p>
                <p>Kept: every header, and the content of the newest {countText(Number(keep), 'block')}.</p>
                <p>To be able to bring it back, export the chain first.</p>
              </div>
            ),
            confirmLabel: 'Drop the content',
            onConfirm: () => void prune(),
          });
        }}
      >
        <NumberInput
          label="Keep the content of the newest"
          suffix={Number(keep) === 1 ? ' block' : ' blocks'}
          thousandSeparator=","
          value={keep}
          min={1}
          max={1_000_000_000}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setKeep}
        />
        <Button type="submit" variant="default" className="hm-stop" loading={busy} disabled={keep === '' || lost === 0}>
          Drop older content …
        </Button>
      </form>
      <p className="hm-small hm-dim hm-prune-note" aria-live="polite">
        {keep === ''
          ? 'Say how many blocks keep their content.'
          : lost === 0
            ? 'No block is older than that, so there is nothing to drop.'
            : `${countText(lost, 'block')} would lose their content.`}
      </p>
      {error !== null && <ErrorNote title="Nothing was dropped" error={error} />}
    </Panel>
  );
};
