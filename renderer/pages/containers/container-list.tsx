import { Button } from '@mantine/core';
import { IconPackage } from '@tabler/icons-react';
import { useState } from 'react';
import type { ContainerView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, showDone, showError } from '../../components/error-note.tsx';
import { Bar, Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { shortHash } from '../../components/short-hash.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { NoEngine } from './no-engine.tsx';
import { useContainers } from './use-containers.ts';

/** Rows at first; each job has two. */
const ROWS_STEP = 50;

const ROLES: Record<ContainerView['role'], string> = {
  job: 'runs the job',
  holder: 'keeps its files and its way out',
  test: 'a test of the doctor',
};
const STATES: Record<ContainerView['state'], { word: string; tone: 'neutral' | 'accent' | 'warning' | 'problem' }> = {
  created: { word: 'made', tone: 'neutral' },
  running: { word: 'running', tone: 'accent' },
  paused: { word: 'standing still', tone: 'warning' },
  restarting: { word: 'starting again', tone: 'warning' },
  removing: { word: 'going', tone: 'neutral' },
  exited: { word: 'ended', tone: 'neutral' },
  dead: { word: 'dead', tone: 'problem' },
};

/** What is taken of what may be taken, with a bar; words where nothing is measured. */
const Use = ({ now, max, text }: { now: number | null; max: number | null; text(value: number): string }) =>
  now === null ? (
    <span className="hm-dim hm-small">not measured</span>
  ) : (
    <>
      <span className="hm-number hm-small">
        {text(now)}
        {max !== null && <span className="hm-dim"> of {text(max)}</span>}
      </span>
      {max !== null && <Bar percent={max === 0 ? 0 : (now / max) * 100} />}
    </>
  );

const Row = ({ container }: { container: ContainerView }) => {
  const state = STATES[container.state];
  return (
    <tr>
      <th scope="row">
        {container.job === null ? container.jobName : <a href={hrefOf('jobs', container.job)}>{container.jobName}</a>}
        <span className="hm-small hm-dim hm-cell-sub">{ROLES[container.role]}</span>
        <span className="hm-small hm-dim hm-cell-sub hm-break">
          <code title={container.id}>{shortHash(container.id)}</code>, {container.image}
        </span>
      </th>
      <td data-label="State" className="hm-cell-time">
        <Tag tone={state.tone}>{state.word}</Tag>
        <span className="hm-small hm-dim hm-cell-sub">
          made <Age atMs={container.createdAtMs} />
        </span>
      </td>
      <td data-label="Processor" className="hm-container-use">
        <Use now={container.cpuPercentNow} max={container.cpuPercentMax} text={percentText} />
      </td>
      <td data-label="Memory" className="hm-container-use">
        <Use now={container.memoryBytes} max={container.memoryBytesMax} text={bytesText} />
      </td>
      <td data-label="Processes" className="hm-container-use">
        <Use now={container.pids} max={container.pidsMax} text={String} />
      </td>
      <td data-label="Walls">
        <details className="hm-walls">
          <summary>
            {container.walls.length} {container.walls.length === 1 ? 'wall' : 'walls'}
            <span className="hm-sr"> of {container.jobName}</span>
          </summary>
          <ul>
            {container.walls.map((wall) => (
              <li key={wall}>{wall}</li>
            ))}
          </ul>
        </details>
      </td>
    </tr>
  );
};

const cleanedText = (containers: number, volumes: number, networks: number): string => {
  const parts = [
    [containers, 'container'] as const,
    [volumes, 'volume'] as const,
    [networks, 'network'] as const,
  ].flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}${count === 1 ? '' : 's'}`]));
  return parts.length === 0 ? 'There was nothing to remove.' : `Removed ${parts.join(', ')}.`;
};

/** What is ours in the engine: what each container takes beside what it may, and how it is walled off. */
export const ContainerList = () => {
  const node = useNodeAccess();
  const { value, error, read } = useContainers();
  const [busy, setBusy] = useState(false);
  const [rows, setRows] = useState(ROWS_STEP);
  const clean = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('containers:clean', {});
    setBusy(false);
    if (!reply.ok) {
      showError('Nothing was removed', reply.error);
      return;
    }
    const { containers, volumes, networks } = reply.value;
    showDone(cleanedText(containers, volumes, networks));
    await read();
  };
  if (error !== null) return <ErrorNote error={error} />;
  if (value === null) return <Loading what="the containers" />;
  if (value.problem !== '') return <NoEngine problem={value.problem} />;
  const { containers } = value;
  return (
    <Panel
      title="Containers"
      hint="Made by this node, with what each takes beside what it may take. Containers of anybody else are not touched and not shown."
      actions={
        <Button
          variant="default"
          loading={busy}
          onClick={() =>
            confirm({
              title: 'Clean up?',
              children:
                'Containers, volumes and networks that jobs which are over left behind are removed. Running jobs and everything that this node did not make stay as they are.',
              confirmLabel: 'Clean up',
              onConfirm: () => void clean(),
            })
          }
        >
          Clean up …
        </Button>
      }
    >
      {containers.length === 0 ? (
        <Empty icon={<IconPackage size={22} stroke={1.75} />} title="None now">
          A job that runs in an image gets a container of its own, and one that keeps its files. Both go when it ends.
        </Empty>
      ) : (
        <div className="hm-scroll-x">
          <table className="hm-table hm-containers">
            <thead>
              <tr>
                <th scope="col">Job</th>
                <th scope="col">State</th>
                <th scope="col">Processor</th>
                <th scope="col">Memory</th>
                <th scope="col">Processes</th>
                <th scope="col">Walls</th>
              </tr>
            </thead>
            <tbody>
              {containers.slice(0, rows).map((container) => (
                <Row key={container.id} container={container} />
              ))}
            </tbody>
          </table>
          {containers.length > rows && (
            <Button variant="subtle" size="compact-sm" onClick={() => setRows(rows + ROWS_STEP)}>
              Show {Math.min(ROWS_STEP, containers.length - rows)} more
            </Button>
          )}
        </div>
      )}
    </Panel>
  );
};
