import { type KeyboardEvent, useEffect, useRef, useState } from 'react';

/** A step of Page Up and Page Down. */
const PAGE = 10;

export interface Roving {
  /** The one entry that the Tab key reaches. */
  active: number;
  onKeyDown(event: KeyboardEvent): void;
  /** Put on each entry that is drawn. */
  entry(value: number): { ref(element: HTMLElement | null): void; tabIndex: 0 | -1; onFocus(): void };
}

/**
 * One Tab stop for entries numbered `min` to `max`; arrows, Home, End, Page Up and Page Down move within them. In a row
 * the highest is on the left, in a column the lowest is on top. An entry need not be drawn before it is moved to: it gets the focus once it is.
 *
 * @param onMove - brings the entry into view
 * @param shape - @default 'row'
 */
export const useRoving = (
  min: number,
  max: number,
  onMove: (value: number) => void,
  shape: 'row' | 'column' = 'row',
): Roving => {
  const [chosen, setChosen] = useState<number | null>(null);
  const elements = useRef(new Map<number, HTMLElement>());
  const focusNext = useRef(false);
  const active = Math.min(max, Math.max(min, chosen ?? (shape === 'row' ? max : min)));
  useEffect(() => {
    if (!focusNext.current) return;
    focusNext.current = false;
    elements.current.get(active)?.focus({ preventScroll: true });
  }, [active]);
  return {
    active,
    onKeyDown: (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const targets: Readonly<Record<string, number>> =
        shape === 'row'
          ? {
              ArrowRight: active - 1,
              ArrowLeft: active + 1,
              PageDown: active - PAGE,
              PageUp: active + PAGE,
              Home: max,
              End: min,
            }
          : {
              ArrowDown: active + 1,
              ArrowUp: active - 1,
              PageDown: active + PAGE,
              PageUp: active - PAGE,
              Home: min,
              End: max,
            };
      const target = targets[event.key];
      if (target === undefined) return;
      event.preventDefault();
      const next = Math.min(max, Math.max(min, target));
      if (next === active) return;
      focusNext.current = true;
      setChosen(next);
      onMove(next);
    },
    entry: (value) => ({
      ref: (element) => {
        if (element === null) elements.current.delete(value);
        else elements.current.set(value, element);
      },
      tabIndex: value === active ? 0 : -1,
      onFocus: () => setChosen(value),
    }),
  };
};
