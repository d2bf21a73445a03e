import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { expect, finishFirstRun, open, test } from './fixtures.ts';
import { spawnAsUser } from './installed-user.ts';
import { type Account, root } from './launch-app.ts';

const browserPath = process.env['HYPERMESH_TEST_BROWSER'] ?? '';

/** The node with no screen, as `hypermesh start --headless` runs it. */
const startHeadless = (account: Account): ChildProcess => {
  const variables = { HYPERMESH_DATA: account.dataFolder };
  return account.target === 'installed'
    ? spawnAsUser(['hypermesh', 'start', '--headless'], variables)
    : spawn(process.execPath, [join(root, 'out', 'main', 'cli.js'), 'start', '--headless'], {
        env: { ...process.env, ...variables },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
};

/** The page's address with the token of this start, as the node prints it. */
const addressOf = (node: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = '';
    node.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const found = /http:\/\/\S+#token=\S+/.exec(text);
      if (found !== null) resolve(found[0]);
    });
    node.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    node.once('exit', (code) =>
      reject(new Error(`The node ended with ${code} before it said where it listens:\n${text}`)),
    );
  });

/** A real browser with an empty profile. Its own services stay silent, as there is nothing but loopback to talk to. */
const withBrowser = async (body: (newPage: () => Promise<Page>) => Promise<void>): Promise<void> => {
  const profile = await mkdtemp(join(tmpdir(), 'hypermesh-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  try {
    await body(() => context.newPage());
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
};

test('the page of a node with no screen does what the window does', async ({ account }) => {
  test.skip(browserPath === '', 'HYPERMESH_TEST_BROWSER names no browser, and none was found');
  const node = startHeadless(account);
  const ended = new Promise<number | null>((resolve) => node.once('exit', resolve));
  try {
    const address = await addressOf(node);
    await withBrowser(async (newPage) => {
      const page = await newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(address);
      await expect(page.getByRole('heading', { level: 1, name: 'What this is' })).toBeVisible();
      // The token is not left where it can be read over a shoulder or bookmarked.
      expect(page.url()).not.toContain('token');
      await finishFirstRun(page);

      await open(page, 'Share');
      const slider = page.getByRole('slider', { name: /Lend at most.*(CPU|Processor)/ });
      await slider.press('Home');
      for (let step = 0; step < 30; step += 1) await slider.press('ArrowRight');
      await expect
        .poll(
          async () =>
            JSON.parse((await account.cli('share', 'get', '--json')).stdout).resources.find(
              (share: { resource: string }) => share.resource === 'cpu',
            ).percentMax,
        )
        .toBe(30);

      await open(page, 'Jobs');
      await page.getByRole('button', { name: 'Try a sample' }).click();
      await expect(page.getByRole('log', { name: 'Output of the job' })).toContainText('Counting primes');

      // Another tab without the token sees nothing of the node and is told how to get in.
      const stranger = await newPage();
      await stranger.goto(new URL('/', address).href);
      await expect(stranger.getByText('hypermesh status')).toBeVisible();
      await expect(stranger.getByRole('navigation', { name: 'Pages' })).toHaveCount(0);

      // A reload keeps the way in, and a stopped node is said at once.
      await page.reload();
      await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
      expect(complaints).toEqual([]);
      expect((await account.cli('stop')).code).toBe(0);
      await expect(page.getByText(/not connected/i).first()).toBeVisible();
    });
    expect(await ended).toBe(0);
  } finally {
    if (node.exitCode === null) node.kill('SIGTERM');
    await ended;
  }
});
