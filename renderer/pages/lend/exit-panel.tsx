import { Button, SegmentedControl, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, ExitSettingsView } from '../../../preload/contract/index.ts';
import { ErrorNote, showDone } from '../../components/error-note.tsx';
import { Loading, Panel } from '../../components/layout.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** Where traffic of those who borrow the network may leave to. */
export const ExitPanel = () => {
  const node = useNodeAccess();
  const isOut = useNode(
    (state) => state.share?.resources.find(({ resource }) => resource === 'network')?.terms.proxy.exitAllowed ?? false,
  );
  const [kept, setKept] = useState<ExitSettingsView | null>(null);
  const [mode, setMode] = useState<ExitSettingsView['mode']>('all');
  const [text, setText] = useState('');
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const take = (next: ExitSettingsView): void => {
    setKept(next);
    setMode(next.mode);
    setText(next.allowed.join('\n'));
  };
  useEffect(() => {
    void node.ask('exit:get', {}).then((reply) => {
      if (reply.ok) take(reply.value);
      else setError(reply.error);
    });
  }, [node]);
  const save = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('exit:set', { mode, allowed: linesOf(text) });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    take(reply.value);
    showDone('Every connection that is opened from now on keeps to it.');
  };
  const changed = kept !== null && (mode !== kept.mode || linesOf(text).join('\n') !== kept.allowed.join('\n'));
  return (
    <Panel
      title="Where traffic may leave to"
      hint={
        isOut
          ? 'For those who borrow your network. Private places, this machine and its API are refused unless you write an address of theirs.'
          : 'Nothing leaves: your network serves as no exit. That is a switch in its terms.'
      }
      actions={
        <a className="hm-small" href={hrefOf('share', 'network')}>
          Terms of the network
        </a>
      }
    >
      {kept === null && error === null && <Loading what="the rules" />}
      {kept !== null && (
        <div className="hm-stack">
          <SegmentedControl
            aria-label="Where to"
            style={{ alignSelf: 'flex-start' }}
            data={[
              { value: 'all', label: 'Everything public' },
              { value: 'list', label: 'Only what is listed' },
            ]}
            value={mode}
            onChange={setMode}
          />
          <Textarea
            label={mode === 'all' ? 'And these private places' : 'List'}
            description="One per line, with a port, a range of ports or *: *.example.org:443, 192.168.1.20:631, [2001:db8::/32]:*"
            value={text}
            autosize
            minRows={2}
            maxRows={12}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          {error !== null && <ErrorNote error={error} />}
          <div className="hm-row">
            <Button loading={busy} disabled={!changed} onClick={() => void save()}>
              Keep
            </Button>
          </div>
        </div>
      )}
      {kept === null && error !== null && <ErrorNote error={error} />}
    </Panel>
  );
};
