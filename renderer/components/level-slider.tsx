import { Slider } from '@mantine/core';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';

export interface LevelSliderProps {
  label: string;
  /** Name for screen readers where the label alone is not unique on the page. @default label */
  name?: string;
  /** Whole percent, 0 to 100. */
  value: number;
  /** Told once when the pointer lets go, or when the keys rest; never for each step of a drag. */
  onCommit(percent: number): void;
  /** What the level comes to, such as `1 of 2 cores`. */
  meaning?: (percent: number) => string;
  hint?: ReactNode;
  size?: 'large' | 'small';
  min?: number;
  disabled?: boolean;
}

/** Arrow keys held down give thirty steps a second; the node is told once they rest. */
const KEY_COMMIT_MS = 400;

/** A level from 0 to 100 %. Shows each step at once and commits one value per gesture. */
export const LevelSlider = ({
  label,
  name = label,
  value,
  onCommit,
  meaning,
  hint,
  size = 'large',
  min = 0,
  disabled = false,
}: LevelSliderProps) => {
  const [draft, setDraft] = useState<number | null>(null);
  const dragging = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const pending = useRef<number | null>(null);
  const commitRef = useRef(onCommit);
  commitRef.current = onCommit;
  const hintId = useId();
  const shown = draft ?? value;

  const flush = (): void => {
    clearTimeout(timer.current);
    const next = pending.current;
    pending.current = null;
    if (next !== null) commitRef.current(next);
    setDraft(null);
  };
  // A change that was not told yet when the slider goes away is told then.
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      if (pending.current !== null) commitRef.current(pending.current);
      pending.current = null;
    },
    [],
  );

  return (
    <div className="hm-level" data-size={size}>
      <div className="hm-level-head">
        <span className="hm-level-label">{label}</span>
        <span className="hm-level-value">
          {meaning !== undefined && <span className="hm-dim hm-small">{meaning(shown)}</span>}
          <strong>{shown} %</strong>
        </span>
      </div>
      <Slider
        value={shown}
        min={min}
        max={100}
        step={size === 'large' ? 1 : 5}
        domain={[0, 100]}
        disabled={disabled}
        label={null}
        size={size === 'large' ? 6 : 4}
        thumbSize={size === 'large' ? 20 : 16}
        thumbLabel={name}
        thumbValueText={(percent) => `${percent} %${meaning === undefined ? '' : `, ${meaning(percent)}`}`}
        {...(hint === undefined ? {} : { thumbProps: { 'aria-describedby': hintId } })}
        onPointerDown={() => {
          dragging.current = true;
        }}
        onChange={(percent) => {
          setDraft(percent);
          if (percent !== value || pending.current !== null) pending.current = percent;
        }}
        onChangeEnd={(percent) => {
          pending.current = percent === value && pending.current === null ? null : percent;
          if (dragging.current) {
            dragging.current = false;
            flush();
            return;
          }
          clearTimeout(timer.current);
          timer.current = setTimeout(flush, KEY_COMMIT_MS);
        }}
        onBlur={flush}
      />
      {hint !== undefined && (
        <p id={hintId} className="hm-small hm-dim">
          {hint}
        </p>
      )}
    </div>
  );
};
