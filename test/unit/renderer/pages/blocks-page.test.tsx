import { act, fireEvent, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import type { ChainVerification } from '../../../../preload/contract/index.ts';
import { BlocksPage } from '../../../../renderer/pages/blocks/blocks-page.tsx';
import { sampleIdentity } from '../../../support/fake-identity.ts';
import { type FakeNodeClient, sampleAssets } from '../../../support/fake-node-client.ts';
import { sampleChain } from '../../../support/fake-proofs.ts';
import { show } from '../show.tsx';
import { violations } from '../violations.ts';

const [cpu] = sampleAssets;
if (cpu === undefined) throw new Error('the fake node lost its assets');

const BLOCKS = 240;
const PRUNED = 30;
const chained = (fake: FakeNodeClient): void => {
  fake.state.identity = sampleIdentity();
  fake.state.blocks = sampleChain(BLOCKS, sampleAssets, PRUNED);
  fake.state.blocked = null;
};
/** As in the shell: a page is inside of the main landmark. */
const page = (part: string | null = null) => (
  <main>
    <BlocksPage part={part} />
  </main>
);
const press = (element: HTMLElement) => act(async () => fireEvent.click(element));
const key = (name: string) =>
  act(async () => {
    fireEvent.keyDown(document.activeElement ?? document.body, { key: name });
  });
const blocks = () => within(screen.getByRole('list', { name: 'Blocks, newest first' }));
const panel = (name: string) => within(screen.getByRole('region', { name }));

describe('BlocksPage', () => {
  it('invites to an identity where there is no block and nobody to sign one', async () => {
    await show(page());
    expect(screen.getByRole('link', { name: 'Create an identity' }).getAttribute('href')).toBe('#/settings/identity');
    expect(screen.queryByRole('list', { name: 'Blocks, newest first' })).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it('says that the first block comes by itself, and still imports, where there is an identity', async () => {
    await show(page(), (fake) => {
      fake.state.identity = sampleIdentity();
    });
    expect(screen.getByText(/The first block is written by itself/)).toBeTruthy();
    expect(screen.getByRole('heading', { name: 'Transfer folder' })).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Export' })).toBeNull();
  });

  it('asks whether there is a chain to import, after a restore, before a new one begins', async () => {
    const { fake } = await show(page(), (node) => {
      node.state.identity = sampleIdentity();
      node.state.awaitsImport = true;
      node.state.blocked = 'This identity was restored.';
    });
    expect(screen.getByText('Is there a chain to import?')).toBeTruthy();
    expect(screen.getByRole('heading', { name: 'Transfer folder' })).toBeTruthy();
    expect(await violations()).toEqual([]);
    await press(screen.getByRole('button', { name: /There is none/ }));
    expect(fake.made.some(({ name }) => name === 'chain:begin')).toBe(false);
    await press(await screen.findByRole('button', { name: 'Begin a new chain' }));
    expect(fake.made.some(({ name }) => name === 'chain:begin')).toBe(true);
    expect(screen.queryByText('Is there a chain to import?')).toBeNull();
  });

  it('draws only what is in view, as a list that tells where each block stands', async () => {
    const { fake } = await show(page(), chained);
    const items = blocks().getAllByRole('listitem');
    expect(items.length).toBeLessThan(20);
    expect(items[0]?.getAttribute('aria-posinset')).toBe('1');
    expect(items[0]?.getAttribute('aria-setsize')).toBe(String(BLOCKS));
    const [newest, next] = fake.state.blocks.toReversed();
    const label = blocks().getAllByRole('link')[0]?.textContent;
    expect(label).toMatch(new RegExp(`^Block ${newest?.height}.* ago, Asset proved, Storage, hash `));
    // The block names the one before, by the very hash that this one has.
    expect(label).toContain(`previous ${next?.hash.slice(0, 8)}`);
    expect(blocks().getAllByRole('link')[1]?.textContent).toContain(`hash ${next?.hash.slice(0, 8)}`);
    expect(fake.made.filter(({ name }) => name === 'chain:list').length).toBeLessThan(3);
    expect(screen.getByText('30 without content')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('moves between blocks by the keyboard, with one Tab stop', async () => {
    await show(page(), chained);
    const stops = () =>
      blocks()
        .getAllByRole('link')
        .filter((link) => link.tabIndex === 0)
        .map((link) => link.getAttribute('href'));
    const focused = () => document.activeElement?.getAttribute('href');
    expect(stops()).toEqual(['#/blocks/239']);
    blocks().getAllByRole('link')[0]?.focus();
    await key('ArrowRight');
    expect(focused()).toBe('#/blocks/238');
    expect(stops()).toEqual(['#/blocks/238']);
    await key('ArrowLeft');
    await key('ArrowLeft');
    expect(focused()).toBe('#/blocks/239');
    await key('PageDown');
    expect(focused()).toBe('#/blocks/229');
    // The far end is not drawn before one goes there.
    await key('End');
    expect(focused()).toBe('#/blocks/0');
    await key('Home');
    expect(focused()).toBe('#/blocks/239');
  });

  it('adds a block when it is stored, and keeps the focus on the block that had it', async () => {
    const { fake } = await show(page(), chained);
    blocks().getAllByRole('link')[0]?.focus();
    await key('ArrowRight');
    fake.state.blocks = sampleChain(BLOCKS + 1, sampleAssets, PRUNED);
    const stored = fake.state.blocks.at(-1);
    if (stored === undefined) throw new Error('no block');
    await act(async () => {
      fake.push('block', stored);
      const reply = await fake.call('chain:head', {});
      if (reply.ok) fake.push('chain', reply.value);
    });
    expect(blocks().getAllByRole('link')[0]?.getAttribute('href')).toBe('#/blocks/240');
    expect(document.activeElement?.getAttribute('href')).toBe('#/blocks/238');
  });

  it('says which blocks are sealed and which have lost their content', async () => {
    await show(page(), (fake) => {
      chained(fake);
      fake.state.blocks = sampleChain(8, sampleAssets, 1);
    });
    expect(blocks().getByRole('link', { name: /^Block 7\b.*Content sealed/ })).toBeTruthy();
    expect(blocks().getByRole('link', { name: /^Block 0\b.*Content dropped.*none, the first$/ })).toBeTruthy();
  });

  it('says why no block can be added', async () => {
    await show(page(), (fake) => {
      chained(fake);
      fake.state.identity = sampleIdentity({ status: 'locked' });
      fake.state.blocked = 'The keys are locked, so nothing can be signed';
    });
    expect(screen.getByText('The keys are locked, so nothing can be signed.')).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Unlock' }).getAttribute('href')).toBe('#/settings/identity');
  });

  it('tells what could not be read, and tries again', async () => {
    const { fake } = await show(page(), (node) => {
      chained(node);
      node.failNext('chain:list', { name: 'E', code: 'INTERNAL', message: 'The disk did not answer.' });
    });
    expect(screen.getByRole('alert').textContent).toContain('The disk did not answer.');
    await press(screen.getByRole('button', { name: 'Try again' }));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(blocks().getAllByRole('link')[0]?.textContent).toContain('Block 239');
    expect(fake.made.some(({ name }) => name === 'chain:list')).toBe(true);
  });

  it('shows one asset’s own chain and marks its blocks', async () => {
    await show(page(cpu.id), (fake) => {
      chained(fake);
      fake.state.blocks = sampleChain(300, sampleAssets, PRUNED);
    });
    const events = within(screen.getByRole('list', { name: 'Events of this asset, newest first' }));
    const links = events.getAllByRole('link');
    expect(links).toHaveLength(40);
    expect(links[0]?.getAttribute('href')).toBe('#/blocks/296');
    expect(links.map((link) => link.tabIndex).filter((stop) => stop === 0)).toHaveLength(1);
    expect(blocks().getByRole('link', { name: /^Block 296/ }).dataset['marked']).toBe('true');
    expect(blocks().getByRole('link', { name: /^Block 297/ }).dataset['marked']).toBeUndefined();
    links[0]?.focus();
    await key('ArrowRight');
    expect(document.activeElement?.getAttribute('href')).toBe('#/blocks/291');
    expect(await violations()).toEqual([]);
    await press(events.getByRole('button', { name: /^Show \d+ older$/ }));
    expect(events.getAllByRole('link').length).toBeGreaterThan(40);
  });

  it('says when no block tells of an asset', async () => {
    await show(page('asset:cpu:bgone'), chained);
    expect(screen.getByText(/No block tells of this asset yet/)).toBeTruthy();
  });
});

describe('the verification', () => {
  const done = (change: Partial<Extract<ChainVerification, { status: 'done' }>>): ChainVerification => ({
    status: 'done',
    startedAtMs: Date.now(),
    tookMs: 7_200,
    holds: true,
    blocks: BLOCKS,
    headersOnly: 0,
    transactions: 240,
    proofs: 239,
    problems: [],
    notes: [],
    ...change,
  });

  it('runs, tells how far it is, and is cancelled', async () => {
    const { fake } = await show(page(), chained);
    await press(screen.getByRole('button', { name: 'Verify' }));
    await act(async () =>
      fake.push('verification', {
        status: 'running',
        startedAtMs: Date.now(),
        checked: 60,
        total: BLOCKS,
        blocksPerSecond: 30,
      }),
    );
    expect(screen.getByRole('progressbar', { name: 'Verification of the chain' }).getAttribute('aria-valuetext')).toBe(
      '25 %, 60 of 240 blocks',
    );
    expect(screen.getByText('60 of 240 blocks, about 6 s left')).toBeTruthy();
    expect(screen.getByText('30 blocks/s')).toBeTruthy();
    expect(await violations()).toEqual([]);
    fake.state.verification = { status: 'running', startedAtMs: 0, checked: 60, total: BLOCKS, blocksPerSecond: 30 };
    await press(screen.getByRole('button', { name: 'Cancel' }));
    expect(screen.getByText(/cancelled after 60 of 240 blocks, so it says nothing about the rest/)).toBeTruthy();
  });

  it('says that the chain holds, and of how many blocks only the header was checked', async () => {
    await show(page(), (fake) => {
      chained(fake);
      fake.state.verification = done({ headersOnly: PRUNED, notes: ['The challenges are its own'] });
    });
    expect(screen.getByText('The chain holds')).toBeTruthy();
    expect(screen.getByText(/240 blocks, 240 transactions and 239 proofs in 7.2 s; of 30 blocks only/)).toBeTruthy();
    expect(screen.getByText('The challenges are its own.')).toBeTruthy();
  });

  it('lists every problem with its block, and says what to do', async () => {
    await show(page(), (fake) => {
      chained(fake);
      fake.state.verification = done({
        holds: false,
        problems: [
          { height: 44, code: 'PREVIOUS_MISMATCH', reason: 'it names another block' },
          { height: null, code: 'STATE_MISMATCH', reason: 'the state is another' },
        ],
      });
    });
    expect(screen.getByText('The chain does not hold: 2 problems')).toBeTruthy();
    expect(screen.getByRole('link', { name: '44' }).getAttribute('href')).toBe('#/blocks/44');
    expect(screen.getByText('STATE_MISMATCH')).toBeTruthy();
    expect(screen.getByText(/Nothing is repaired by itself/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('says why it cannot start', async () => {
    const { fake } = await show(page(), chained);
    fake.failNext('chain:verify', {
      name: 'E',
      code: 'VERIFICATION_RUNNING',
      message: 'One runs already; wait for it.',
    });
    await press(screen.getByRole('button', { name: 'Verify' }));
    expect(screen.getByRole('alert').textContent).toContain('One runs already');
  });
});

describe('chain files', () => {
  it('says what each kind of file reveals, and where it was written', async () => {
    const { fake } = await show(page(), chained);
    const transfer = panel('Export and import');
    expect(transfer.getByRole('radio', { name: /Readable.*reads all of it/ })).toBeTruthy();
    await press(transfer.getByRole('radio', { name: /Sealed.*sees the headers/ }));
    fireEvent.change(transfer.getByLabelText('From block'), { target: { value: '100' } });
    await press(transfer.getByRole('button', { name: 'Export' }));
    expect(fake.made.filter(({ name }) => name === 'chain:export').map(({ request }) => request)).toEqual([
      { from: 100, readable: false },
    ]);
    expect(transfer.getByText(/Wrote 140 blocks/)).toBeTruthy();
    expect(transfer.getByRole('button', { name: 'Import chain-100-sealed.hmchain' })).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  it('imports a file of the transfer folder, or says why not', async () => {
    const { fake } = await show(page(), (node) => {
      chained(node);
      node.state.transfers.files = [{ name: 'old.hmchain', sizeBytes: 5_000, modifiedAtMs: Date.now() - 60_000 }];
    });
    fake.failNext('chain:import', {
      name: 'BlockError',
      code: 'CHAIN_OF_ANOTHER_NETWORK',
      message: 'It is the chain of another network; choose a file of this one.',
    });
    await press(screen.getByRole('button', { name: 'Import old.hmchain' }));
    expect(screen.getByRole('alert').textContent).toContain('CHAIN_OF_ANOTHER_NETWORK');
    await press(screen.getByRole('button', { name: 'Import old.hmchain' }));
    expect(await screen.findByText('old.hmchain holds; nothing was missing here.')).toBeTruthy();
  });

  it('says what is lost before it drops old content, and drops nothing without a yes', async () => {
    const { fake } = await show(page(), chained);
    const prune = panel('Drop old content');
    expect(prune.getByText('110 blocks would lose their content.')).toBeTruthy();
    await press(prune.getByRole('button', { name: 'Drop older content …' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Drop the content of 110 blocks?' }));
    expect(dialog.getByText(/Lost for good/)).toBeTruthy();
    expect(dialog.getByText(/Kept: every header/)).toBeTruthy();
    expect(fake.made.some(({ name }) => name === 'chain:prune')).toBe(false);
    await press(dialog.getByRole('button', { name: 'Drop the content' }));
    expect(fake.made.filter(({ name }) => name === 'chain:prune').map(({ request }) => request)).toEqual([
      { keep: 100 },
    ]);
    expect(screen.getByText('140 without content')).toBeTruthy();
    expect(prune.getByText(/nothing to drop/)).toBeTruthy();
  });
});

describe('a block', () => {
  it('is taken apart: header, sizes, transactions with their way to the root, state, four checks', async () => {
    const { fake } = await show(page('238'), chained);
    expect(screen.getByRole('heading', { level: 1, name: 'Block 238' })).toBeTruthy();
    expect(screen.getByText('Content readable')).toBeTruthy();
    const header = panel('Header');
    expect(header.getAllByRole('button', { name: /^Copy the / })).toHaveLength(6);
    expect(header.getByRole('link').getAttribute('href')).toBe('#/blocks/237');
    const sizes = panel('Size on the way').getAllByRole('listitem');
    expect(sizes.map((item) => item.textContent)).toEqual([
      'Written as canonical CBOR12.2 KiB',
      'Compressed with Brotli5.25 KiB',
      'Padded by 1.18 KiB, so that its size tells little6.42 KiB',
      'Sealed with AES-256-GCM, its key wrapped for one reader8 KiB',
    ]);
    expect(panel('Transactions').getByText(/Leaf 1 of 4: hashed with 2 siblings/)).toBeTruthy();
    expect(panel('Transactions').getByText(/Level 2: sibling [0-9a-f]{8}…[0-9a-f]{4} on the right/)).toBeTruthy();
    expect(panel('State updates').getByText('removed')).toBeTruthy();
    expect(panel('Combined proof').getAllByText('Proved')).toHaveLength(4);
    expect(fake.made.filter(({ name }) => name === 'chain:block')).toHaveLength(1);
    expect(await violations()).toEqual([]);
  });

  it('shows the first, which has none before it and carries no proof', async () => {
    await show(page('0'), (fake) => {
      chained(fake);
      fake.state.blocks = sampleChain(3, sampleAssets);
    });
    expect(screen.getByText('none, it is the first')).toBeTruthy();
    expect(screen.getByText(/It is the only leaf/)).toBeTruthy();
    expect(screen.getByText(/The first block carries none/)).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Older' }).disabled).toBe(true);
    expect(screen.getByRole('link', { name: /^Newer/ }).getAttribute('href')).toBe('#/blocks/1');
  });

  it.each([
    ['228', 'The content is sealed', /Unlock this node’s identity/],
    ['3', 'The content was dropped', /comes back with an import/],
  ])('says why the content of %s cannot be read, and what to do', async (height, title, what) => {
    await show(page(height), chained);
    expect(screen.getByText(title)).toBeTruthy();
    expect(screen.getByText(what)).toBeTruthy();
    expect(screen.queryByRole('region', { name: 'Transactions' })).toBeNull();
    expect(screen.queryByRole('region', { name: 'Combined proof' })).toBeNull();
    expect(await violations()).toEqual([]);
  });

  it('says that there is no such block', async () => {
    await show(page('999'), chained);
    expect(screen.getByRole('alert').textContent).toContain('BLOCK_UNKNOWN');
  });
});
