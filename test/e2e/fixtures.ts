import { expect, type Page, test as base } from '@playwright/test';
import { type Account, createAccount, type Target } from './launch-app.ts';

export interface AppOptions {
  /** What is tested; set by the project. */
  target: Target;
}

/** Each test gets an empty account, which is removed with everything that still runs in it. */
export const test = base.extend<AppOptions & { account: Account }>({
  target: ['source', { option: true }],
  account: async ({ target }, use) => {
    const account = await createAccount(target);
    await use(account);
    await account.remove();
  },
});
export { expect };

/** Through the four steps of the first run, changing nothing. */
export const finishFirstRun = async (page: Page): Promise<void> => {
  for (let step = 1; step < 4; step += 1) await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Finish' }).click();
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
};

/** Opens a page by its link in the navigation. */
export const open = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
};
