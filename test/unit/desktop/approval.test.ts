import type { BrowserWindow, MessageBoxOptions } from 'electron';
import { describe, expect, it } from 'vitest';
import { createApprovalDialog } from '../../../main/desktop/approval.ts';
import type { WalletDraft } from '../../../preload/contract/index.ts';
import { createSilentLogger } from '../../support/silent-logger.ts';

const draft = (change: Partial<WalletDraft> = {}): WalletDraft => ({
  draft: 'd',
  kind: 'send',
  account: `caes1${'q'.repeat(58)}`,
  title: 'Send 2 CAES to anna?',
  lines: [
    { label: 'To', value: 'caes1…' },
    { label: 'Amount', value: '2 CAES' },
  ],
  amountMicro: '2000000',
  feeMicro: '100',
  availableBeforeMicro: '9000000',
  availableAfterMicro: '6999900',
  warnings: [],
  expiresAtMs: 1,
  ...change,
});

/** As Electron answers: with the number of a button once somebody has chosen. */
const dialogOf = (answer: () => Promise<number> | number, window: { gone?: boolean; none?: boolean } = {}) => {
  const asked: MessageBoxOptions[] = [];
  const shown: string[] = [];
  const page = { isDestroyed: () => window.gone === true } as BrowserWindow;
  const approval = createApprovalDialog({
    logger: createSilentLogger(),
    show: () => shown.push('shown'),
    current: () => (window.none === true ? null : page),
    showMessageBox: async (_window, options) => {
      asked.push(options);
      return { response: await answer() };
    },
  });
  return { approval, asked, shown, window };
};

describe('the dialog before something is signed', () => {
  it('shows every line and warning above the window, and signs on its first button alone', async () => {
    const { approval, asked, shown } = dialogOf(() => 0);
    expect(await approval.ask(draft({ warnings: ['You never paid this account.'] }))).toBe(true);
    expect(shown).toEqual(['shown']);
    expect(asked[0]).toMatchObject({
      type: 'warning',
      message: 'Send 2 CAES to anna?',
      detail: 'To: caes1…\nAmount: 2 CAES\n\n! You never paid this account.',
      buttons: ['Sign', 'Don’t sign'],
      defaultId: 1,
      cancelId: 1,
    });
  });
  it.each([1, 2, -1])('does not sign on answer %i', async (response) => {
    expect(await dialogOf(() => response).approval.ask(draft())).toBe(false);
  });
  it('declines where there is no window, it is gone, or goes while the question stands', async () => {
    expect(await dialogOf(() => 0, { none: true }).approval.ask(draft())).toBe(false);
    expect(await dialogOf(() => 0, { gone: true }).approval.ask(draft())).toBe(false);
    const world = dialogOf(() => {
      world.window.gone = true;
      return 0;
    });
    expect(await world.approval.ask(draft())).toBe(false);
  });
  it('declines when the dialog cannot be shown', async () => {
    const { approval } = dialogOf(() => Promise.reject(new Error('no display')));
    expect(await approval.ask(draft())).toBe(false);
  });
  it('asks one question at a time and declines a second', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const { approval, asked } = dialogOf(() => promise);
    const first = approval.ask(draft());
    expect(await approval.ask(draft({ title: 'Another?' }))).toBe(false);
    expect(asked).toHaveLength(1);
    resolve(0);
    expect(await first).toBe(true);
    // And again afterwards.
    const second = approval.ask(draft());
    expect(asked).toHaveLength(2);
    expect(await second).toBe(true);
  });
  it('lets no mark turn the writing round or begin a line of its own', async () => {
    const { approval, asked } = dialogOf(() => 1);
    await approval.ask(draft({ lines: [{ label: 'Note', value: 'a\nAmount: 1 CAES\u202eb' }] }));
    expect(asked[0]?.detail).toBe('Note: a\\u{a}Amount: 1 CAES\\u{202e}b');
  });
  it('says how much of a long text is not shown, and refuses more lines than fit', async () => {
    const { approval, asked } = dialogOf(() => 0);
    await approval.ask(draft({ lines: [{ label: 'Message', value: 'x'.repeat(1600) }] }));
    expect(asked[0]?.detail).toContain('… (100 more characters)');
    expect(await approval.ask(draft({ lines: Array.from({ length: 25 }, () => ({ label: 'a', value: 'b' })) }))).toBe(
      false,
    );
    expect(asked).toHaveLength(1);
  });
});
