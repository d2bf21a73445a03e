import { Button, Radio } from '@mantine/core';
import { useState } from 'react';
import type { QueueState, RequestInputOf } from '../../../preload/contract/index.ts';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, Note, showDone, showError } from '../../components/error-note.tsx';
import { Bar, Loading, Panel } from '../../components/layout.tsx';
import { countText, percentText } from '../../components/quantity.ts';
import { useTold } from '../../components/use-told.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { AIMS } from './job-text.ts';

/** Rows of those who have least of what they should, first; the rest are counted. */
const SHARES_SHOWN = 12;

const microsText = (micros: number): string =>
  micros < 1000 ? `${Math.round(micros)} µs` : `${Number((micros / 1000).toFixed(1))} ms`;

const Shares = ({ shares }: { shares: QueueState['shares'] }) => (
  <div className="hm-scroll-x">
    <table className="hm-table hm-queue-shares">
      <caption className="hm-sr">Who had how much of the machine lately, beside what is fair</caption>
      <thead>
        <tr>
          <th scope="col">Who</th>
          <th scope="col">Had lately, mark: fair</th>
          <th scope="col" className="hm-right">
            Running
          </th>
          <th scope="col" className="hm-right">
            Waiting
          </th>
        </tr>
      </thead>
      <tbody>
        {shares.slice(0, SHARES_SHOWN).map((share) => (
          <tr key={share.who}>
            <th scope="row" className="hm-queue-who">
              {share.name === '' ? share.who : share.name}
            </th>
            <td className="hm-queue-bar">
              <span className="hm-small">
                {percentText(share.sharePercent)}
                <span className="hm-dim">, fair would be {percentText(share.fairPercent)}</span>
              </span>
              <Bar percent={share.sharePercent} mark={share.fairPercent} />
            </td>
            <td className="hm-right hm-number">{share.running}</td>
            <td className="hm-right hm-number">{share.queued}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {shares.length > SHARES_SHOWN && (
      <p className="hm-small hm-dim">and {shares.length - SHARES_SHOWN} more, who have less to do with it.</p>
    )}
  </div>
);

/** How the queue is worked off, who waits, who has how much; lets the owner choose, and finish. */
export const QueuePanel = () => {
  const node = useNodeAccess();
  const { value: queue, error, set } = useTold('queue:state', {}, 'queue', (_before, news) => news);
  const [busy, setBusy] = useState(false);
  const change = async (to: RequestInputOf<'queue:set'>, done: string): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('queue:set', to);
    setBusy(false);
    if (!reply.ok) {
      showError('The queue was not changed', reply.error);
      return;
    }
    set(reply.value);
    if (done !== '') showDone(done);
  };
  const finish = (): void =>
    confirm({
      title: 'Finish?',
      children:
        'No new work is taken, neither yours nor that of others. What runs and what waits goes on to its end, each in its time. Then HyperMesh stops; start it again when you like.',
      confirmLabel: 'Finish',
      onConfirm: () =>
        void change({ mode: 'finish' }, 'No new work is taken. What runs goes on to its end, then HyperMesh stops.'),
    });
  const drain = (): void =>
    confirm({
      title: 'Send the work of others away?',
      children:
        'Whoever has work running here is asked to take it to another node within a minute, as before an update or a longer sleep. What finds no other place goes on here, and new work is still taken.',
      confirmLabel: 'Send away',
      onConfirm: () => {
        showDone('Borrowers were asked to take their work elsewhere.');
        void node.ask('queue:drain', {}).then((reply) => {
          if (!reply.ok) showError('The work of others was not sent away', reply.error);
          else if (reply.value.asked === 0) showDone('No work of others runs here.');
          else
            showDone(
              reply.value.stayed === 0
                ? 'All work of others has left.'
                : `${reply.value.stayed} of ${reply.value.asked} found no other place and go on here.`,
            );
        });
      },
    });
  const finishing = queue?.mode === 'finish';
  return (
    <Panel
      title="Queue"
      hint={
        queue === null
          ? undefined
          : `${queue.running} running, ${queue.queued} of at most ${countText(queue.queuedMax)} waiting for room.`
      }
      actions={
        queue === null ? undefined : finishing ? (
          <Button loading={busy} onClick={() => void change({ mode: 'open' }, 'New work is taken again.')}>
            Take new work again
          </Button>
        ) : (
          <>
            <Button variant="default" onClick={drain}>
              Send away …
            </Button>
            <Button variant="default" className="hm-stop" loading={busy} onClick={finish}>
              Finish …
            </Button>
          </>
        )
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {queue === null && error === null && <Loading what="the queue" />}
      {queue !== null && (
        <div className="hm-stack">
          {finishing && (
            <Note tone="warning">
              <p>
                {queue.running + queue.queued === 0
                  ? 'Everything has ended: HyperMesh stops.'
                  : `No new work is taken. ${queue.running + queue.queued} ${queue.running + queue.queued === 1 ? 'job is' : 'jobs are'} still to end, then HyperMesh stops.`}
              </p>
            </Note>
          )}
          <Radio.Group
            label="Aim"
            value={queue.aim}
            onChange={(aim) => void change({ aim }, '')}
            className="hm-queue-aims"
          >
            <div className="hm-queue-aim-list">
              {AIMS.map(({ aim, label, sentence }) => (
                <Radio key={aim} value={aim} label={label} description={sentence} />
              ))}
            </div>
          </Radio.Group>
          {queue.shares.length > 0 && <Shares shares={queue.shares} />}
          <p className="hm-small hm-dim">
            {queue.decisions.made === 0
              ? 'Nothing had to be decided yet.'
              : `${queue.decisions.made} ${queue.decisions.made === 1 ? 'decision' : 'decisions'} so far, half of them within ${microsText(queue.decisions.p50Micros)}, 99 of 100 within ${microsText(queue.decisions.p99Micros)}.`}
          </p>
        </div>
      )}
    </Panel>
  );
};
