import { Button, Select, Switch } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconHelpCircle } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { CallError, Check, LogLine, ResponseOf } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { clockSecondsText, dateTimeText } from '../../components/time-text.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { LOG_LINES_MAX, withLogLine } from '../../state/node-store.ts';
import './diagnostics.css';

const CHECK_ICONS = { ok: IconCircleCheck, warning: IconAlertTriangle, problem: IconCircleX, unknown: IconHelpCircle };
const CHECK_WORDS: Record<Check['status'], string> = {
  ok: 'All right',
  warning: 'Look at this',
  problem: 'Problem',
  unknown: 'Unknown',
};
const CHECK_ORDER: readonly Check['status'][] = ['problem', 'warning', 'unknown', 'ok'];

const Doctor = () => {
  const node = useNodeAccess();
  const [checks, setChecks] = useState<readonly Check[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('doctor:run', {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok)
      setChecks(reply.value.toSorted((a, b) => CHECK_ORDER.indexOf(a.status) - CHECK_ORDER.indexOf(b.status)));
  };
  const bad = checks?.filter((check) => check.status === 'problem' || check.status === 'warning').length ?? 0;
  return (
    <Panel
      title="Checks"
      hint="Everything that commonly goes wrong, and what to do about it."
      actions={
        <Button variant={checks === null ? 'filled' : 'default'} loading={busy} onClick={() => void run()}>
          {checks === null ? 'Check now' : 'Check again'}
        </Button>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      <div aria-live="polite">
        {checks !== null && (
          <>
            <p className="hm-sr">
              {checks.length} checks, {bad} to look at
            </p>
            <ul className="hm-checks-list">
              {checks.map((check) => {
                const Icon = CHECK_ICONS[check.status];
                return (
                  <li key={check.id} data-status={check.status}>
                    <Icon size={18} aria-hidden />
                    <div className="hm-grow">
                      <p>
                        <strong>{check.title}</strong>
                        <span className="hm-sr">: {CHECK_WORDS[check.status]}</span>
                      </p>
                      <p className="hm-dim hm-break">{check.finding}</p>
                      {check.fix !== null && (
                        <p className="hm-break">
                          <span className="hm-checks-do">To do: </span>
                          {check.fix}
                        </p>
                      )}
                    </div>
                  </li>
                );
              })}
            </ul>
          </>
        )}
      </div>
    </Panel>
  );
};

type Level = LogLine['level'];
const LEVELS: readonly { value: Level; label: string }[] = [
  { value: 'debug', label: 'Debug and above' },
  { value: 'info', label: 'Info and above' },
  { value: 'warn', label: 'Warnings and errors' },
  { value: 'error', label: 'Errors only' },
];
const RANK: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** Lines read at first; older ones are in the files. */
const LINES_FIRST = 300;

const contextText = (context: Record<string, unknown>): string => {
  const text = Object.entries(context)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return text;
};

const Logs = () => {
  const node = useNodeAccess();
  const [level, setLevel] = useState<Level>('info');
  const [paused, setPaused] = useState(false);
  const [follow, setFollow] = useState(true);
  const [lines, setLines] = useState<readonly LogLine[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (paused) return;
    let stale = false;
    let early: LogLine[] = [];
    let loaded = false;
    const unwatch = node.watch('log', (line) => {
      if (RANK[line.level] < RANK[level]) return;
      if (loaded) setLines((before) => withLogLine(before ?? [], line));
      else early = withLogLine(early, line);
    });
    void node.ask('logs:read', { level, limit: LINES_FIRST }).then((reply) => {
      if (stale) return;
      setError(reply.ok ? null : reply.error);
      if (!reply.ok) return;
      loaded = true;
      // Lines that came while the first ones were read, without those that were read as well.
      const last = reply.value.at(-1)?.atMs ?? 0;
      setLines([...reply.value, ...early.filter((line) => line.atMs > last)].slice(-LOG_LINES_MAX));
    });
    return () => {
      stale = true;
      unwatch();
    };
  }, [node, level, paused]);

  // New lines are what moves the view.
  useEffect(() => {
    if (follow && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);

  return (
    <Panel
      flush
      title="Log"
      hint={
        lines === null
          ? undefined
          : `${lines.length} ${lines.length === 1 ? 'line' : 'lines'}${paused ? ', paused' : ''}`
      }
      actions={
        <>
          <Select
            aria-label="Lowest level shown"
            size="xs"
            data={[...LEVELS]}
            value={level}
            onChange={(value) => setLevel(value ?? 'info')}
            w={176}
          />
          <Switch
            size="sm"
            label="Follow"
            checked={follow}
            onChange={(event) => setFollow(event.currentTarget.checked)}
          />
          <Button size="compact-sm" variant="default" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? 'Continue' : 'Pause'}
          </Button>
        </>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrollable, so it must be reachable by keyboard */}
      <div className="hm-log" ref={box} role="log" aria-label="Log lines" aria-live="off" tabIndex={0}>
        {lines === null && error === null && <Loading what="the log" />}
        {lines?.length === 0 && <p className="hm-dim hm-log-line">No line of this level yet.</p>}
        {lines?.map((line, index) => (
          // Lines have no identity but their place.
          <p key={index} className="hm-log-line" data-level={line.level}>
            <time dateTime={new Date(line.atMs).toISOString()} title={dateTimeText(line.atMs)}>
              {clockSecondsText(line.atMs)}
            </time>
            <span className="hm-log-level">{line.level}</span>
            <span className="hm-log-module">{line.module}</span>
            <span className="hm-log-text">
              {line.message} <span className="hm-log-context">{contextText(line.context)}</span>
            </span>
          </p>
        ))}
      </div>
    </Panel>
  );
};

const Bundle = () => {
  const node = useNodeAccess();
  const [entries, setEntries] = useState<ResponseOf<'bundle:preview'> | null>(null);
  const [created, setCreated] = useState<ResponseOf<'bundle:create'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const preview = async (): Promise<void> => {
    setBusy(true);
    setCreated(null);
    const reply = await node.ask('bundle:preview', {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setEntries(reply.value);
  };
  const create = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('bundle:create', {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setCreated(reply.value);
  };
  const total = entries?.reduce((sum, entry) => sum + entry.sizeBytes, 0) ?? 0;
  return (
    <Panel
      title="Support bundle"
      hint="One file for those who help you. See every part of it first; nothing is sent anywhere."
      actions={
        <>
          <Button
            variant={entries === null ? 'filled' : 'default'}
            loading={busy && entries === null}
            onClick={() => void preview()}
          >
            {entries === null ? 'Show what would be in it' : 'Read again'}
          </Button>
          {entries !== null && (
            <Button loading={busy} onClick={() => void create()}>
              Create the file
            </Button>
          )}
        </>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      <div aria-live="polite">
        {created !== null && (
          <Note title="The bundle is written">
            <p className="hm-break">
              <code>{created.path}</code>, {bytesText(created.sizeBytes)}
            </p>
          </Note>
        )}
      </div>
      {entries !== null && (
        <>
          <p className="hm-small hm-dim hm-bundle-total">
            {entries.length === 1 ? '1 file' : `${entries.length} files`}, {bytesText(total)} before compression
          </p>
          <ul className="hm-bundle">
            {entries.map((entry) => (
              <li key={entry.name}>
                <details>
                  <summary>
                    <code>{entry.name}</code>
                    <span className="hm-grow hm-dim">{entry.description}</span>
                    <span className="hm-number">{bytesText(entry.sizeBytes)}</span>
                  </summary>
                  {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrollable, so it must be reachable by keyboard */}
                  <pre className="hm-code-block" tabIndex={0}>
                    {entry.content}
                  </pre>
                </details>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
};

/** Checks, log and support bundle. */
export const DiagnosticsPage = () => (
  <>
    <PageHeader title="Diagnostics">When something is not as it should be, begin here.</PageHeader>
    <Doctor />
    <Logs />
    <Bundle />
  </>
);
