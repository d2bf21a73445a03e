import { Button, Progress } from '@mantine/core';
import { IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useState } from 'react';
import type { GuardProbe, GuardState } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, Note, showError } from '../../components/error-note.tsx';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { useTold } from '../../components/use-told.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

const RESULTS: Record<GuardProbe['result'], { word: string; tone: 'accent' | 'neutral' | 'problem' | 'warning' }> = {
  refused: { word: 'refused', tone: 'accent' },
  unreachable: { word: 'not reached', tone: 'accent' },
  reached: { word: 'reached', tone: 'problem' },
  notTried: { word: 'not tried', tone: 'warning' },
};
const CAUSES: Record<GuardState['cause'], string> = {
  none: '',
  asked: 'you asked',
  levelChanged: 'a level was changed',
  started: 'the node was started',
};

const Probes = ({ probes }: { probes: readonly GuardProbe[] }) => (
  <div className="hm-scroll-x">
    <table className="hm-table hm-guard-table">
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col">Tried to reach</th>
          <th scope="col">Result</th>
          <th scope="col">What happened</th>
        </tr>
      </thead>
      <tbody>
        {probes.map((probe) => (
          <tr key={`${probe.from} ${probe.target}`}>
            <td>{probe.from}</td>
            <td>{probe.target}</td>
            <td>
              <Tag tone={RESULTS[probe.result].tone}>{RESULTS[probe.result].word}</Tag>
            </td>
            <td className="hm-small hm-dim">{probe.sentence}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** How many of each result, by where they came from: hundreds of lines that all say no are nothing to read. */
const Summary = ({ probes }: { probes: readonly GuardProbe[] }) => {
  const sources = [...new Set(probes.map(({ from }) => from))];
  const results = (Object.keys(RESULTS) as GuardProbe['result'][]).filter((result) =>
    probes.some((probe) => probe.result === result),
  );
  return (
    <div className="hm-scroll-x">
      <table className="hm-table hm-guard-table">
        <thead>
          <tr>
            <th scope="col">From</th>
            {results.map((result) => (
              <th key={result} scope="col" className="hm-right">
                {RESULTS[result].word}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sources.map((from) => (
            <tr key={from}>
              <td>{from}</td>
              {results.map((result) => (
                <td key={result} className="hm-right hm-number">
                  {probes.filter((probe) => probe.from === from && probe.result === result).length}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** What was tried from here to reach the home network, and that it failed. */
export const GuardPanel = () => {
  const node = useNodeAccess();
  const [all, setAll] = useState(false);
  const { value: guard, error, set } = useTold('guard:state', {}, 'guard', (_before, news) => news);
  const act = async (call: 'guard:run' | 'guard:cancel'): Promise<void> => {
    const reply = await node.ask(call, {});
    if (reply.ok) set(reply.value);
    else showError('The guard did not start', reply.error);
  };
  return (
    <Panel
      title="Home guard"
      hint="Probes on this node try to reach your router, other machines, this node’s own API and its files, by every way that a borrower could have."
      actions={
        guard?.running === true ? (
          <Button variant="default" onClick={() => void act('guard:cancel')}>
            Stop
          </Button>
        ) : (
          <Button variant="default" disabled={guard === null} onClick={() => void act('guard:run')}>
            Try now
          </Button>
        )
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {guard === null && error === null && <Loading what="the guard" />}
      {guard?.running === true && (
        <div role="status">
          <Progress
            value={guard.total === 0 ? 0 : (guard.done / guard.total) * 100}
            aria-label="Probes done"
            striped
            animated
          />
          <p className="hm-small hm-dim">
            Probe {guard.done} of {guard.total}
          </p>
        </div>
      )}
      {guard !== null && guard.ranAtMs === null && !guard.running && (
        <Empty icon={<IconShieldCheck size={22} stroke={1.75} />} title="Not tried yet">
          It runs by itself after each change of a level. It takes some seconds and harms nothing.
        </Empty>
      )}
      {guard !== null && guard.ranAtMs !== null && (
        <>
          <Note
            tone={guard.verdict === 'red' ? 'warning' : 'info'}
            icon={
              guard.verdict === 'red' ? (
                <IconShieldX size={20} aria-hidden className="hm-note-icon" />
              ) : (
                <IconShieldCheck size={20} aria-hidden className="hm-note-icon" />
              )
            }
            title={
              guard.verdict === 'red'
                ? 'Something got where it must not. Set the network to 0 % until it is mended.'
                : 'Nothing got where it must not'
            }
          >
            <p className="hm-small">
              {guard.probes.length} probes, <Age atMs={guard.ranAtMs} />
              {CAUSES[guard.cause] === '' ? '' : `, because ${CAUSES[guard.cause]}`}.
            </p>
          </Note>
          <Summary probes={guard.probes} />
          {guard.verdict === 'red' && <Probes probes={guard.probes.filter(({ result }) => result === 'reached')} />}
          <Button
            variant="default"
            size="compact-sm"
            aria-expanded={all}
            onClick={() => setAll(!all)}
            style={{ marginTop: 12 }}
          >
            {all ? 'Show less' : `Show each of the ${guard.probes.length} probes`}
          </Button>
          {all && <Probes probes={guard.probes} />}
        </>
      )}
    </Panel>
  );
};
