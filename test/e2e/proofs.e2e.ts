import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, open, test } from './fixtures.ts';
import { runAsUser } from './installed-user.ts';

const PASSPHRASE = 'four words on paper';
/** Seven assets at most, each some seconds of one thread at the level that is lent, on a machine that does other things. */
const PROVEN_MS_MAX = 300_000;

/** Through the first run with an identity, as an owner makes one. @returns the words */
const createIdentity = async (page: Page): Promise<string[]> => {
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Create an identity' }).click();
  const items = page.getByRole('list', { name: 'Recovery phrase' }).getByRole('listitem');
  await expect(items).toHaveCount(24);
  const words = (await items.allInnerTexts()).map((text) => text.replaceAll(/[^a-z]/g, ''));
  await page.getByLabel('I have written down all 24 words').check();
  await page.getByRole('button', { name: 'Continue' }).click();
  for (const input of await page.getByLabel(/^Word \d+$/).all()) {
    const label = await input.evaluate((element) => (element as HTMLInputElement).labels?.[0]?.textContent ?? '');
    await input.fill(words[Number(label.replace('Word ', '')) - 1] ?? '');
  }
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('A passphrase').check();
  await page.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE);
  await page.getByLabel('Once more').fill(PASSPHRASE);
  await page.getByRole('button', { name: 'Create the identity' }).click();
  await expect(page.getByText('This node has its identity')).toBeVisible({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Finish' }).click();
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
  return words;
};

test('identity in the first run, four true marks per asset, and a chain and a proof that strangers can check', async ({
  account,
}) => {
  test.setTimeout(PROVEN_MS_MAX + 180_000);
  const app = await account.start();
  const page = await app.page();
  await app.waitFor('node:ready');
  // Before there are keys: proofs are quick enough for a test, and nobody sits here.
  for (const key of ['using', 'away']) await account.cli('share', 'set', 'cpu', `--${key}`, '100');
  await account.cli('share', 'set', 'cpu', '60');
  await account.cli('share', 'set', 'storage', '10');
  await account.cli('proof', 'set', '--space', '8MiB');
  const words = await createIdentity(page);
  expect(words.every((word) => /^[a-z]{3,8}$/.test(word))).toBe(true);
  expect((await stat(join(account.dataFolder, 'identity'))).mode & 0o077).toBe(0);

  // Marks of every asset that is there, as the window shows them.
  const present = JSON.parse((await account.cli('hardware', 'assets', '--json')).stdout).filter(
    (asset: { present: boolean }) => asset.present,
  );
  expect(present.length).toBeGreaterThan(2);
  await open(page, 'Proofs');
  const passed = page.locator('.hm-marks > li[data-status="passed"]');
  await expect(passed).toHaveCount(present.length * 4, { timeout: PROVEN_MS_MAX });

  // The chain on disk holds, and the window says so.
  const verified = await account.cli('chain', 'verify', '--json');
  expect(verified.code, verified.stderr).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ status: 'done', holds: true, problems: [] });
  await open(page, 'Blocks');
  await page
    .getByRole('button', { name: /Verify/ })
    .first()
    .click();
  await expect(page.getByText(/holds/i).first()).toBeVisible({ timeout: 120_000 });

  // Files that were exported here verify where there is neither node nor key.
  const out =
    account.target === 'installed' ? join(account.dataFolder, '..') : await mkdtemp(join(tmpdir(), 'hm-out-'));
  const proofFile = join(out, 'cpu.hmproof');
  const chainFile = join(out, 'chain.hmchain');
  const made = await account.cli('proof', 'make', '--asset', 'cpu', '--out', proofFile);
  expect(made.code, made.stderr).toBe(0);
  const exported = await account.cli('chain', 'export', '--out', chainFile);
  expect(exported.code, exported.stderr).toBe(0);
  expect(await app.stop()).toBe(0);

  const elsewhere = ['--data', join(out, 'no-such-folder')];
  for (const command of [
    ['proof', 'verify', proofFile],
    ['chain', 'verify', chainFile],
  ]) {
    const checked = await account.cli(...command, ...elsewhere);
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
  }
  // One bit in the middle, and neither is believed.
  for (const [command, file] of [
    ['proof', proofFile],
    ['chain', chainFile],
  ] as const) {
    const bytes = await readFile(file);
    const place = Math.floor(bytes.length / 2);
    bytes[place] = bytes[place]! ^ 1;
    const forged = `${file}.forged`;
    if (account.target === 'installed') {
      await runAsUser(['cp', file, forged]);
      await writeFile(forged, bytes);
    } else await writeFile(forged, bytes);
    expect((await account.cli(command, 'verify', forged, ...elsewhere)).code).not.toBe(0);
  }

  // Locked means locked: the next start knows the identity and asks for the passphrase.
  const again = await account.start();
  const pageAgain = await again.page();
  await again.waitFor('node:ready');
  expect(JSON.parse((await account.cli('identity', 'show', '--json')).stdout).status).toBe('locked');
  await open(pageAgain, 'Settings');
  await pageAgain.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE);
  await pageAgain.getByRole('button', { name: 'Unlock' }).click();
  await expect(pageAgain.getByRole('button', { name: 'Lock now' })).toBeVisible({ timeout: 30_000 });

  // The drill, with the words from the paper.
  await pageAgain.getByRole('button', { name: 'Do the drill …' }).click();
  await pageAgain.getByLabel('The 24 words, in their order').fill(words.join('\n'));
  await pageAgain.getByRole('button', { name: 'Compare' }).click();
  await expect(pageAgain.getByText('All keys came back')).toBeVisible({ timeout: 30_000 });
  expect(await again.stop()).toBe(0);
  if (account.target === 'source') await rm(out, { recursive: true, force: true });
});
