import { act, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WeekGrid } from '../../../../renderer/components/week-grid/week-grid.tsx';
import {
  CELLS,
  cellAt,
  copyDay,
  fillRange,
  presets,
  stepFrom,
  summary,
} from '../../../../renderer/components/week-grid/week-grid-model.ts';
import { GRID_CELLS } from '../../../../preload/contract/index.ts';
import { show } from '../show.tsx';

const empty = Array.from({ length: CELLS }, () => 0);

describe('the model of the week grid', () => {
  it('has the cells that the contract asks for', () => {
    expect(CELLS).toBe(GRID_CELLS);
    for (const preset of presets) expect(preset.cells(75)).toHaveLength(GRID_CELLS);
  });

  it('fills the rectangle between two corners, whichever is first', () => {
    const filled = fillRange(empty, { from: cellAt(2, 10), to: cellAt(1, 8) }, 40);
    expect(filled.filter((percent) => percent === 40)).toHaveLength(6);
    expect(filled[cellAt(1, 9)]).toBe(40);
    expect(filled[cellAt(3, 9)]).toBe(0);
  });

  it('does not step over an edge', () => {
    expect(stepFrom(cellAt(0, 0), 'ArrowLeft')).toBe(cellAt(0, 0));
    expect(stepFrom(cellAt(0, 23), 'ArrowRight')).toBe(cellAt(0, 23));
    expect(stepFrom(cellAt(6, 5), 'ArrowDown')).toBe(cellAt(6, 5));
    expect(stepFrom(cellAt(3, 5), 'End')).toBe(cellAt(3, 23));
  });

  it('copies a day and says what a week comes to', () => {
    const monday = fillRange(empty, { from: cellAt(0, 0), to: cellAt(0, 5) }, 50);
    const copied = copyDay(monday, 0, [5, 6]);
    expect(copied[cellAt(6, 5)]).toBe(50);
    expect(copied[cellAt(4, 5)]).toBe(0);
    expect(summary(empty)).toBe('Same level all week: 0 %');
    expect(summary(copied)).toBe('Per week: 18 h at 50 %, 150 h at 0 %');
  });
});

describe('WeekGrid', () => {
  beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
  afterEach(() => void vi.useRealTimers());

  const setUp = async (cells = empty) => {
    const onCommit = vi.fn<(cells: number[]) => void>();
    await show(<WeekGrid label="CPU" cells={cells} onCommit={onCommit} />);
    const cell = (name: string) => screen.getByRole('gridcell', { name });
    return { onCommit, cell, grid: screen.getByRole('grid', { name: 'Week grid for CPU' }) };
  };
  const rest = (): void => act(() => void vi.advanceTimersByTime(1000));

  it('names every cell, and has one stop for the tab key', async () => {
    const { cell, grid } = await setUp();
    expect(cell('Friday 20:00 to 21:00, 0 %')).toBeTruthy();
    expect(grid.querySelectorAll('[data-cell]')).toHaveLength(CELLS);
    expect(grid.querySelectorAll('[data-cell][tabindex="0"]')).toHaveLength(1);
  });

  it('moves with the arrows, sets with digits, and commits once the keys rest', async () => {
    const { onCommit, cell } = await setUp();
    const first = cell('Monday 00:00 to 01:00, 0 %');
    act(() => first.focus());
    fireEvent.keyDown(first, { key: 'ArrowDown' });
    fireEvent.keyDown(document.activeElement!, { key: 'ArrowRight' });
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Tuesday 01:00 to 02:00, 0 %');
    fireEvent.keyDown(document.activeElement!, { key: '4' });
    fireEvent.keyDown(document.activeElement!, { key: 'ArrowRight' });
    fireEvent.keyDown(document.activeElement!, { key: 'f' });
    expect(onCommit).not.toHaveBeenCalled();
    expect(cell('Tuesday 01:00 to 02:00, 40 %')).toBeTruthy();
    rest();
    expect(onCommit).toHaveBeenCalledTimes(1);
    const cells = onCommit.mock.calls[0]![0];
    expect(cells[cellAt(1, 1)]).toBe(40);
    expect(cells[cellAt(1, 2)]).toBe(100);
    expect(cells.reduce((sum, percent) => sum + percent)).toBe(140);
  });

  it('selects with Shift and paints the selection with the brush', async () => {
    const { onCommit, cell } = await setUp();
    fireEvent.click(screen.getByRole('button', { name: '75 %' }));
    const first = cell('Monday 00:00 to 01:00, 0 %');
    act(() => first.focus());
    fireEvent.keyDown(first, { key: 'ArrowRight', shiftKey: true });
    fireEvent.keyDown(document.activeElement!, { key: 'ArrowDown', shiftKey: true });
    fireEvent.keyDown(document.activeElement!, { key: 'Enter' });
    rest();
    expect(onCommit.mock.calls[0]![0].filter((percent) => percent === 75)).toHaveLength(4);
  });

  it('paints by dragging and commits when the pointer lets go', async () => {
    const { onCommit, cell, grid } = await setUp();
    fireEvent.click(screen.getByRole('button', { name: '100 %' }));
    fireEvent.pointerDown(cell('Wednesday 08:00 to 09:00, 0 %'), { button: 0 });
    const under = vi.spyOn(document, 'elementFromPoint').mockReturnValue(cell('Thursday 10:00 to 11:00, 0 %'));
    fireEvent.pointerMove(grid);
    expect(onCommit).not.toHaveBeenCalled();
    expect(cell('Thursday 10:00 to 11:00, 100 %').getAttribute('aria-selected')).toBe('true');
    fireEvent.pointerUp(grid);
    under.mockRestore();
    expect(onCommit).toHaveBeenCalledTimes(1);
    expect(onCommit.mock.calls[0]![0].filter((percent) => percent === 100)).toHaveLength(6);
  });

  it('does not commit a stroke that was broken off, nor one that changes nothing', async () => {
    const { onCommit, cell, grid } = await setUp();
    fireEvent.pointerDown(cell('Monday 08:00 to 09:00, 0 %'), { button: 0 });
    fireEvent.pointerCancel(grid);
    fireEvent.pointerUp(grid);
    fireEvent.click(screen.getByRole('button', { name: '0 %' }));
    fireEvent.pointerDown(cell('Monday 08:00 to 09:00, 0 %'), { button: 0 });
    fireEvent.pointerUp(grid);
    rest();
    expect(onCommit).not.toHaveBeenCalled();
  });

  it('takes a change back', async () => {
    const { onCommit, cell, grid } = await setUp();
    fireEvent.pointerDown(cell('Monday 08:00 to 09:00, 0 %'), { button: 0 });
    fireEvent.pointerUp(grid);
    fireEvent.click(screen.getByRole('button', { name: 'Take back the last change' }));
    expect(onCommit).toHaveBeenCalledTimes(2);
    expect(onCommit.mock.calls[1]![0]).toEqual(empty);
  });
});
