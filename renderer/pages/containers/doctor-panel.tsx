import { Button } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleMinus,
  IconCircleX,
  IconLoader2,
} from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { ContainerDoctorState, DoctorCheck, Reply } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { Loading, Panel } from '../../components/layout.tsx';
import { CopyButton } from '../../components/short-hash.tsx';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useTold } from '../../components/use-told.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

const RESULTS: Record<DoctorCheck['result'], { icon: ReactNode; word: string }> = {
  good: { icon: <IconCircleCheck size={20} stroke={1.75} aria-hidden />, word: 'Good' },
  warning: { icon: <IconAlertTriangle size={20} stroke={1.75} aria-hidden />, word: 'Could be better' },
  bad: { icon: <IconCircleX size={20} stroke={1.75} aria-hidden />, word: 'Wrong' },
  skipped: { icon: <IconCircleMinus size={20} stroke={1.75} aria-hidden />, word: 'Left out' },
  running: { icon: <IconLoader2 size={20} stroke={1.75} aria-hidden className="hm-turning" />, word: 'Under way' },
  waiting: { icon: <IconCircleDashed size={20} stroke={1.75} aria-hidden />, word: 'To come' },
};
const TONES: Record<ContainerDoctorState['verdict'], 'on' | 'paused' | 'off'> = {
  good: 'on',
  warning: 'paused',
  bad: 'paused',
  none: 'off',
};

const Check = ({ check, onFix, busy }: { check: DoctorCheck; onFix(): void; busy: boolean }) => {
  const { icon, word } = RESULTS[check.result];
  const done = check.result !== 'waiting' && check.result !== 'running' && check.result !== 'skipped';
  return (
    <li className="hm-doctor-check" data-result={check.result}>
      <span className="hm-doctor-icon">
        {icon}
        <span className="hm-sr">{word}: </span>
      </span>
      <div className="hm-grow">
        <h3>
          {check.title}
          {done && check.tookMs >= 1 && (
            <span className="hm-small hm-dim hm-doctor-took"> {durationText(check.tookMs)}</span>
          )}
        </h3>
        {check.sentence !== '' && <p className="hm-dim hm-break">{sentence(check.sentence)}</p>}
        {check.fix !== '' && <p className="hm-break">{sentence(check.fix)}</p>}
        {check.command !== '' && (
          <p className="hm-doctor-command">
            <code>{check.command}</code>
            <CopyButton text={check.command} what={`the command for ${check.title}`} />
          </p>
        )}
      </div>
      {check.fixable && (check.result === 'bad' || check.result === 'warning') && (
        <Button size="compact-sm" loading={busy} onClick={onFix}>
          Put it right<span className="hm-sr">: {check.title}</span>
        </Button>
      )}
    </li>
  );
};

/** How far an examination is, for the line below the verdict. */
const progressOf = (checks: readonly DoctorCheck[]): string => {
  const done = checks.filter(({ result }) => result !== 'waiting' && result !== 'running').length;
  return `Check ${Math.min(checks.length, done + 1)} of ${checks.length}`;
};

/** What the container doctor found, what was measured, what it put right and what is left to do. */
export const DoctorPanel = () => {
  const node = useNodeAccess();
  const { value: state, error, set } = useTold('containerDoctor:state', {}, 'containerDoctor', (_before, news) => news);
  const [fixing, setFixing] = useState<string | null>(null);
  const take = (title: string, reply: Reply<ContainerDoctorState>): void => {
    if (reply.ok) set(reply.value);
    else showError(title, reply.error);
  };
  const fix = async (check: string): Promise<void> => {
    setFixing(check);
    const reply = await node.ask('containerDoctor:fix', { check });
    setFixing(null);
    take('It was not put right', reply);
  };
  if (error !== null) return <ErrorNote error={error} />;
  if (state === null) return <Loading what="what the doctor found" />;
  return (
    <div className="hm-stack">
      <Panel>
        <div className="hm-doctor-head">
          <div className="hm-hero-line hm-grow" role="status">
            <span className="hm-dot" data-tone={TONES[state.verdict]} data-verdict={state.verdict} aria-hidden="true" />
            <div>
              <h2>
                {state.running
                  ? 'Looking …'
                  : state.verdict === 'none'
                    ? 'Nobody has looked yet'
                    : sentence(state.sentence)}
              </h2>
              <p className="hm-dim">
                {state.running ? (
                  progressOf(state.checks)
                ) : state.ranAtMs === null ? (
                  'The doctor starts a small container and measures whether its limits hold. That takes less than a minute and touches nothing else.'
                ) : (
                  <>
                    Looked <Age atMs={state.ranAtMs} />
                  </>
                )}
              </p>
            </div>
          </div>
          {state.running ? (
            <Button
              variant="default"
              onClick={() =>
                void node.ask('containerDoctor:cancel', {}).then((reply) => take('It was not stopped', reply))
              }
            >
              Stop
            </Button>
          ) : (
            <Button
              onClick={() =>
                void node.ask('containerDoctor:run', {}).then((reply) => take('The doctor did not begin', reply))
              }
            >
              {state.ranAtMs === null ? 'Look now' : 'Look again'}
            </Button>
          )}
        </div>
      </Panel>
      {state.checks.length > 0 && (
        <Panel title="Checks">
          <ul className="hm-doctor-list">
            {state.checks.map((check) => (
              <Check
                key={check.id}
                check={check}
                busy={fixing === check.id}
                onFix={() => {
                  if (fixing === null) void fix(check.id);
                }}
              />
            ))}
          </ul>
        </Panel>
      )}
      {state.fixed.length > 0 && (
        <Panel title="What it put right by itself">
          <ul className="hm-stack-tight">
            {state.fixed.map((entry, index) => (
              // The same may have been put right twice.
              // oxlint-disable-next-line react/no-array-index-key
              <li key={`${entry.atMs} ${index}`}>
                <time className="hm-small hm-dim hm-number" dateTime={new Date(entry.atMs).toISOString()}>
                  {dateTimeText(entry.atMs)}
                </time>{' '}
                {sentence(entry.sentence)}
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
};
