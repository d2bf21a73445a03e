// `npm run guide-images`: takes every picture of docs/guide/images from the built app, in light and dark, by using it as a person
// would: first run, limits, benchmark, jobs. Needs out/ (`npm run build`), a display or Xvfb, and a container engine for the pictures of
// containers. `npm run guide-images -- home jobs` takes only those that are named and leaves out what no named one needs.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { _electron } from '@playwright/test';
import { findElectron } from './setup/electron.mjs';
import { runScript } from './setup/index.mjs';
import { which } from './setup/command.mjs';
import { pinnedNode, root, SetupError } from './setup/project.mjs';
import { startDisplay } from './test/services.mjs';

const IMAGES = join(root, 'docs', 'guide', 'images');
const EXAMPLES = join(root, 'docs', 'guide', 'examples');
/** The size of a window that leaves room beside it on a small laptop. */
const WIDTH = 1200;
const HEIGHT = 800;
/** The narrowest phone that the page is made for. */
const NARROW_WIDTH = 400;
/** The port that a node takes unless told otherwise. */
const PORT = 9470;
/** A benchmark takes 20 s at most, a page a moment. */
const WAIT_MS_MAX = 60_000;
/** Charts and figures move; this long after a job started there is something to see in them. */
const SETTLE_MS = 9000;
/** One window of space: the least that a proof is made of. */
const PLOT_BYTES = 8 * 1024 * 1024;
/** Two points make a line. */
const PROOFS_SHOWN = 3;
/** Space is filled, then every asset is proved, at the owner's level. */
const PROOFS_MS_MAX = 20 * 60_000;
/** A theme fades in, and the keyboard's last step is kept after 400 ms. */
const REST_MS = 700;

/** Pictures that were asked for; none means all. */
const WANTED = new Set(process.argv.slice(2));
const LEDGER_PICTURES = [
  'wallet',
  'wallet-send',
  'wallet-receive',
  'rewards',
  'rewards-why',
  'ledger',
  'network-ledger',
  'ledger-new',
];
const OTHER_PICTURES = ['machine', 'machine-end', 'settings', 'identity', 'diagnostics', 'diagnostics-bundle'];
const NETWORK_PICTURES = ['network', 'network-end', 'network-invite', 'network-peer', 'lend', 'borrow', 'tunnels'];

/** @typedef {import('@playwright/test').Page} Page */

/** @param {...string} names */
const wants = (...names) => WANTED.size === 0 || names.some((name) => WANTED.has(name));

/**
 * Both themes of what the page shows now.
 *
 * @param {Page} page
 * @param {string} name
 */
async function take(page, name) {
  if (!wants(name)) return;
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(REST_MS);
    const overflow = await page.evaluate(() => {
      const { documentElement: html } = /** @type {any} */ (globalThis).document;
      return [html.scrollWidth - html.clientWidth, html.scrollHeight - html.clientHeight];
    });
    if (overflow.some((pixels) => pixels > 0))
      throw new Error(`${name}: the page itself scrolls, by ${overflow.join(' and ')} px.`);
    await page.screenshot({ path: join(IMAGES, `${name}-${colorScheme}.png`), caret: 'hide' });
  }
}

/**
 * One call of the API, as the page itself makes it.
 *
 * @param {Page} page
 * @param {string} name
 * @param {object} request
 * @returns {Promise<any>} the value
 */
async function call(page, name, request) {
  const reply = await page.evaluate(
    ([callName, body]) => /** @type {any} */ (globalThis).hypermesh.call(callName, body),
    /** @type {const} */ ([name, request]),
  );
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message} (${reply.error.code})`);
  return reply.value;
}

/**
 * @param {Page} page
 * @param {string} name
 */
async function open(page, name) {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
}

/**
 * Moves a part to the top of the page, with a little air above it.
 *
 * @param {Page} page
 * @param {import('@playwright/test').Locator} part
 */
async function showAtTop(page, part) {
  await part.evaluate((element) => {
    const scrolled = /** @type {any} */ (element).closest('main');
    scrolled.scrollTop += /** @type {any} */ (element).getBoundingClientRect().top - 16;
  });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
}

/**
 * A level, set by the keyboard.
 *
 * @param {Page} page
 * @param {RegExp} name
 * @param {number} percent
 */
async function setLevel(page, name, percent) {
  const slider = page.getByRole('slider', { name });
  await slider.press('Home');
  for (let step = 0; step < percent; step += 1) await slider.press('ArrowRight');
}

/**
 * @param {Page} page
 * @param {string} file
 * @param {object} more
 * @returns {Promise<string>} the job's id
 */
async function startJob(page, file, more) {
  const job = await call(page, 'job:start', {
    name: file,
    kind: 'javascript',
    module: readFileSync(join(EXAMPLES, file)).toString('base64'),
    args: [],
    cpuPercent: 10,
    memoryBytes: 64 * 1024 * 1024,
    timeMsMax: 60_000,
    ...more,
  });
  return job.id;
}

/**
 * @param {Page} page
 * @param {string} id
 */
async function ended(page, id) {
  const before = Date.now();
  while ((await call(page, 'job:get', { id })).state !== 'ended') {
    if (Date.now() - before > WAIT_MS_MAX) throw new Error(`Job ${id} did not end.`);
    await page.waitForTimeout(200);
  }
}

/**
 * Nights and weekends all, evenings half, working hours a quarter.
 *
 * @returns {number[]}
 */
function exampleWeek() {
  return Array.from({ length: 168 }, (_, cell) => {
    const [day, hour] = [Math.floor(cell / 24), cell % 24];
    if (day >= 5) return hour >= 10 && hour < 22 ? 75 : 100;
    if (hour >= 8 && hour < 18) return 25;
    return hour >= 18 && hour < 23 ? 50 : 100;
  });
}

/**
 * As an owner does it. The words are of an identity that is gone when the pictures are taken.
 *
 * @param {Page} page
 */
async function createIdentity(page) {
  await page.getByRole('button', { name: 'Create an identity' }).click();
  const items = page.getByRole('list', { name: 'Recovery phrase' }).getByRole('listitem');
  await items.last().waitFor();
  const words = (await items.allInnerTexts()).map((text) => text.replaceAll(/[^a-z]/g, ''));
  await page.getByLabel('I have written down all 24 words').check();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'identity-words');
  await page.getByRole('button', { name: 'Continue' }).click();
  for (const input of await page.getByLabel(/^Word \d+$/).all()) {
    const label = await input.evaluate(
      (element) => element.closest('div.mantine-InputWrapper-root')?.textContent ?? '',
    );
    await input.fill(words[Number(label.replaceAll(/\D/g, '')) - 1] ?? '');
  }
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('A passphrase').check();
  await page.getByLabel('Passphrase', { exact: true }).fill('a passphrase for pictures');
  await page.getByLabel('Once more').fill('a passphrase for pictures');
  await take(page, 'identity-protect');
  await page.getByRole('button', { name: 'Create the identity' }).click();
  await page.getByText('This node has its identity').waitFor({ timeout: WAIT_MS_MAX });
}

/**
 * @param {Page} page
 */
async function firstRun(page) {
  await page.getByText('Processor').waitFor();
  await take(page, 'first-run-1');
  await page.getByRole('button', { name: 'Next' }).click();
  await setLevel(page, /CPU|Processor/, 80);
  await setLevel(page, /Memory/, 50);
  await setLevel(page, /Storage/, 25);
  await page.getByRole('heading', { level: 1 }).click();
  await take(page, 'first-run-2');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Create an identity' }).waitFor();
  await take(page, 'first-run-3');
  await createIdentity(page);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Measure' }).click();
  await page.getByRole('button', { name: 'Measure again' }).waitFor({ timeout: WAIT_MS_MAX });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'first-run-4');
  await page.getByRole('button', { name: 'Finish' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

/** @param {Page} page */
async function limits(page) {
  await call(page, 'share:set', { resource: 'cpu', usingPercent: 60, awayPercent: 100, batteryPercent: 0 });
  await call(page, 'share:set', { resource: 'network', usingPercent: 25 });
}

/** @param {Page} page */
async function jobPages(page) {
  const text = 'one two two three three three four four four four '.repeat(200);
  await ended(page, await startJob(page, 'words.js', { args: ['3'], stdin: Buffer.from(text).toString('base64') }));
  await ended(page, await startJob(page, 'hello.js', { args: ['neighbour'] }));
  await open(page, 'Jobs');
  await page.getByRole('button', { name: 'Try a sample' }).click();
  await page.getByRole('log', { name: 'Output of the job' }).getByText('Counting primes').waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await page.waitForTimeout(SETTLE_MS);
  await take(page, 'job');
  await open(page, 'Jobs');
  await take(page, 'jobs');
  // Home has more to show while jobs run, and its charts need some past.
  await page.getByRole('button', { name: 'Try a sample' }).click();
  await page.getByRole('log', { name: 'Output of the job' }).getByText('Counting primes').waitFor();
  await open(page, 'Home');
  await page.waitForTimeout(SETTLE_MS + 5000);
  await take(page, 'home');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Jobs' }).click();
  await page.getByRole('link', { name: 'Start a job' }).click();
  await page.getByRole('heading', { level: 1, name: 'Start a job' }).waitFor();
  await page.locator('input[type=file]').first().setInputFiles(join(EXAMPLES, 'words.js'));
  await page.getByLabel('Arguments').fill('5 "two words"');
  await page.getByRole('heading', { level: 1 }).click();
  await take(page, 'job-new');
}

/**
 * Containers, images and doctor, as they are before the first job in an image.
 *
 * @param {Page} page
 */
async function containerPages(page) {
  const engine = (await call(page, 'containers:list', {})).problem;
  if (engine !== '') throw new SetupError(`Pictures of containers need a container engine: ${engine}`);
  await page.evaluate(() => {
    /** @type {any} */ (globalThis).location.hash = '#/containers/doctor';
  });
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText('Looked just now').waitFor({ timeout: WAIT_MS_MAX });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  // Whose kernel it is and who was logged in is nobody's business.
  await page.locator('#main').evaluate((part) => {
    const texts = part.ownerDocument.createTreeWalker(part, 4);
    for (let text = texts.nextNode(); text !== null; text = texts.nextNode())
      text.nodeValue = (text.nodeValue ?? '')
        .replace(/Linux \d+\.\d+\S*/, 'Linux 6.1')
        .replace('The user root may', 'The user ada may');
  });
  await take(page, 'doctor-containers');
  await page.getByRole('tab', { name: 'Images' }).click();
  await page.getByRole('region', { name: 'Images' }).getByRole('row').nth(1).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'images');
  await page.getByRole('tab', { name: 'Containers' }).click();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'containers');
}

/** @param {Page} page */
async function sharePages(page) {
  await open(page, 'Share');
  await page.getByText('Now ').first().waitFor();
  await take(page, 'share');
  const week = exampleWeek();
  await call(page, 'share:setGrid', { resource: 'cpu', cells: week });
  await page.getByRole('button', { name: /When and who for CPU/ }).click();
  const grid = page.getByRole('grid');
  await grid.waitFor();
  await showAtTop(page, page.locator('.hm-share-card').first());
  await take(page, 'share-week');
  await page.getByRole('tab', { name: 'Who may use it' }).click();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'share-who');
  await page.getByRole('button', { name: /Less for CPU/ }).click();
  await showAtTop(page, page.getByRole('region', { name: 'What will it be?' }));
  await take(page, 'share-preview');
}

/**
 * Proofs of every asset need minutes; two proofs of one are enough for a picture with a line in it.
 *
 * @param {Page} page
 */
async function proofPages(page) {
  await call(page, 'share:set', { resource: 'cpu', usingPercent: 100 });
  await open(page, 'Proofs');
  const before = Date.now();
  for (;;) {
    const state = await call(page, 'proof:state', {});
    const proofs = await call(page, 'proof:assets', {});
    const [cpu] = proofs;
    if (state.current === null && state.queue.length === 0 && cpu.history.length >= PROOFS_SHOWN) break;
    if (state.current === null && state.queue.length === 0)
      await call(page, 'proof:make', { asset: cpu.asset, purpose: 'audit' });
    if (Date.now() - before > PROOFS_MS_MAX) throw new Error('The proofs were not made in time.');
    await page.waitForTimeout(1000);
  }
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'proofs');
  const [{ asset }] = await call(page, 'proof:assets', {});
  const [{ id }] = await call(page, 'proof:list', { asset, limit: 1 });
  const { fileName, file } = await call(page, 'proof:file', { id });
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: fileName, mimeType: 'application/octet-stream', buffer: Buffer.from(file, 'base64') });
  await page.getByText('All four proofs hold').waitFor({ timeout: WAIT_MS_MAX });
  await showAtTop(page, page.getByRole('region', { name: 'Check a proof file' }));
  await take(page, 'proof-file');

  await open(page, 'Blocks');
  await page.getByRole('button', { name: /^Verify/ }).click();
  await page.getByText('The chain holds').waitFor({ timeout: WAIT_MS_MAX });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'blocks');
  await page.getByRole('list', { name: 'Blocks, newest first' }).getByRole('link').first().click();
  await page.getByRole('region', { name: 'Transactions' }).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'block');
}

/**
 * Wallet, rewards and the home network, as they are on the first day.
 *
 * @param {Page} page
 */
async function ledgerPages(page) {
  await open(page, 'Wallet');
  await page.getByRole('region', { name: 'Accounts' }).waitFor({ timeout: WAIT_MS_MAX });
  await take(page, 'wallet');
  const tabs = page.getByRole('tablist', { name: 'Parts of the wallet' });
  await tabs.getByRole('tab', { name: 'Send' }).click();
  await page.getByRole('button', { name: 'Review' }).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'wallet-send');
  await tabs.getByRole('tab', { name: 'Receive' }).click();
  await page.getByRole('img', { name: /as a QR code/ }).waitFor();
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'wallet-receive');
  await open(page, 'Rewards');
  await page.getByRole('list', { name: /^Steps for/ }).waitFor({ timeout: WAIT_MS_MAX });
  await take(page, 'rewards');
  await showAtTop(page, page.getByRole('region', { name: 'Why am I not earning?' }));
  await take(page, 'rewards-why');
  await open(page, 'Ledger');
  await page.getByRole('region', { name: 'Networks' }).getByRole('link').first().waitFor({ timeout: WAIT_MS_MAX });
  await take(page, 'ledger');
  await page.getByRole('region', { name: 'Networks' }).getByRole('link').first().click();
  await page.getByRole('region', { name: 'Validators' }).waitFor({ timeout: WAIT_MS_MAX });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'network-ledger');
  await open(page, 'Ledger');
  await page.getByRole('link', { name: 'Found a network' }).click();
  await page.getByRole('heading', { level: 1, name: 'Found a network' }).waitFor();
  await page.getByLabel('Name').fill('our-club');
  await page.getByRole('heading', { level: 1 }).click();
  await take(page, 'ledger-new');
}

/** @param {Page} page */
async function otherPages(page) {
  await open(page, 'Machine');
  await take(page, 'machine');
  await page.locator('#main').evaluate((part) => part.scrollTo(0, part.scrollHeight));
  await take(page, 'machine-end');
  await open(page, 'Settings');
  await take(page, 'settings');
  await showAtTop(page, page.getByRole('region', { name: 'Identity' }));
  await take(page, 'identity');
  await open(page, 'Diagnostics');
  await page.getByRole('button', { name: 'Check now' }).click();
  await page.getByRole('button', { name: 'Check again' }).waitFor({ timeout: WAIT_MS_MAX });
  await page.mouse.move(WIDTH - 1, HEIGHT - 1);
  await take(page, 'diagnostics');
  await page.getByRole('button', { name: 'Show what would be in it' }).click();
  const bundle = page.getByRole('region', { name: 'Support bundle' });
  await bundle.locator('summary').first().click();
  await showAtTop(page, bundle);
  await take(page, 'diagnostics-bundle');
}

/**
 * The page as a browser has it, over the local address, on a narrow screen.
 *
 * @param {import('@playwright/test').ElectronApplication} app
 * @param {string} dataFolder
 */
async function browserPages(app, dataFolder) {
  const { url, token } = JSON.parse(readFileSync(join(dataFolder, 'node.json'), 'utf8'));
  const opened = app.waitForEvent('window', { predicate: (page) => page.url().startsWith('http') });
  await app.evaluate(
    ({ BrowserWindow }, [address, width, height]) => {
      const window = new BrowserWindow({ width, height, useContentSize: true, webPreferences: { partition: 'guide' } });
      void window.loadURL(address);
    },
    /** @type {[string, number, number]} */ ([`${url}#token=${token}`, NARROW_WIDTH, HEIGHT]),
  );
  const page = await opened;
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await page.mouse.move(1, 1);
  await page.waitForTimeout(SETTLE_MS);
  await take(page, 'browser-home');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Share' }).click();
  await page.getByText('Now ').first().waitFor();
  await take(page, 'browser-share');
}

/** Needs root, name spaces and a browser: peers behind real routers, each a node of its own. */
async function networkPages() {
  const browser = ['chromium', 'chromium-browser', 'google-chrome'].map(which).find((path) => path !== null);
  if (browser === undefined || browser === null) throw new SetupError('Pictures of the network need Chromium.');
  for (const script of ['network-images.ts', 'lending-images.ts'])
    await promisify(execFile)(
      pinnedNode(),
      ['--disable-warning=ExperimentalWarning', join(root, 'test', 'guide', script), IMAGES, browser],
      { cwd: root },
    );
}

/**
 * The pictures show the usual port, unless somebody's node has it at this moment.
 *
 * @returns {Promise<number>}
 */
function portForPictures() {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(PORT, '::1', () => server.close(() => resolve(PORT)));
  });
}

async function main() {
  mkdirSync(IMAGES, { recursive: true });
  const { executable } = await findElectron({ allowRepublished: true });
  const display = process.env['DISPLAY'] ? null : await startDisplay();
  if (typeof display === 'string') throw new SetupError(`${display}: set DISPLAY, or install Xvfb.`);
  const base = mkdtempSync(join(tmpdir(), 'hypermesh-guide-'));
  const dataFolder = join(base, 'hypermesh');
  mkdirSync(dataFolder, { mode: 0o700 });
  writeFileSync(join(dataFolder, 'format'), 'hypermesh-data 1\n');
  writeFileSync(
    join(dataFolder, 'config.json'),
    JSON.stringify({
      version: 1,
      apiPort: await portForPictures(),
      logLevel: 'info',
      theme: 'system',
      openAtLogin: false,
      closeHintShown: false,
      firstRunDone: false,
      containerEndpoint: null,
      // Whoever is near must not be in the pictures.
      network: { loopbackOnly: true },
    }),
    { mode: 0o600 },
  );
  const { ELECTRON_RUN_AS_NODE: _unused, ...env } = process.env;
  const app = await _electron.launch({
    executablePath: executable,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), root, '--no-dialogs'],
    env: {
      .../** @type {Record<string, string>} */ (env),
      ...display?.env,
      HYPERMESH_DATA: dataFolder,
      XDG_CONFIG_HOME: join(base, 'config'),
    },
    colorScheme: null,
  });
  try {
    /** @param {Page} page */
    const isMain = (page) => page.url().includes('/index.html');
    const page = app.windows().find(isMain) ?? (await app.waitForEvent('window', { predicate: isMain }));
    const window = await app.browserWindow(page);
    await window.evaluate((shown, [width, height]) => shown.setContentSize(width, height), [WIDTH, HEIGHT]);
    // Before there is an identity, so that the first plot is a small one.
    await call(page, 'proof:setPlan', { spaceBytes: PLOT_BYTES });
    await firstRun(page);
    await limits(page);
    if (wants('job', 'jobs', 'home', 'job-new')) await jobPages(page);
    if (wants('containers', 'images', 'doctor-containers')) await containerPages(page);
    if (wants('share', 'share-week', 'share-who', 'share-preview')) await sharePages(page);
    if (wants('proofs', 'proof-file', 'blocks', 'block')) await proofPages(page);
    if (wants(...LEDGER_PICTURES)) await ledgerPages(page);
    if (wants(...OTHER_PICTURES)) await otherPages(page);
    if (wants('browser-home', 'browser-share')) await browserPages(app, dataFolder);
  } finally {
    await app.close();
    if (display !== null && typeof display !== 'string') await display.stop();
    rmSync(base, { recursive: true, force: true });
  }
  if (wants(...NETWORK_PICTURES)) await networkPages();
  return 0;
}

runScript(main);
