import { Button, Select } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { AssetEvent, CallError } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Loading, Panel } from '../../components/layout.tsx';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { shortHash } from '../../components/short-hash.tsx';
import { useRoving } from '../../components/use-roving.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { goTo, hrefOf } from '../../state/route.ts';
import { assetName, countText, iconKeyOf, kindText } from './block-text.ts';

/** Events drawn before one asks for more. */
const SHOWN_STEP = 40;

/** How far two events of one asset lie apart in the chain. */
const apartText = (blocks: number): string => (blocks === 0 ? 'same block' : countText(blocks, 'block'));

const Line = ({ events }: { events: readonly AssetEvent[] }) => {
  const [shown, setShown] = useState(SHOWN_STEP);
  const box = useRef<HTMLOListElement>(null);
  const newestFirst = [...events].reverse().slice(0, shown);
  const newest = events.length - 1;
  const lowest = Math.max(0, events.length - shown);
  const roving = useRoving(lowest, newest, (index) =>
    box.current?.querySelector(`[data-index="${index}"]`)?.scrollIntoView?.({ block: 'nearest', inline: 'nearest' }),
  );
  return (
    <div className="hm-chain">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the keys move between the links inside */}
      <ol className="hm-events" ref={box} aria-label="Events of this asset, newest first" onKeyDown={roving.onKeyDown}>
        {newestFirst.map((event, at) => {
          const index = newest - at;
          const older = events[index - 1];
          return (
            <li key={event.hash} data-index={index}>
              <span className="hm-event-line" aria-hidden="true">
                <span className="hm-event-dot" />
                {older !== undefined && (
                  <span className="hm-event-apart">{apartText(event.height - older.height)}</span>
                )}
              </span>
              <a {...roving.entry(index)} href={hrefOf('blocks', String(event.height))} className="hm-event">
                <strong>{kindText(event.kind)}</strong>
                <span className="hm-small hm-dim">
                  Block {event.height} · <Age atMs={event.atMs} />
                </span>
                <span className="hm-small">
                  <span className="hm-sr">hash </span>
                  <code>{shortHash(event.hash)}</code>
                  <span className="hm-sr">
                    {event.previous === null ? ', its first event' : `, follows ${shortHash(event.previous)}`}
                  </span>
                </span>
              </a>
            </li>
          );
        })}
        {lowest > 0 && (
          <li className="hm-events-more">
            <Button variant="default" onClick={() => setShown(shown + SHOWN_STEP)}>
              Show {Math.min(SHOWN_STEP, lowest)} older
            </Button>
          </li>
        )}
      </ol>
    </div>
  );
};

/** Reads the chain of one asset, anew whenever the chain has grown. */
export const useAssetChain = (
  asset: string | null,
): { events: readonly AssetEvent[] | null; error: CallError | null } => {
  const node = useNodeAccess();
  const height = useNode((state) => state.chain?.height ?? null);
  const [events, setEvents] = useState<{ asset: string; events: readonly AssetEvent[] } | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  useEffect(() => {
    setError(null);
    if (asset === null) return;
    let stale = false;
    void node.ask('chain:asset', { asset }).then((reply) => {
      if (stale) return;
      if (reply.ok) setEvents({ asset, events: reply.value });
      else setError(reply.error);
    });
    return () => {
      stale = true;
    };
  }, [node, asset, height]);
  return { events: events !== null && events.asset === asset ? events.events : null, error };
};

/** One asset's own chain inside the chain: its events as a line, each naming the one before. */
export const AssetChain = ({
  asset,
  events,
  error,
}: {
  asset: string | null;
  events: readonly AssetEvent[] | null;
  error: CallError | null;
}) => {
  const assets = useNode((state) => state.assets);
  const known = assets?.map(({ id }) => id) ?? [];
  const all = asset === null || known.includes(asset) ? known : [...known, asset];
  const icon = asset === null ? null : iconKeyOf(asset);
  return (
    <Panel
      title="Chain of one asset"
      hint="Every event of an asset names the one before, so no part of its story can be left out."
      actions={
        <Select
          aria-label="Asset whose chain is shown"
          placeholder="Choose an asset"
          data={all.map((id) => ({ value: id, label: assetName(id, assets) }))}
          value={asset}
          allowDeselect
          clearable
          clearButtonProps={{ 'aria-label': 'Show no asset' }}
          leftSection={icon === null ? undefined : <ResourceIcon resource={icon} size={16} />}
          onChange={(value) => (value === null ? goTo('blocks') : goTo('blocks', value))}
          comboboxProps={{ withinPortal: true }}
          className="hm-asset-choice"
        />
      }
    >
      {asset === null ? (
        <p className="hm-dim">Choose an asset to see its own line, and to mark its blocks in the drawing above.</p>
      ) : error !== null ? (
        <ErrorNote title="The chain of this asset could not be read" error={error} />
      ) : events === null ? (
        <Loading what="the chain of the asset" />
      ) : events.length === 0 ? (
        <p className="hm-dim">No block tells of this asset yet. Its chain begins when it is registered.</p>
      ) : (
        <Line key={asset} events={events} />
      )}
    </Panel>
  );
};
