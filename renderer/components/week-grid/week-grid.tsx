import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import { IconArrowBackUp, IconCopy, IconWand } from '@tabler/icons-react';
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  type PointerEvent,
  useCallback,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import { DAY_NAMES, hourText } from '../time-text.ts';
import {
  type Cells,
  cellAt,
  copyDay,
  DAYS,
  dayOf,
  fillRange,
  HOURS,
  hourOf,
  inRange,
  presets,
  type Range,
  stepFrom,
  summary,
} from './week-grid-model.ts';
import './week-grid.css';

export interface WeekGridProps {
  /** Name of what the grid is for, such as `CPU`. */
  label: string;
  /** 168 levels in percent. */
  cells: Cells;
  /** Told once per stroke, key or preset; never while a stroke is under way. */
  onCommit(cells: number[]): void;
}

/** Levels that the brush offers; any other is a key away: digits set 0 to 90 %. */
const BRUSHES = [0, 10, 25, 50, 75, 100] as const;
/** Steps that can be undone: a slip of the hand is seen at once, not twenty strokes later. */
const UNDO_STEPS_MAX = 20;
/** Key strokes in a row are one change; the node is told when the hand rests. */
const KEY_COMMIT_MS = 500;

const cellLabel = (cell: number, percent: number): string =>
  `${DAY_NAMES[dayOf(cell)]} ${hourText(hourOf(cell))} to ${hourText(hourOf(cell) + 1)}, ${percent} %`;

/** The level as the stylesheet mixes its colour from it. */
const levelStyle = (percent: number): CSSProperties => ({ '--level': `${percent}%` }) as CSSProperties;

interface CellProps {
  cell: number;
  percent: number;
  active: boolean;
  selected: boolean;
}

/** One of 168; draws again only when its own level or mark changes. */
const Cell = memo(({ cell, percent, active, selected }: CellProps) => (
  // A grid of 168 buttons would be 168 stops for the tab key; one cell at a time takes the focus.
  <div
    role="gridcell"
    className="hm-week-cell"
    data-cell={cell}
    data-selected={selected || undefined}
    data-half={percent >= 65 || undefined}
    data-dense={percent >= 85 || undefined}
    data-zero={percent === 0 || undefined}
    tabIndex={active ? 0 : -1}
    aria-label={cellLabel(cell, percent)}
    aria-selected={selected}
    style={levelStyle(percent)}
  >
    <span aria-hidden="true">{percent}</span>
  </div>
));
Cell.displayName = 'Cell';

/**
 * A week of levels. With the mouse: choose a level, drag over hours. With the keyboard: arrows move, Shift and arrows
 * select, a digit sets 0 to 90 %, `f` sets 100 %, Space or Enter paints with the brush, Ctrl+Z takes back.
 */
export const WeekGrid = ({ label, cells, onCommit }: WeekGridProps) => {
  const [draft, setDraft] = useState<Cells | null>(null);
  const [brush, setBrush] = useState<number>(50);
  const [active, setActive] = useState(0);
  const [range, setRange] = useState<Range | null>(null);
  const [stroke, setStroke] = useState<Range | null>(null);
  const [undo, setUndo] = useState<readonly Cells[]>([]);
  const [said, setSaid] = useState('');
  const grid = useRef<HTMLDivElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const pending = useRef<number[] | null>(null);
  const commitRef = useRef(onCommit);
  commitRef.current = onCommit;
  const helpId = useId();
  const summaryId = useId();

  const base = draft ?? cells;
  const shown = stroke === null ? base : fillRange(base, stroke, brush);

  const flush = useCallback(() => {
    clearTimeout(timer.current);
    const next = pending.current;
    pending.current = null;
    if (next !== null) commitRef.current(next);
    setDraft(null);
  }, []);
  // What was typed and not yet told is told when the grid goes away.
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      if (pending.current !== null) commitRef.current(pending.current);
      pending.current = null;
    },
    [],
  );

  const change = (next: number[], text: string, atOnce = true): void => {
    setSaid(text);
    if (next.every((percent, cell) => percent === base[cell])) return;
    setUndo((steps) => [...steps, base].slice(-UNDO_STEPS_MAX));
    pending.current = next;
    if (atOnce) flush();
    else {
      setDraft(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(flush, KEY_COMMIT_MS);
    }
  };

  const takeBack = (): void => {
    const before = undo.at(-1);
    if (before === undefined) return;
    setUndo((steps) => steps.slice(0, -1));
    pending.current = [...before];
    setSaid('Taken back');
    flush();
  };

  const focusCell = (cell: number): void => {
    setActive(cell);
    grid.current?.querySelector<HTMLElement>(`[data-cell="${cell}"]`)?.focus({ preventScroll: true });
  };

  const describe = ({ from, to }: Range, percent: number): string =>
    from === to
      ? cellLabel(from, percent)
      : `${(Math.abs(dayOf(from) - dayOf(to)) + 1) * (Math.abs(hourOf(from) - hourOf(to)) + 1)} hours set to ${percent} %`;

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'z' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      takeBack();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target: Range = range ?? { from: active, to: active };
    const next = stepFrom(active, event.key);
    if (next !== active || /^(Arrow|Home$|End$|Page)/.test(event.key)) {
      event.preventDefault();
      setRange(event.shiftKey ? { from: target.from, to: next } : null);
      focusCell(next);
      return;
    }
    const percent = /^\d$/.test(event.key)
      ? Number(event.key) * 10
      : event.key === 'f' || event.key === 'F'
        ? 100
        : event.key === ' ' || event.key === 'Enter'
          ? brush
          : null;
    if (percent !== null) {
      event.preventDefault();
      change(fillRange(base, target, percent), describe(target, percent), false);
    } else if (event.key === 'Escape' && range !== null) {
      event.stopPropagation();
      setRange(null);
    }
  };

  const cellUnder = (event: PointerEvent): number | null => {
    // The pointer is captured by the grid, so the event's target is no longer the cell below it.
    const element = document.elementFromPoint(event.clientX, event.clientY) ?? (event.target as Element);
    const text = element.closest<HTMLElement>('[data-cell]')?.dataset.cell;
    return text === undefined || grid.current?.contains(element) !== true ? null : Number(text);
  };
  const onPointerDown = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.button !== 0) return;
    const text = (event.target as Element).closest<HTMLElement>('[data-cell]')?.dataset.cell;
    if (text === undefined) return;
    const cell = Number(text);
    event.preventDefault();
    event.currentTarget.setPointerCapture?.(event.pointerId);
    setRange(null);
    focusCell(cell);
    setStroke({ from: cell, to: cell });
  };
  const onPointerMove = (event: PointerEvent): void => {
    if (stroke === null) return;
    const cell = cellUnder(event);
    if (cell !== null && cell !== stroke.to) setStroke({ from: stroke.from, to: cell });
  };
  const onPointerUp = (): void => {
    if (stroke === null) return;
    setStroke(null);
    change(fillRange(base, stroke, brush), describe(stroke, brush));
  };

  return (
    <div className="hm-week">
      <div className="hm-week-tools">
        <fieldset className="hm-week-brushes">
          <legend className="hm-sr">Level to paint with</legend>
          <span className="hm-dim hm-small" aria-hidden="true">
            Paint with
          </span>
          {BRUSHES.map((percent) => (
            <button
              key={percent}
              type="button"
              className="hm-week-brush"
              aria-pressed={brush === percent}
              onClick={() => setBrush(percent)}
            >
              <span
                className="hm-week-swatch"
                aria-hidden="true"
                style={levelStyle(percent)}
                data-zero={percent === 0 || undefined}
              />
              {percent} %
            </button>
          ))}
        </fieldset>
        <div className="hm-week-actions">
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <Button variant="default" size="compact-sm" leftSection={<IconWand size={14} aria-hidden />}>
                Presets
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {presets.map((preset) => (
                <Menu.Item key={preset.id} onClick={() => change(preset.cells(brush), `${preset.label} at ${brush} %`)}>
                  {preset.label}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <Tooltip label="Take back the last change (Ctrl+Z)">
            <ActionIcon
              variant="default"
              size={26}
              aria-label="Take back the last change"
              disabled={undo.length === 0}
              onClick={takeBack}
            >
              <IconArrowBackUp size={15} />
            </ActionIcon>
          </Tooltip>
        </div>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- the grid listens for its cells, as the grid pattern of the ARIA practices has it */}
      <div
        ref={grid}
        role="grid"
        aria-label={`Week grid for ${label}`}
        aria-describedby={`${summaryId} ${helpId}`}
        aria-multiselectable="true"
        className="hm-week-grid"
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => setStroke(null)}
      >
        <div className="hm-week-hours" aria-hidden="true">
          {Array.from({ length: 8 }, (_, index) => (
            <span key={index}>{String(index * 3).padStart(2, '0')}</span>
          ))}
        </div>
        {DAY_NAMES.map((name, day) => (
          <div key={name} role="row" className="hm-week-row">
            <span role="rowheader" className="hm-week-day">
              <span aria-hidden="true">{name.slice(0, 3)}</span>
              <span className="hm-sr">{name}</span>
            </span>
            {Array.from({ length: HOURS }, (_, hour) => {
              const cell = cellAt(day, hour);
              const mark = stroke ?? range;
              return (
                <Cell
                  key={cell}
                  cell={cell}
                  percent={shown[cell] ?? 0}
                  active={cell === active}
                  selected={mark !== null && inRange(cell, mark)}
                />
              );
            })}
            <DayMenu day={day} onCopy={(toDays, text) => change(copyDay(base, day, toDays), text)} />
          </div>
        ))}
      </div>
      <div className="hm-week-foot">
        <p id={summaryId} className="hm-small hm-dim">
          {summary(shown)}
        </p>
        <p id={helpId} className="hm-small hm-dim">
          Drag to paint. Keyboard: arrows move, Shift+arrows select, <kbd>0</kbd>–<kbd>9</kbd> set 0–90 %, <kbd>F</kbd>{' '}
          100 %, Space paints.
        </p>
        <p className="hm-sr" aria-live="polite">
          {said}
        </p>
      </div>
    </div>
  );
};

const DayMenu = ({ day, onCopy }: { day: number; onCopy(toDays: number[], text: string): void }) => {
  const name = DAY_NAMES[day] ?? '';
  const all = Array.from({ length: DAYS }, (_, index) => index);
  return (
    <span role="gridcell" className="hm-week-copy">
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={22} aria-label={`Copy ${name} to other days`}>
            <IconCopy size={14} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Copy {name} to</Menu.Label>
          <Menu.Item onClick={() => onCopy(all, `${name} copied to all days`)}>All days</Menu.Item>
          <Menu.Item onClick={() => onCopy([0, 1, 2, 3, 4], `${name} copied to Monday to Friday`)}>
            Monday to Friday
          </Menu.Item>
          <Menu.Item onClick={() => onCopy([5, 6], `${name} copied to the weekend`)}>Saturday and Sunday</Menu.Item>
          <Menu.Divider />
          {all
            .filter((other) => other !== day)
            .map((other) => (
              <Menu.Item key={other} onClick={() => onCopy([other], `${name} copied to ${DAY_NAMES[other]}`)}>
                {DAY_NAMES[other]}
              </Menu.Item>
            ))}
        </Menu.Dropdown>
      </Menu>
    </span>
  );
};
