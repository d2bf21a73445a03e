import { Button } from '@mantine/core';
import type { ImageTransfer } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { showError } from '../../components/error-note.tsx';
import { Panel, Tag } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { bytesText } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { transferTitle } from './image-text.ts';

const STATES: Record<ImageTransfer['state'], { word: string; tone: 'neutral' | 'accent' | 'problem' }> = {
  running: { word: 'under way', tone: 'accent' },
  done: { word: 'done', tone: 'neutral' },
  failed: { word: 'failed', tone: 'problem' },
  cancelled: { word: 'stopped', tone: 'neutral' },
};

const Row = ({ transfer }: { transfer: ImageTransfer }) => {
  const node = useNodeAccess();
  const state = STATES[transfer.state];
  const title = transferTitle(transfer);
  const cancel = async (): Promise<void> => {
    const reply = await node.ask('images:cancel', { id: transfer.id });
    if (!reply.ok) showError('It was not stopped', reply.error);
  };
  const amount =
    transfer.totalBytes === null
      ? bytesText(transfer.doneBytes)
      : `${bytesText(transfer.doneBytes)} of ${bytesText(transfer.totalBytes)}`;
  return (
    <li className="hm-image-transfer">
      <div className="hm-image-transfer-head">
        <strong className="hm-break">{title}</strong>
        <Tag tone={state.tone}>{state.word}</Tag>
        <span className="hm-small hm-dim">
          <Age atMs={transfer.startedAtMs} />
        </span>
        {transfer.state === 'running' && (
          <Button size="compact-sm" variant="default" onClick={() => void cancel()}>
            Stop<span className="hm-sr"> {title}</span>
          </Button>
        )}
      </div>
      {transfer.state === 'running' && transfer.totalBytes !== null && transfer.totalBytes > 0 && (
        <Progress label={title} percent={(transfer.doneBytes / transfer.totalBytes) * 100} text={amount} />
      )}
      <p className="hm-small hm-dim hm-break">
        {amount}
        {transfer.savedBytes > 0 && `, ${bytesText(transfer.savedBytes)} were there already`}
        {transfer.sentence !== '' && `. ${sentence(transfer.sentence)}`}
      </p>
    </li>
  );
};

/** Images on their way, and those that were lately. */
export const ImageTransfers = ({ transfers }: { transfers: readonly ImageTransfer[] }) =>
  transfers.length === 0 ? null : (
    <Panel title="On the way">
      <ul className="hm-image-transfers">
        {transfers.map((transfer) => (
          <Row key={transfer.id} transfer={transfer} />
        ))}
      </ul>
    </Panel>
  );
