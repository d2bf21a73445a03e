import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { _electron, type Page } from '@playwright/test';
import Sqlite from 'better-sqlite3';
import {
  electronProgram,
  makeDataFolder,
  requireBuild,
  root,
  sandboxArgs,
  sleep,
  start,
  stop,
  withDisplay,
  withFolder,
} from './desktop.ts';
import type { Figure } from './figure.ts';
import { ENTRIES, entryParams, INSERT_ENTRY } from './wallet.ts';

const ROUNDS = 4;
const ROUND_MS = 4_000;
/** One turn of the wheel, and how often: four lines at each picture, which is as fast as a hand gets. */
const WHEEL_PX = 240;
const WHEEL_MS = 16;
/** Pictures per second of a screen that is in memory. */
const FRAME_MS = 1000 / 60;
const READY_MS_MAX = 60_000;
const PASSPHRASE = 'scroll through a long history';

/** What a round of scrolling looked like. */
interface Round {
  frames: number;
  dropped: number;
  longestMs: number;
  /** Pictures that showed a line which was not read yet. */
  unread: number;
  /** How far it went. */
  px: number;
}

const ask = async (data: string, method: string, path: string, body?: unknown): Promise<unknown> => {
  const { url, token } = JSON.parse(await readFile(join(data, 'node.json'), 'utf8')) as { url: string; token: string };
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
};
const until = async (what: string, check: () => Promise<boolean>): Promise<void> => {
  for (const endMs = Date.now() + READY_MS_MAX; !(await check()); await sleep(100))
    if (Date.now() > endMs) throw new Error(`${what} did not come about within ${READY_MS_MAX} ms`);
};
interface Wallet {
  ledger: { id: string } | null;
  accounts: readonly unknown[];
}

/** An identity with a home network and a long history, made by the app itself but for the lines. */
const prepare = async (electron: string, data: string, env: NodeJS.ProcessEnv): Promise<void> => {
  const app = await start(
    electron,
    [...sandboxArgs, root, '--no-dialogs', '--hidden'],
    { ...env, HYPERMESH_DATA: data },
    'node:ready',
  );
  let ledger = '';
  try {
    const draft = (await ask(data, 'POST', '/v1/identity/draft', {})) as {
      draftId: string;
      words: string[];
      ask: number[];
    };
    await ask(data, 'POST', '/v1/identity', {
      draftId: draft.draftId,
      words: draft.ask.map((place) => draft.words[place - 1]),
      sealing: { kind: 'passphrase', passphrase: PASSPHRASE },
    });
    await until('the wallet of the home network', async () => {
      const wallet = (await ask(data, 'GET', '/v1/wallet')) as Wallet;
      ledger = wallet.ledger?.id ?? '';
      return ledger !== '' && wallet.accounts.length > 0;
    });
  } finally {
    await stop(app.child);
  }
  const database = new Sqlite(join(data, 'hypermesh.db'));
  try {
    const { id } = database.prepare('SELECT id FROM wallet_accounts ORDER BY id LIMIT 1').get() as { id: number };
    const insert = database.prepare(INSERT_ENTRY);
    database.transaction(() => {
      for (let place = 0; place < ENTRIES; place++) insert.run(...entryParams(Buffer.from(ledger, 'hex'), id, place));
    })();
  } finally {
    database.close();
  }
};

/** Turns the wheel over a box and watches every picture meanwhile. */
const scroll = async (page: Page, selector: string): Promise<Round> => {
  const box = page.locator(selector);
  const place = await box.boundingBox();
  if (place === null) throw new Error(`${selector} is not there`);
  await page.mouse.move(place.x + place.width / 2, place.y + place.height / 2);
  await box.evaluate((element) => {
    const seen = { times: [] as number[], unread: 0, isOver: false, fromPx: element.scrollTop };
    Object.assign(window, { benchSeen: seen });
    const { left, top, height } = element.getBoundingClientRect();
    const look = (atMs: number): void => {
      seen.times.push(atMs);
      // What stands in the middle of the box at this picture.
      const line = document.elementFromPoint(left + 60, top + height / 2)?.closest('button');
      if (line?.getAttribute('aria-disabled') === 'true') seen.unread += 1;
      if (!seen.isOver) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  for (const endMs = performance.now() + ROUND_MS; performance.now() < endMs; await sleep(WHEEL_MS))
    await page.mouse.wheel(0, WHEEL_PX);
  return await box.evaluate((element, frameMs) => {
    const { benchSeen: seen } = window as unknown as {
      benchSeen: { times: number[]; unread: number; isOver: boolean; fromPx: number };
    };
    seen.isOver = true;
    const gaps = seen.times.slice(1).map((atMs, i) => atMs - seen.times[i]!);
    return {
      frames: gaps.length,
      dropped: gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / frameMs) - 1), 0),
      longestMs: Math.max(...gaps),
      unread: seen.unread,
      px: element.scrollTop - seen.fromPx,
    };
  }, FRAME_MS);
};

/**
 * Scrolls the history in the real window with the wheel, in turns with boxes of the same size over it, one with nothing in
 * it and one with such lines and no code: what those drop is the doing of the machine and of Chromium.
 */
export const benchWalletScroll = async (): Promise<Figure[]> => {
  requireBuild();
  const electron = await electronProgram();
  return await withDisplay(async (env) =>
    withFolder(async (folder) => {
      const data = await makeDataFolder(folder);
      await prepare(electron, data, env);
      const app = await _electron.launch({
        executablePath: electron,
        args: [...sandboxArgs, root, '--no-dialogs'],
        env: { ...env, HYPERMESH_DATA: data },
        colorScheme: null,
      });
      try {
        const isMain = (page: Page): boolean => page.url().includes('/index.html');
        const page =
          app.windows().find(isMain) ??
          (await app.waitForEvent('window', { predicate: isMain, timeout: READY_MS_MAX }));
        await until('the node', () =>
          ask(data, 'POST', '/v1/identity/unlock', { passphrase: PASSPHRASE }).then(
            () => true,
            () => false,
          ),
        );
        const link = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Wallet' });
        await link.click({ timeout: READY_MS_MAX });
        await page.getByRole('tab', { name: 'History' }).click();
        const list = page.locator('.hm-history');
        await list.waitFor({ timeout: READY_MS_MAX });
        await list.scrollIntoViewIfNeeded();
        await page.getByText('note 99', { exact: false }).first().waitFor({ timeout: READY_MS_MAX });
        /** Lays a box over the history, of the same size: with nothing in it, or with lines as they stand there, written once. */
        const cover = async (content: 'nothing' | 'lines' | null): Promise<void> =>
          await list.evaluate((element, shown) => {
            document.querySelector('#bench-box')?.remove();
            if (shown === null) return;
            const { left, top, width, height } = element.getBoundingClientRect();
            const box = document.createElement('div');
            box.id = 'bench-box';
            box.style.cssText = `position: fixed; z-index: 9999; overflow-y: auto; contain: strict; background: white; left: ${left}px; top: ${top}px; width: ${width}px; height: ${height}px`;
            if (shown === 'nothing') {
              const inside = document.createElement('div');
              inside.style.height = `${element.scrollHeight}px`;
              box.append(inside);
            } else {
              const inside = document.createElement('ul');
              const lines = [...element.querySelectorAll('li')];
              for (let count = 0; count < 2_000; count++)
                inside.append(lines[count % lines.length]?.cloneNode(true) ?? '');
              box.append(inside);
            }
            document.body.append(box);
          }, content);
        const ours: Round[] = [];
        const floor: Round[] = [];
        const still: Round[] = [];
        // One round unmeasured: code is compiled and pictures of letters are made.
        for (let round = -1; round < ROUNDS; round++) {
          await cover('nothing');
          const bare = await scroll(page, '#bench-box');
          await cover('lines');
          const written = await scroll(page, '#bench-box');
          await cover(null);
          const own = await scroll(page, '.hm-history');
          if (Math.min(own.px, bare.px, written.px) < WHEEL_PX) throw new Error('the wheel moved nothing');
          if (round < 0) continue;
          ours.push(own);
          floor.push(bare);
          still.push(written);
        }
        const sum = (rounds: readonly Round[], of: (round: Round) => number): number =>
          rounds.reduce((total, round) => total + of(round), 0);
        const droppedPercent = (rounds: readonly Round[]): number => {
          const dropped = sum(rounds, (round) => round.dropped);
          return (100 * dropped) / (dropped + sum(rounds, ({ frames }) => frames));
        };
        const longest = (rounds: readonly Round[]): number => Math.max(...rounds.map(({ longestMs }) => longestMs));
        const [value, bare, written] = [ours, floor, still].map(droppedPercent) as [number, number, number];
        const lines = Math.round(sum(ours, ({ px }) => px) / 60);
        const what = `wallet history of ${ENTRIES} entries scrolled over ${lines}`;
        return [
          {
            name: `${what}, pictures dropped`,
            unit: '%',
            value,
            peer: { name: '2000 such lines, written once', value: written },
            ...(written > 0 && { ratio: value / written }),
            target: 'at most one in a hundred more than such lines without any code of ours',
            reached: value <= written + 1,
          },
          {
            name: `${what}, pictures dropped`,
            unit: '%',
            value,
            peer: { name: 'an empty box of that length', value: bare },
            ...(bare > 0 && { ratio: value / bare }),
            target: 'for information: drawing letters without a graphics card counts here',
          },
          {
            name: `${what}, longest time between two pictures`,
            unit: 'ms',
            value: longest(ours),
            peer: { name: '2000 such lines, written once', value: longest(still) },
            target: 'for information',
          },
          {
            name: `${what}, pictures with a line that was not read yet`,
            unit: '%',
            value: (100 * sum(ours, ({ unread }) => unread)) / sum(ours, ({ frames }) => frames),
            target: 'none',
            reached: sum(ours, ({ unread }) => unread) === 0,
          },
        ];
      } finally {
        await app.close();
      }
    }),
  );
};
