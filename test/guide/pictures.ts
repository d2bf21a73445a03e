import { join } from 'node:path';
import type { Page } from '@playwright/test';

// What all pictures of the guide that need real peers have in common.

/** The size of a window that leaves room beside it on a small laptop. */
export const WIDTH = 1200;
export const HEIGHT = 800;
/** A theme fades in. */
export const REST_MS = 700;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it is so. @throws Error after two minutes, with what was waited for */
export const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
  const beganAtMs = Date.now();
  while (!(await isSo())) {
    if (Date.now() - beganAtMs > 120_000) throw new Error(`It did not come to this in two minutes: ${what}.`);
    await sleep(1000);
  }
};

/** Both themes of what the page shows now. */
export const take = async (page: Page, images: string, name: string): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await sleep(REST_MS);
    await page.screenshot({ path: join(images, `${name}-${colorScheme}.png`), caret: 'hide' });
  }
};

/** Opens a node's page and answers its questions as somebody does who is in a hurry. */
export const passFirstRun = async (page: Page, url: string): Promise<void> => {
  await page.goto(url);
  for (let step = 1; step < 4; step += 1) await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Finish' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
};

/** Goes to a page by the navigation, with the pointer out of the way. */
export const openPage = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
};
