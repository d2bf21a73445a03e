import { Select } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, Level, PreviewConditions } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Bar, Panel } from '../../components/layout.tsx';
import { DAY_NAMES, hourText, nextOccurrence, whenText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { RULES, titleOf } from './share-text.ts';

type Situation = 'now' | 'using' | 'away' | 'battery' | 'metered';
const SITUATIONS: readonly { value: Situation; label: string }[] = [
  { value: 'now', label: 'As it is now' },
  { value: 'using', label: 'I use the machine' },
  { value: 'away', label: 'I am away' },
  { value: 'battery', label: 'On battery' },
  { value: 'metered', label: 'On a metered network' },
];

const conditionsOf = (atMs: number, situation: Situation): PreviewConditions => ({
  atMs,
  ...(situation === 'using' ? { present: true } : {}),
  ...(situation === 'away' ? { present: false } : {}),
  ...(situation === 'battery' ? { onBattery: true } : {}),
  ...(situation === 'metered' ? { metered: true } : {}),
});

/** "What will it be on Friday at 20:00?" */
export const PreviewPanel = () => {
  const node = useNodeAccess();
  const share = useNode((state) => state.share);
  const assets = useNode((state) => state.assets);
  const [day, setDay] = useState(4);
  const [hour, setHour] = useState(20);
  const [situation, setSituation] = useState<Situation>('now');
  const [result, setResult] = useState<{ atMs: number; levels: readonly Level[] } | null>(null);
  const [error, setError] = useState<CallError | null>(null);

  // Asked again when the rules change, since the answer then may, too.
  useEffect(() => {
    let stale = false;
    const atMs = nextOccurrence(day, hour, Date.now());
    void node.ask('share:preview', conditionsOf(atMs, situation)).then((reply) => {
      if (stale) return;
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setResult({ atMs, levels: reply.value });
    });
    return () => {
      stale = true;
    };
  }, [node, day, hour, situation, share]);

  return (
    <Panel
      title="What will it be?"
      hint="The levels at another time or in another situation, by the rules as they are now."
    >
      <div className="hm-preview-ask">
        <Select
          label="Day"
          data={DAY_NAMES.map((label, index) => ({ value: String(index), label }))}
          value={String(day)}
          onChange={(value) => setDay(Number(value))}
        />
        <Select
          label="Time"
          data={Array.from({ length: 24 }, (_, index) => ({ value: String(index), label: hourText(index) }))}
          value={String(hour)}
          onChange={(value) => setHour(Number(value))}
        />
        <Select
          label="Situation"
          data={[...SITUATIONS]}
          value={situation}
          onChange={(value) => setSituation(value ?? 'now')}
        />
      </div>
      <div aria-live="polite">
        {error !== null && <ErrorNote error={error} />}
        {error === null && result !== null && (
          <table className="hm-table hm-preview">
            <caption className="hm-sr">Levels {whenText(result.atMs, Date.now())}</caption>
            <thead>
              <tr>
                <th scope="col">Resource</th>
                <th scope="col">Level</th>
                <th scope="col">Rule</th>
                <th scope="col">Why</th>
              </tr>
            </thead>
            <tbody>
              {result.levels.map((level) => {
                const asset = assets?.find((entry) => entry.resource === level.resource);
                // A level of something whose size is unknown lends nothing, whatever it says.
                const missing = asset?.capacity.known === false ? sentence(asset.capacity.reason) : null;
                return (
                  <tr key={level.resource}>
                    <th scope="row">{titleOf(level.resource, asset)}</th>
                    <td className="hm-preview-level">
                      {missing === null ? <span>{level.percent} %</span> : <span className="hm-dim">none</span>}
                      <Bar percent={missing === null ? level.percent : 0} />
                    </td>
                    <td className="hm-number">{missing === null ? RULES[level.rule] : ''}</td>
                    <td className="hm-dim">{missing ?? level.reason}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </div>
    </Panel>
  );
};
