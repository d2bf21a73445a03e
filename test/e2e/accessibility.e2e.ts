import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, finishFirstRun, open, test } from './fixtures.ts';

const PAGES = [
  'Home',
  'Share',
  'Jobs',
  'Containers',
  'Lend',
  'Borrow',
  'Wallet',
  'Rewards',
  'Tunnels',
  'Network',
  'Proofs',
  'Blocks',
  'Ledger',
  'Machine',
  'Settings',
  'Diagnostics',
];

/** What axe finds that keeps somebody out; all it finds is printed by the failure. */
const seriousProblems = async (page: Page): Promise<string[]> => {
  // Electron makes no page on request, which is what axe's usual way needs.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
};

for (const theme of ['light', 'dark'] as const) {
  test(`nobody is kept out of a page, ${theme}`, async ({ account }) => {
    const app = await account.start();
    await app.waitFor('node:ready');
    const page = await app.page();
    await page.emulateMedia({ colorScheme: null });
    await account.cli('config', 'set', 'theme', theme);
    await expect
      .poll(() =>
        page.evaluate((dark) => matchMedia('(prefers-color-scheme: dark)').matches === dark, theme === 'dark'),
      )
      .toBe(true);
    for (const step of ['What this is', 'What you lend', 'Who you are', 'How fast it is']) {
      await expect(page.getByRole('heading', { level: 1, name: step })).toBeVisible();
      expect(await seriousProblems(page), step).toEqual([]);
      await page.getByRole('button', { name: step === 'How fast it is' ? 'Finish' : 'Next' }).click();
    }
    for (const name of PAGES) {
      await open(page, name);
      expect(await seriousProblems(page), name).toEqual([]);
    }
  });
}

test('every page is reached and left by keyboard alone', async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  const page = await app.page();
  await finishFirstRun(page);
  await page.getByRole('heading', { level: 1 }).waitFor();
  for (const name of [...PAGES.slice(1), 'Home']) {
    await tabTo(page, name);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('link', { name, exact: true })).toHaveAttribute('aria-current', 'page');
    // The heading has the focus, so a screen reader says where one is.
    await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  }
});

/** Tabs until the link has the focus; a page has fewer than this many stops, or the keyboard is of no use there. */
const TAB_STOPS_MAX = 400;
const tabTo = async (page: Page, name: string): Promise<void> => {
  for (let stops = 0; stops < TAB_STOPS_MAX; stops += 1) {
    await page.keyboard.press('Shift+Tab');
    if (
      await page.evaluate(
        (label) =>
          document.activeElement?.tagName === 'A' && document.activeElement.textContent?.trim().startsWith(label),
        name,
      )
    )
      return;
  }
  throw new Error(`${name} cannot be reached with the Tab key`);
};
