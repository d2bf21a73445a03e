import { act, fireEvent, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { ErrorNote } from '../../../../renderer/components/error-note.tsx';
import { ReadingValue, sentence } from '../../../../renderer/components/unknown.tsx';
import { show } from '../show.tsx';

describe('ReadingValue', () => {
  it('shows what is known as it is', async () => {
    await show(<ReadingValue reading={{ known: true, value: 0 }}>{(value) => `${value} °C`}</ReadingValue>);
    expect(screen.getByText('0 °C')).toBeTruthy();
  });

  it('says "unknown" with its reason to screen readers and on focus, and never a number', async () => {
    await show(
      <ReadingValue reading={{ known: false, reason: 'There is no sensor.' }}>
        {(value: number) => `${value} °C`}
      </ReadingValue>,
    );
    const text = screen.getByText('unknown');
    expect(text.textContent).toBe('unknown: There is no sensor.');
    expect(text.tabIndex).toBe(0);
    await act(async () => fireEvent.focus(text));
    expect((await screen.findByRole('tooltip')).textContent).toBe('There is no sensor.');
  });
});

describe('sentence', () => {
  it.each([
    ['no engine was found', 'No engine was found.'],
    ['eth0 does not tell its speed', 'eth0 does not tell its speed.'],
    ['There is none.', 'There is none.'],
  ])('%j', (reason, wanted) => expect(sentence(reason)).toBe(wanted));
});

describe('ErrorNote', () => {
  it('says the sentence and the code, at once', async () => {
    await show(
      <ErrorNote
        error={{ name: 'AllocationError', code: 'LEVEL_EXCEEDED', message: 'Only 25 % is lent; ask for less.' }}
      />,
    );
    const alert = screen.getByRole('alert');
    expect(alert.textContent).toContain('Only 25 % is lent; ask for less.');
    expect(alert.textContent).toContain('LEVEL_EXCEEDED');
  });
});
