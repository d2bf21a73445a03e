import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type {
  JobView,
  LeaseView,
  LedgerBlockView,
  LedgerView,
  OfferView,
  PeerView,
  ReceiptVerdict,
  RewardExplanation,
  RewardsView,
  WalletView,
} from '../../preload/contract/index.ts';
import { type HomeNode, type HomeProgram, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, netnsMissing } from '../support/netns.ts';
import { expect, finishFirstRun, open, test } from './fixtures.ts';
import { browserAt, homeProgram, type HomeBrowser, peerIdOf, publicAddress } from './homes.ts';
import { root } from './launch-app.ts';

// What was lent is measured, paid on a ledger that four validators agree on although one of them lies, sent on, and found again from
// the words alone. Whole programs in hosts of their own, as their owners have them.

const LOOK = { timeout: 180_000, intervals: [1000] };
/** Micro-CAES for a core and an hour: dear, so that seconds show. */
const PRICE = '1000000000';
const BUSY =
  'const end = Date.now() + 12000;\nlet n = 0;\nwhile (Date.now() < end) n += 1;\nconsole.log(`counted ${n}`);\n';
const HOSTS = ['attic', 'studio', 'keeper', 'tower', 'liar'] as const;

/** A node from the sources that votes for blocks and against them. */
const lyingProgram: HomeProgram = {
  command: [
    process.execPath,
    '--import',
    join(root, 'test', 'support', 'children', 'lying-node.ts'),
    join(root, 'main', 'cli.ts'),
  ],
  user: null,
};
/** Exact text of CAES for half of micro-CAES. */
const halfOf = (micro: string): string => {
  const half = BigInt(micro) / 2n;
  return `${half / 1_000_000n}.${(half % 1_000_000n).toString().padStart(6, '0')}`;
};

test.describe('four who keep a ledger, one of them a liar', () => {
  test.skip(netnsMissing !== null, netnsMissing ?? '');
  test.setTimeout(900_000);

  test('are no hindrance to being paid for what was lent @installed', async ({ target }, info) => {
    const program = homeProgram(target);
    const network = createTestNetwork();
    const nodes = new Map<string, HomeNode>();
    const browsers: HomeBrowser[] = [];
    const scratch = mkdtempSync(join(tmpdir(), 'hypermesh-e2e-economy-'));
    chmodSync(scratch, 0o777);
    const photograph = async (page: Page, name: string): Promise<void> => {
      await page.setViewportSize({ width: 1200, height: 1500 });
      const path = info.outputPath(`${name}.png`);
      await page.screenshot({ path });
      await info.attach(name, { path, contentType: 'image/png' });
    };
    const nodeAt = (host: string): HomeNode => {
      const node = nodes.get(host);
      if (node === undefined) throw new Error(`No node runs in ${host}.`);
      return node;
    };
    const walletOf = (node: HomeNode): Promise<WalletView> => node.json<WalletView>('wallet', 'show');
    const ledgerOf = (node: HomeNode): Promise<LedgerView> => node.json<LedgerView>('network', 'show', 'lab');
    const tries = (node: HomeNode, ...args: string[]) =>
      expect
        .poll(
          () =>
            node.cli(...args).then(
              () => '',
              (error: unknown) => String(error),
            ),
          LOOK,
        )
        .toBe('');
    const meet = async (one: HomeNode, others: readonly HomeNode[]): Promise<void> => {
      for (const other of others) await tries(one, 'peer', 'add', await publicAddress(other));
      const connected = async (): Promise<number> =>
        (await one.json<{ peers: PeerView[] }>('peers', '--connected')).peers.length;
      await expect.poll(connected, LOOK).toBeGreaterThanOrEqual(others.length);
    };
    try {
      for (const host of HOSTS) {
        network.host(host);
        nodes.set(host, await startHomeNode(host === 'liar' ? lyingProgram : program, network, host));
      }
      const [attic, studio, keeper, tower, liar] = HOSTS.map(nodeAt) as [
        HomeNode,
        HomeNode,
        HomeNode,
        HomeNode,
        HomeNode,
      ];

      await test.step('know each other', async () => {
        await meet(attic, [studio, keeper, tower, liar]);
        await meet(keeper, [tower, liar]);
        await meet(tower, [liar]);
        for (const [node, name] of [
          [studio, 'studio'],
          [keeper, 'keeper'],
          [tower, 'tower'],
          [liar, 'liar'],
        ] as const) {
          await tries(attic, 'peer', 'trust', await peerIdOf(node), '--name', name);
        }
        await tries(studio, 'peer', 'trust', await peerIdOf(attic), '--name', 'attic');
      });

      const genesis = join(scratch, 'lab.hmgenesis');
      const payer = (await walletOf(studio)).accounts[0]?.address ?? '';
      await test.step('found a network of four validators', async () => {
        const found =
          'network create lab --validator keeper --validator tower --validator liar --own 1000 --heartbeat 3 --epoch 1';
        await attic.cli(...found.split(' '), '--give', `${payer}=5000`, '--out', genesis);
        expect(existsSync(genesis)).toBe(true);
        chmodSync(genesis, 0o644);
        for (const node of [studio, keeper, tower, liar]) await node.cli('network', 'join', genesis);
        await expect.poll(async () => (await ledgerOf(studio)).height, LOOK).toBeGreaterThan(1);
      });

      await test.step('put the liar out', async () => {
        const known = async (): Promise<string> => {
          const { evidence, validatorsList } = await ledgerOf(studio);
          return `${evidence.length > 0 ? 'found' : 'nothing'}, ${validatorsList.length} validators`;
        };
        await expect.poll(known, LOOK).toBe('found, 3 validators');
      });

      await test.step('lend a processor for a price, and run a job on it', async () => {
        await attic.cli('share', 'set', 'memory', '60');
        await attic.cli('share', 'set', 'cpu', '100', '--privacy', 'P2P', '--allocation', 'Public', '--price', PRICE);
        const offers = async (): Promise<string> =>
          (await studio.json<{ offers: OfferView[] }>('offers', '--kind', 'cpu', '--fresh')).offers[0]?.priceMicro ??
          '';
        await expect.poll(offers, LOOK).toBe(PRICE);
        const script = join(scratch, 'busy.js');
        writeFileSync(script, BUSY);
        chmodSync(script, 0o644);
        const submit = `job submit --json --to attic --cpu 50 --price-max ${PRICE} --timeout 5m --no-stdin`;
        const submitted = JSON.parse(await studio.cli(...submit.split(' '), script)) as JobView[];
        const id = submitted[0]?.id ?? '';
        const jobOf = async (): Promise<string> => {
          const job = await studio.json<JobView>('job', 'show', id);
          return job.end === null ? `${job.state} ${job.stateReason}` : JSON.stringify(job.end);
        };
        await expect.poll(jobOf, LOOK).toContain('"why":"exited"');
        expect(await studio.cli('job', 'logs', id)).toContain('counted');
      });

      let earned = '0';
      await test.step('be paid, and see what for', async () => {
        const rewards = async (): Promise<RewardsView['entries']> =>
          (await attic.json<RewardsView>('rewards', '--period', 'all')).entries.filter(
            ({ kind, state }) => kind === 'lease' && state === 'earned',
          );
        await expect.poll(async () => (await rewards()).length, LOOK).toBe(1);
        const [entry] = await rewards();
        earned = entry?.amountMicro ?? '0';
        expect(BigInt(earned)).toBeGreaterThan(1_000_000n);
        expect(entry).toMatchObject({ resource: 'cpu', network: 'lab' });
        const explained = await attic.json<RewardExplanation>('rewards', 'explain', entry?.id ?? '');
        expect(explained.formula.length).toBeGreaterThan(0);
        expect(explained.receipts[0]?.unitSeconds ?? 0).toBeGreaterThan(0);
        expect(explained.receipts[0]?.paidMicro).toBe(earned);

        const [lease] = (await attic.json<{ leases: LeaseView[] }>('lease', 'list', '--side', 'lent')).leases;
        const file = join(scratch, 'lease.hmreceipt');
        await attic.cli('receipt', 'file', lease?.id ?? '', '--out', file);
        chmodSync(file, 0o644);
        // Where no node ever ran: the command reads the file and nothing else.
        const verdict = await keeper.json<ReceiptVerdict>('receipt', 'verify', file);
        expect(verdict.findings.filter(({ passed }) => !passed)).toEqual([]);
        expect(verdict).toMatchObject({ passed: true, receipt: { network: 'lab', lease: lease?.id, kind: 'cpu' } });
        expect(verdict.receipt?.borrowerAccount).toBe(payer);
        expect(verdict.receipt?.signers.length ?? 0).toBeGreaterThanOrEqual(3);
        const blockAt = (height: number | undefined): Promise<LedgerBlockView> =>
          tower.json<LedgerBlockView>('network', 'block', String(height ?? 0));
        expect((await blockAt(verdict.receipt?.vouchedHeight)).hash).toBe(verdict.receipt?.block);
        const block = await blockAt(verdict.receipt?.height);
        expect(block.transactionsList.map(({ kind }) => kind)).toContain('lease.settle');
      });

      await test.step('send half of it on', async () => {
        const before = BigInt((await walletOf(studio)).accounts[0]?.availableMicro ?? '0');
        await attic.cli('wallet', 'contact', 'set', payer, 'studio');
        const send = ['wallet', 'send', 'studio', halfOf(earned), '--memo', 'half of it', '--yes'];
        await attic.cli(...send, '--passphrase-file', attic.passphraseFile);
        const after = async (): Promise<bigint> =>
          BigInt((await walletOf(studio)).accounts[0]?.availableMicro ?? '0') - before;
        await expect.poll(async () => String(await after()), LOOK).toBe(String(BigInt(earned) / 2n));
      });

      await test.step('see it in the page', async () => {
        const browser = await browserAt(network, attic.host);
        browsers.push(browser);
        const { page } = browser;
        await page.goto(attic.url);
        await finishFirstRun(page);
        await open(page, 'Wallet');
        await page.getByRole('tab', { name: 'History' }).click();
        await expect(page.getByText('half of it').first()).toBeVisible();
        await photograph(page, 'wallet');
        await open(page, 'Rewards');
        await photograph(page, 'rewards');
        await open(page, 'Ledger');
        await photograph(page, 'ledger');
      });

      await test.step('bring the wallet back elsewhere, from the words alone', async () => {
        const had = await walletOf(studio);
        const { phrase } = studio;
        await studio.stop();
        nodes.delete('studio');
        network.host('cellar');
        const cellar = await startHomeNode(program, network, 'cellar', { phrase });
        nodes.set('cellar', cellar);
        await meet(cellar, [keeper, tower]);
        await cellar.cli('network', 'join', genesis);
        const has = async (): Promise<string> => {
          const wallet = await walletOf(cellar);
          return `${wallet.ledger?.name ?? 'none'} ${wallet.totalMicro}`;
        };
        await expect.poll(has, LOOK).toBe(`lab ${had.totalMicro}`);
        expect((await walletOf(cellar)).accounts[0]?.address).toBe(payer);
      });
    } finally {
      for (const one of browsers) await one.end();
      for (const node of nodes.values()) await node.stop();
      await network.close();
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
