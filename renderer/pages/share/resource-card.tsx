import { Tabs } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useEffect, useId, useRef, useState } from 'react';
import type { Asset, Level, ResourcePromise, ResourceShare } from '../../../preload/contract/index.ts';
import { showError } from '../../components/error-note.tsx';
import { LevelSlider } from '../../components/level-slider.tsx';
import { amountText } from '../../components/quantity.ts';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { whenText } from '../../components/time-text.ts';
import { ToldText } from '../../components/told-text.tsx';
import { sentence, Unknown } from '../../components/unknown.tsx';
import { WeekGrid } from '../../components/week-grid/week-grid.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import type { ShareChange } from '../../state/node-store.ts';
import { goTo } from '../../state/route.ts';
import { meaningOf, RULES, subtitleOf, titleOf } from './share-text.ts';
import { TermsForm } from './terms-form.tsx';

/** The level now, the rule that set it and until when; all rules on demand. */
const LevelLine = ({ level }: { level: Level }) => {
  const [all, setAll] = useState(false);
  const listId = useId();
  return (
    <div className="hm-level-line">
      <p>
        <strong>Now {level.percent} %</strong> <span className="hm-dim">{level.reason}</span>
        {level.untilMs !== null && <span className="hm-dim"> · changes {whenText(level.untilMs, Date.now())}</span>}{' '}
        {(level.all.length > 1 || level.unread.length > 0) && (
          <button
            type="button"
            className="hm-link"
            aria-expanded={all}
            aria-controls={listId}
            onClick={() => setAll(!all)}
          >
            {all ? 'Hide rules' : 'All rules'}
          </button>
        )}
      </p>
      {all && (
        <ul id={listId} className="hm-rules">
          {level.all.map((result) => (
            <li key={`${result.rule} ${result.reason}`} data-wins={result.rule === level.rule || undefined}>
              <span className="hm-rules-percent">{result.percent} %</span>
              <span className="hm-rules-name">{RULES[result.rule]}</span>
              <span className="hm-dim">{result.reason}</span>
            </li>
          ))}
          {level.unread.map((result) => (
            <li key={`unread ${result.rule}`}>
              <span className="hm-rules-percent">
                <Unknown reason={result.reason} />
              </span>
              <span className="hm-rules-name">{RULES[result.rule]}</span>
              <span className="hm-dim">Does not limit: {result.reason}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
};

/** Promised beside measured. */
const PromiseLine = ({ promise, asset }: { promise: ResourcePromise; asset: Asset | undefined }) => {
  const { unit } = promise;
  const noCapacity =
    asset?.capacity.known === false ? asset.capacity.reason : 'The capacity of this resource is not known.';
  return (
    <dl className="hm-promises">
      <div>
        <dt>Lendable now</dt>
        <dd>{promise.lendable === null ? <Unknown reason={noCapacity} /> : amountText(promise.lendable, unit)}</dd>
      </div>
      <div>
        <dt>Promised</dt>
        <dd>{amountText(promise.promised, unit)}</dd>
      </div>
      <div>
        <dt>May take now</dt>
        <dd>{amountText(promise.effective, unit)}</dd>
      </div>
      <div>
        <dt>Measured</dt>
        <dd>
          {promise.measured === null ? (
            <Unknown
              reason={
                promise.allocations === 0
                  ? 'Nothing is lent, so there is nothing to measure.'
                  : 'What was lent has not been measured yet.'
              }
            />
          ) : (
            amountText(promise.measured, unit)
          )}
        </dd>
      </div>
      <div>
        <dt>Allocations</dt>
        <dd>{promise.allocations}</dd>
      </div>
    </dl>
  );
};

/** One resource, or one graphics card: slider always in sight, everything else when opened. */
export const ResourceCard = ({ share, open }: { share: ResourceShare; open: boolean }) => {
  const node = useNodeAccess();
  const { resource } = share;
  const asset = useNode(
    (state) =>
      state.assets?.find((entry) => entry.resource === resource && entry.present) ??
      state.assets?.find((entry) => entry.resource === resource),
  );
  const level = useNode((state) => state.levels?.find((entry) => entry.resource === resource));
  const promise = useNode((state) => state.promises?.find((entry) => entry.resource === resource));
  const hasBattery = useNode((state) => state.inventory?.system.battery);
  const title = titleOf(resource, asset);
  const subtitle = subtitleOf(resource, asset);
  const titleId = useId();
  const bodyId = useId();
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    if (open) card.current?.scrollIntoView?.({ block: 'nearest' });
  }, [open]);

  const set = (change: ShareChange): void => {
    void node
      .setShare(resource, change)
      .then((reply) => !reply.ok && showError(`${title}: the change was not made`, reply.error));
  };
  const meaning = meaningOf(asset);
  const lendable = asset?.capacity.known !== false;

  return (
    <section className="hm-panel hm-share-card" aria-labelledby={titleId} ref={card}>
      <div className="hm-share-head">
        <span className="hm-share-icon">
          <ResourceIcon resource={resource} size={20} />
        </span>
        <div className="hm-grow">
          <h2 id={titleId}>{title}</h2>
          {subtitle !== null && <p className="hm-small hm-dim hm-share-subtitle">{subtitle}</p>}
        </div>
        <button
          type="button"
          className="hm-open"
          aria-expanded={open}
          aria-controls={bodyId}
          onClick={() => (open ? goTo('share') : goTo('share', resource))}
        >
          <span>{open ? 'Less' : 'When and who'}</span>
          <span className="hm-sr"> for {title}</span>
          <IconChevronDown size={16} aria-hidden data-open={open || undefined} />
        </button>
      </div>
      {asset?.capacity.known === false && (
        <p className="hm-small">
          Its size is unknown, so it cannot be lent yet.{' '}
          <span className="hm-dim">
            <ToldText text={sentence(asset.capacity.reason)} />
          </span>
        </p>
      )}
      <LevelSlider
        label="Lend at most"
        name={`Lend at most, ${title}`}
        value={share.percentMax}
        onCommit={(percentMax) => set({ percentMax })}
        {...(lendable ? { meaning } : {})}
      />
      {level !== undefined && <LevelLine level={level} />}
      {promise !== undefined && (promise.allocations > 0 || open) && <PromiseLine promise={promise} asset={asset} />}
      {open && (
        <div id={bodyId} className="hm-share-body">
          <Tabs defaultValue="when" keepMounted={false}>
            <Tabs.List aria-label={`Settings of ${title}`}>
              <Tabs.Tab value="when">When</Tabs.Tab>
              <Tabs.Tab value="who">Who may use it</Tabs.Tab>
              <Tabs.Tab value="terms">Leases and price</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="when" className="hm-share-tab">
              <div className="hm-share-levels">
                <LevelSlider
                  size="small"
                  label="While I use the machine"
                  value={share.usingPercent}
                  onCommit={(usingPercent) => set({ usingPercent })}
                />
                <LevelSlider
                  size="small"
                  label="While I am away"
                  value={share.awayPercent}
                  onCommit={(awayPercent) => set({ awayPercent })}
                />
                <LevelSlider
                  size="small"
                  label="On battery"
                  value={share.batteryPercent}
                  onCommit={(batteryPercent) => set({ batteryPercent })}
                  {...(hasBattery?.known === true && !hasBattery.value
                    ? { hint: 'This machine has no battery.' }
                    : hasBattery?.known === false
                      ? { hint: `Whether there is a battery is unknown: ${hasBattery.reason}` }
                      : {})}
                />
                <LevelSlider
                  size="small"
                  label="On a metered network"
                  value={share.meteredPercent}
                  onCommit={(meteredPercent) => set({ meteredPercent })}
                />
              </div>
              <h3>Week grid</h3>
              <WeekGrid
                label={title}
                cells={share.grid}
                onCommit={(cells) =>
                  void node
                    .setGrid(resource, cells)
                    .then((reply) => !reply.ok && showError(`${title}: the week grid was not changed`, reply.error))
                }
              />
            </Tabs.Panel>
            <Tabs.Panel value="who" className="hm-share-tab">
              <TermsForm part="who" resource={resource} terms={share.terms} onChange={(terms) => set({ terms })} />
            </Tabs.Panel>
            <Tabs.Panel value="terms" className="hm-share-tab">
              <TermsForm part="leases" resource={resource} terms={share.terms} onChange={(terms) => set({ terms })} />
            </Tabs.Panel>
          </Tabs>
        </div>
      )}
    </section>
  );
};
