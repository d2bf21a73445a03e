import { act, fireEvent, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { NumberSetting } from '../../../../renderer/components/number-setting.tsx';
import { show } from '../show.tsx';

const field = (): HTMLInputElement => screen.getByRole('textbox', { name: 'Port' });
const type = (text: string): boolean => fireEvent.change(field(), { target: { value: text } });

describe('NumberSetting', () => {
  const shown = async (onSave: (next: number) => Promise<boolean>): Promise<void> => {
    await show(<NumberSetting label="Port" value={4001} min={10} max={65_535} onSave={onSave} />);
  };

  it('keeps a number by Enter or on leaving the field, and asks for nothing that is kept already', async () => {
    const onSave = vi.fn(async () => true);
    await shown(onSave);
    type('4002');
    expect(onSave).not.toHaveBeenCalled();
    await act(async () => void fireEvent.keyDown(field(), { key: 'Enter' }));
    type('4003');
    await act(async () => void fireEvent.blur(field()));
    type('4001');
    await act(async () => void fireEvent.blur(field()));
    expect(onSave.mock.calls).toEqual([[4002], [4003]]);
  });

  it('puts back what is no number, what is outside the bounds and what the node refuses', async () => {
    const onSave = vi.fn(async () => false);
    await shown(onSave);
    type('');
    await act(async () => void fireEvent.blur(field()));
    expect(field().value).toBe('4001');
    type('9');
    await act(async () => void fireEvent.keyDown(field(), { key: 'Enter' }));
    expect([field().value, onSave.mock.calls]).toEqual(['4001', []]);
    type('4002');
    await act(async () => void fireEvent.blur(field()));
    expect([field().value, onSave.mock.calls]).toEqual(['4001', [[4002]]]);
  });
});
