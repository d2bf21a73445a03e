import { Button, Select, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconDownload, IconHistory } from '@tabler/icons-react';
import { memo, useCallback, useEffect, useRef, useState } from 'react';
import type { WalletEntry, WalletView } from '../../../preload/contract/index.ts';
import { Caes } from '../../components/caes.tsx';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { saveBlob } from '../../components/files.ts';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { whenText } from '../../components/time-text.ts';
import { NOW_STEP_MS, useNow } from '../../components/use-now.ts';
import { useRoving } from '../../components/use-roving.ts';
import { windowOfLines } from '../../components/window-of-lines.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { EntrySheet } from './entry-sheet.tsx';
import { type HistoryFilter, NO_FILTER, useHistory } from './use-history.ts';
import { ENTRY_KINDS, entryTitle } from './wallet-text.ts';

/** Height of an entry; equal to that in wallet.css. */
const ROW_PX = 60;
/** Lines that are scrolled over before others are drawn; fewer than are drawn beyond what is seen. Most pictures then cost nothing. */
const STEP_LINES = 8;
/** For so long nobody typed before the node is asked. */
const TYPING_MS = 250;
const TEXT_LENGTH_MAX = 128;

const Filters = ({
  view,
  filter,
  onChange,
}: {
  view: WalletView;
  filter: HistoryFilter;
  onChange(next: HistoryFilter): void;
}) => (
  <div className="hm-history-filters">
    {view.accounts.length > 1 && (
      <Select
        label="Account"
        data={[
          { value: '', label: 'All' },
          ...view.accounts.map(({ address, name }) => ({ value: address, label: name })),
        ]}
        value={filter.account}
        allowDeselect={false}
        onChange={(account) => onChange({ ...filter, account: account ?? '' })}
      />
    )}
    <Select
      label="Kind"
      data={[{ value: '', label: 'All' }, ...ENTRY_KINDS.map(({ kind, label }) => ({ value: kind, label }))]}
      value={filter.kind}
      allowDeselect={false}
      onChange={(kind) => onChange({ ...filter, kind: kind ?? '' })}
    />
    <TextInput
      type="date"
      label="From"
      value={filter.fromDay}
      onChange={(event) => onChange({ ...filter, fromDay: event.currentTarget.value })}
    />
    <TextInput
      type="date"
      label="To"
      value={filter.toDay}
      onChange={(event) => onChange({ ...filter, toDay: event.currentTarget.value })}
    />
    <TextInput
      label="Text"
      placeholder="Note, name or address"
      value={filter.text}
      maxLength={TEXT_LENGTH_MAX}
      onChange={(event) => onChange({ ...filter, text: event.currentTarget.value })}
    />
  </div>
);

/**
 * What is written of one entry. Drawn once for each, not once for each step of scrolling: writing a date takes longer than
 * all the rest of a line.
 */
const Line = memo(({ entry, accountName, nowMs }: { entry: WalletEntry; accountName: string; nowMs: number }) => (
  <>
    <span className="hm-history-what">
      <span className="hm-history-title">{entryTitle(entry)}</span>
      <span className="hm-small hm-dim hm-history-sub">
        {whenText(entry.atMs, nowMs)}
        {accountName !== '' && `, ${accountName}`}
        {entry.memo !== '' && `: ${entry.memo}`}
      </span>
    </span>
    {entry.state === 'waiting' && <Tag tone="warning">not final</Tag>}
    {entry.state === 'dropped' && <Tag tone="problem">not taken</Tag>}
    <strong
      className="hm-history-amount"
      data-way={entry.state === 'dropped' ? 'none' : entry.deltaMicro.startsWith('-') ? 'out' : 'in'}
    >
      <Caes micro={entry.deltaMicro} signed />
    </strong>
  </>
));
Line.displayName = 'Line';

const Lines = ({
  entryAt,
  total,
  view,
  onWant,
  onOpen,
}: {
  entryAt(index: number): WalletEntry | undefined;
  total: number;
  view: WalletView;
  onWant(from: number, to: number): void;
  onOpen(entry: WalletEntry): void;
}) => {
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState({ topPx: 0, heightPx: 0 });
  // The same from one step of scrolling to the next, so that lines which stay are not written anew.
  const nowMs = Math.floor(useNow() / NOW_STEP_MS) * NOW_STEP_MS;
  const shown = windowOfLines(total, ROW_PX, scroll.topPx, scroll.heightPx);
  const roving = useRoving(
    0,
    Math.max(0, total - 1),
    (index) => {
      const element = box.current;
      if (element === null) return;
      const top = index * ROW_PX;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + ROW_PX > element.scrollTop + element.clientHeight)
        element.scrollTop = top + ROW_PX - element.clientHeight;
    },
    'column',
  );
  const look = useCallback((element: HTMLElement): void => {
    const stepPx = STEP_LINES * ROW_PX;
    const topPx = Math.floor(element.scrollTop / stepPx) * stepPx;
    // What can be seen from any place within the step.
    const heightPx = element.clientHeight + stepPx;
    setScroll((before) => (before.topPx === topPx && before.heightPx === heightPx ? before : { topPx, heightPx }));
  }, []);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => look(element));
    observer.observe(element);
    return () => observer.disconnect();
  }, [look]);
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- what is wanted follows from where one looks, not from who is told
  useEffect(() => onWant(shown.from, shown.to), [shown.from, shown.to]);
  const names = new Map(view.accounts.map(({ address, name }) => [address, name]));
  return (
    <div
      className="hm-history"
      ref={box}
      // A short history takes no more room than it needs.
      style={{ height: `min(62vh, ${total * ROW_PX}px)` }}
      onScroll={(event) => look(event.currentTarget)}
    >
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the keys move between the buttons inside, which are everybody's */}
      <ul
        aria-label="Entries, newest first"
        onKeyDown={roving.onKeyDown}
        style={{ paddingTop: shown.abovePx, paddingBottom: shown.belowPx }}
      >
        {Array.from({ length: shown.to - shown.from }, (_, offset) => {
          const index = shown.from + offset;
          const entry = entryAt(index);
          return (
            <li key={index} aria-setsize={total} aria-posinset={index + 1}>
              <button
                type="button"
                className="hm-history-line"
                aria-haspopup="dialog"
                aria-disabled={entry === undefined}
                onClick={() => entry !== undefined && onOpen(entry)}
                {...roving.entry(index)}
              >
                {entry === undefined ? (
                  <span className="hm-dim">Reading …</span>
                ) : (
                  <Line
                    entry={entry}
                    accountName={view.accounts.length > 1 ? (names.get(entry.account) ?? '') : ''}
                    nowMs={nowMs}
                  />
                )}
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
};

/** Everything that happened to the accounts, newest first, with filters and a table to take away. */
export const HistoryPanel = ({ view }: { view: WalletView }) => {
  const node = useNodeAccess();
  const [filter, setFilter] = useState(NO_FILTER);
  const [text] = useDebouncedValue(filter.text, TYPING_MS);
  const history = useHistory({ ...filter, text });
  const [open, setOpen] = useState<WalletEntry | null>(null);
  const [saving, setSaving] = useState(false);
  const filtered = JSON.stringify(filter) !== JSON.stringify(NO_FILTER);
  const save = async (): Promise<void> => {
    setSaving(true);
    const reply = await node.ask('wallet:exportHistory', filter.account === '' ? {} : { account: filter.account });
    setSaving(false);
    if (reply.ok) saveBlob(reply.value.fileName, new Blob([reply.value.csv], { type: 'text/csv' }));
    else showError('The table was not made', reply.error);
  };
  const countText =
    history.total === null
      ? 'Newest first. Arrow keys move between entries, Enter opens one.'
      : `${history.total.toLocaleString('en')} ${history.total === 1 ? 'entry' : 'entries'}${filtered ? ' that match' : ''}, newest first. Arrow keys move between them, Enter opens one.`;
  return (
    <Panel
      flush
      title="History"
      hint={countText}
      actions={
        <Button
          variant="default"
          loading={saving}
          leftSection={<IconDownload size={16} aria-hidden />}
          onClick={() => void save()}
        >
          Save as CSV<span className="hm-sr">, for a spreadsheet</span>
        </Button>
      }
    >
      <Filters view={view} filter={filter} onChange={setFilter} />
      {history.error !== null && (
        <div className="hm-history-note">
          <ErrorNote title="The history could not be read" error={history.error} />
        </div>
      )}
      {history.total === null && history.error === null && <Loading what="the history" />}
      {history.total === 0 && (
        <Empty
          icon={<IconHistory size={22} stroke={1.75} />}
          title={filtered ? 'Nothing matches' : 'Nothing has happened yet'}
          action={
            filtered ? (
              <Button variant="default" onClick={() => setFilter(NO_FILTER)}>
                Show everything
              </Button>
            ) : undefined
          }
        >
          {filtered
            ? 'No entry has this account, kind, time and text together.'
            : 'What is sent, received, lent, borrowed, staked and earned will stand here.'}
        </Empty>
      )}
      {history.total !== null && history.total > 0 && (
        <Lines
          key={JSON.stringify({ ...filter, text })}
          entryAt={history.entryAt}
          total={history.total}
          view={view}
          onWant={history.want}
          onOpen={setOpen}
        />
      )}
      {open !== null && <EntrySheet entry={open} view={view} onClose={() => setOpen(null)} />}
    </Panel>
  );
};
