import { Button, Menu, TextInput } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconChevronDown, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import type { CallError } from '../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../state/node-context.tsx';
import { ErrorNote, showError } from './error-note.tsx';
import { startOfTomorrow, whenText } from './time-text.ts';

const HOUR_MS = 3_600_000;

/** Local time in the form that `<input type="datetime-local">` wants. */
const inputText = (atMs: number): string => {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
};

const PickTime = ({ onPick }: { onPick(untilMs: number): Promise<CallError | null> }) => {
  const [text, setText] = useState(() => inputText(Date.now() + 2 * HOUR_MS));
  const [error, setError] = useState<CallError | null>(null);
  return (
    <form
      className="hm-stack"
      onSubmit={(event) => {
        event.preventDefault();
        const untilMs = new Date(text).getTime();
        if (Number.isNaN(untilMs))
          setError({ name: 'Form', code: 'TIME_MISSING', message: 'No date and time are given; fill in both.' });
        else void onPick(untilMs).then(setError);
      }}
    >
      <TextInput
        type="datetime-local"
        label="Resume at"
        description="Local time of this device"
        value={text}
        min={inputText(Date.now())}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
        required
      />
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-row" style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={() => modals.closeAll()}>
          Cancel
        </Button>
        <Button type="submit">Pause</Button>
      </div>
    </form>
  );
};

/** Pause until …, or resume. */
export const PauseControl = ({ compact = false }: { compact?: boolean }) => {
  const node = useNodeAccess();
  const pause = useNode((state) => state.share?.pause);
  const [busy, setBusy] = useState(false);
  if (pause === undefined) return null;

  const run = async (untilMs: number | null | 'resume'): Promise<CallError | null> => {
    setBusy(true);
    const reply =
      untilMs === 'resume' ? await node.ask('share:resume', {}) : await node.ask('share:pause', { untilMs });
    setBusy(false);
    const { share } = node.store.getState();
    if (reply.ok && share !== null) node.store.setState({ share: { ...share, pause: reply.value } });
    return reply.ok ? null : reply.error;
  };
  const act = (untilMs: number | null | 'resume'): void => {
    void run(untilMs).then(
      (error) => error !== null && showError(untilMs === 'resume' ? 'Could not resume' : 'Could not pause', error),
    );
  };

  const size = compact ? 'compact-sm' : 'sm';
  if (pause.paused) {
    return (
      <Button
        size={size}
        fullWidth={compact}
        leftSection={<IconPlayerPlay size={16} aria-hidden />}
        loading={busy}
        onClick={() => act('resume')}
      >
        Resume
      </Button>
    );
  }
  const now = Date.now();
  return (
    <Menu position={compact ? 'top-start' : 'bottom-end'} withinPortal>
      <Menu.Target>
        <Button
          variant="default"
          size={size}
          fullWidth={compact}
          loading={busy}
          leftSection={<IconPlayerPause size={16} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          Pause
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => act(Date.now() + HOUR_MS)}>For 1 hour</Menu.Item>
        <Menu.Item onClick={() => act(startOfTomorrow(Date.now()))}>
          Until {whenText(startOfTomorrow(now), now)}
        </Menu.Item>
        <Menu.Item
          onClick={() =>
            modals.open({
              title: 'Pause until a time',
              children: (
                <PickTime
                  onPick={async (untilMs) => {
                    const error = await run(untilMs);
                    if (error === null) modals.closeAll();
                    return error;
                  }}
                />
              ),
            })
          }
        >
          Until a time …
        </Menu.Item>
        <Menu.Item onClick={() => act(null)}>Until I resume</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
