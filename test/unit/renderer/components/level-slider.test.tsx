import { act, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LevelSlider } from '../../../../renderer/components/level-slider.tsx';
import { show } from '../show.tsx';

describe('LevelSlider', () => {
  beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
  afterEach(() => void vi.useRealTimers());

  it('shows each step at once, commits one value when the keys rest, and says what it means', async () => {
    const onCommit = vi.fn();
    await show(
      <LevelSlider
        label="Lend at most"
        name="Lend at most, CPU"
        value={50}
        onCommit={onCommit}
        meaning={(percent) => `${percent / 50} of 2 cores`}
      />,
    );
    const slider = screen.getByRole('slider', { name: 'Lend at most, CPU' });
    for (let press = 0; press < 3; press += 1) fireEvent.keyDown(slider, { key: 'ArrowRight' });
    expect(screen.getByText('53 %')).toBeTruthy();
    expect(slider.getAttribute('aria-valuetext')).toBe('53 %, 1.06 of 2 cores');
    expect(onCommit).not.toHaveBeenCalled();
    act(() => void vi.advanceTimersByTime(1000));
    expect(onCommit.mock.calls).toEqual([[53]]);
  });

  it('commits at once when the slider is left', async () => {
    const onCommit = vi.fn();
    await show(<LevelSlider label="Lend at most" value={50} onCommit={onCommit} />);
    const slider = screen.getByRole('slider');
    fireEvent.keyDown(slider, { key: 'End' });
    fireEvent.blur(slider);
    expect(onCommit.mock.calls).toEqual([[100]]);
    act(() => void vi.advanceTimersByTime(1000));
    expect(onCommit).toHaveBeenCalledTimes(1);
  });

  it('commits nothing that is not a change', async () => {
    const onCommit = vi.fn();
    await show(<LevelSlider label="Lend at most" value={0} onCommit={onCommit} />);
    fireEvent.keyDown(screen.getByRole('slider'), { key: 'ArrowLeft' });
    act(() => void vi.advanceTimersByTime(1000));
    expect(onCommit).not.toHaveBeenCalled();
  });
});
