import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ElectronApplication } from '@playwright/test';
import type { WalletDraft, WalletView } from '../../preload/contract/index.ts';
import { accountText } from '../../main/apps/caesar/index.ts';
import { expect, finishFirstRun, open, test } from './fixtures.ts';
import type { Account } from './launch-app.ts';

// The dialog that shows what is signed stands in the main process, where no page reaches. Nobody can press its buttons under a
// display with no person, so Electron's own call is taken in its place: it keeps what would be shown, and answers as told. Source
// only: the installed program lets nobody into its main process.

const PASSPHRASE = 'a passphrase of the tests';
const AMOUNT = '1234.567891';
const MEMO = 'for the printer';
const SIGN = 'Sign';

/** What Electron was given to show. */
interface Shown {
  message: string;
  detail: string;
  buttons: string[];
  defaultId: number;
  cancelId: number;
  /** Whether it stands above a window, which waits for it. */
  above: boolean;
}
interface MainGlobals {
  hmShown: Shown[];
  hmPressed: string;
}

/** Takes the place of the system's dialog; presses the button that cancels until told otherwise. */
const takeDialog = (electron: ElectronApplication): Promise<void> =>
  electron.evaluate(({ dialog }) => {
    const main = globalThis as unknown as MainGlobals;
    main.hmShown = [];
    main.hmPressed = '';
    const answer = async (...given: unknown[]): Promise<{ response: number; checkboxChecked: boolean }> => {
      const shown = given.at(-1) as Shown;
      main.hmShown.push({ ...shown, above: given.length > 1 });
      const pressed = shown.buttons.indexOf(main.hmPressed);
      return { response: pressed === -1 ? shown.cancelId : pressed, checkboxChecked: false };
    };
    dialog.showMessageBox = answer;
  });
const press = (electron: ElectronApplication, button: string): Promise<void> =>
  electron.evaluate((_electron, pressed) => {
    (globalThis as unknown as MainGlobals).hmPressed = pressed;
  }, button);
const shownIn = (electron: ElectronApplication): Promise<Shown[]> =>
  electron.evaluate(() =>
    (globalThis as unknown as MainGlobals).hmShown.map((shown) => ({
      ...shown,
      // Thousands stand apart by a space at which no line breaks.
      message: shown.message.replaceAll('\u202f', ' '),
      detail: shown.detail.replaceAll('\u202f', ' '),
    })),
  );

const walletOf = async (account: Account): Promise<WalletView> =>
  JSON.parse((await account.cli('wallet', 'show', '--json')).stdout) as WalletView;
const sendsOf = async (account: Account): Promise<string> =>
  (await account.cli('wallet', 'history', '--kind', 'sent', '--json')).stdout;

test('what is signed is shown by the program itself, and only its button signs', { tag: '@source' }, async ({
  account,
}) => {
  const app = await account.start();
  const page = await app.page();
  await app.waitFor('node:ready');
  const { electron } = app;
  if (electron === null) throw new Error('Playwright is not inside this program.');
  await finishFirstRun(page);
  const passphraseFile = join(account.configHome, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const phraseFile = join(account.configHome, 'words');
  const made = await account.cli(
    'identity',
    'create',
    '--phrase-file',
    phraseFile,
    '--passphrase-file',
    passphraseFile,
  );
  expect(made.code, made.stderr).toBe(0);
  await account.cli('proof', 'set', '--automatic', 'off');
  const begins = async (): Promise<bigint> => BigInt((await walletOf(account)).totalMicro);
  await expect.poll(begins, { timeout: 30_000 }).toBeGreaterThan(2_000_000_000n);
  const before = await begins();
  // Somebody whom nobody ever paid.
  const stranger = accountText(new Uint8Array(32).fill(7));
  await takeDialog(electron);

  await open(page, 'Wallet');
  await page.getByRole('tab', { name: 'Send' }).click();
  const review = async (): Promise<void> => {
    await page.getByRole('combobox', { name: 'To' }).fill(stranger);
    await page.getByRole('textbox', { name: 'Amount' }).fill(AMOUNT);
    await page.getByRole('textbox', { name: 'Note' }).fill(MEMO);
    await page.getByRole('button', { name: 'Review' }).click();
    await expect(page.getByText('Nothing is signed yet')).toBeVisible();
  };
  const sign = page.getByRole('button', { name: 'Sign …' });

  await test.step('decline: all was shown, nothing is sent', async () => {
    await review();
    expect(await shownIn(electron)).toEqual([]);
    await sign.click();
    await expect(page.getByText('You declined')).toBeVisible();
    const [shown, ...others] = await shownIn(electron);
    expect(others).toEqual([]);
    expect(shown?.message).toContain('1 234.567891 CAES');
    const lines = (shown?.detail ?? '').split('\n');
    expect(lines).toContain('Amount: 1 234.567891 CAES');
    expect(lines).toContain(`To: ${stranger}`);
    expect(lines).toContain(`Note, public for ever: ${MEMO}`);
    expect(lines.filter((line) => /^Fee: 0\.\d{1,6} CAES$/.test(line))).toHaveLength(1);
    expect(lines.some((line) => line.startsWith('! '))).toBe(true);
    // Enter, Escape and closing it are all the button that does not sign.
    expect(shown).toMatchObject({ above: true, buttons: [SIGN, 'Don’t sign'], defaultId: 1, cancelId: 1 });
    expect(await begins()).toBe(before);
    expect(await sendsOf(account)).not.toContain(stranger);
    // What was declined is gone: the page offers no second press.
    await expect(sign).toHaveCount(0);
  });

  await test.step('the page alone signs nothing, not even with the passphrase', async () => {
    const asked = { kind: 'send', account: (await walletOf(account)).accounts[0]?.address, to: stranger, amount: '5' };
    const outcome = await page.evaluate(
      async ([request, passphrase]) => {
        type Reply = { ok: true; value: WalletDraft } | { ok: false; error: { code: string } };
        const { hypermesh } = globalThis as unknown as {
          hypermesh: { call(name: string, request: unknown): Promise<Reply> };
        };
        const drafted = await hypermesh.call('wallet:draft', { memo: '', ...request });
        if (!drafted.ok) return drafted.error.code;
        const approved = await hypermesh.call('wallet:approve', { draft: drafted.value.draft, passphrase });
        return approved.ok ? 'signed' : approved.error.code;
      },
      [asked, PASSPHRASE] as const,
    );
    expect(outcome).toBe('DECLINED');
    expect(await shownIn(electron)).toHaveLength(2);
    expect(await page.evaluate(() => ['require', 'process', 'module'].filter((name) => name in globalThis))).toEqual(
      [],
    );
    expect(await begins()).toBe(before);
  });

  await test.step('agree: it is sent, and the history has it', async () => {
    await press(electron, SIGN);
    await page.getByRole('button', { name: 'Back' }).click();
    await review();
    await sign.click();
    await expect(page.getByText(/^Final in block \d+$/)).toBeVisible({ timeout: 30_000 });
    const shown = (await shownIn(electron)).at(-1);
    const fee = /^Fee: 0\.(\d{1,6}) CAES$/m.exec(shown?.detail ?? '')?.[1] ?? '';
    expect(await shownIn(electron)).toHaveLength(3);
    // To the last micro-CAES: what was said is what went. Half of a fee is burnt, and the rest is the proposer's: this node's.
    expect(before - (await begins())).toBe(1_234_567_891n + BigInt(fee.padEnd(6, '0')) / 2n);
    expect(await sendsOf(account)).toContain(stranger);
    await page.getByRole('tab', { name: 'History' }).click();
    await expect(page.getByText(MEMO).first()).toBeVisible();
  });
});
