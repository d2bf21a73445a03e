import { Button } from '@mantine/core';
import { IconArrowLeft, IconArrowRight } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import type { BlockView, CallError, ResponseOf } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Fact, Facts, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { Checks, VerdictFacts } from '../proofs/verdict.tsx';
import { assetName, countText, iconKeyOf, kindText } from './block-text.ts';
import { InclusionPath } from './inclusion-path.tsx';
import { SizePicture, stagesOf } from './size-picture.tsx';

type Transaction = NonNullable<BlockView['transactionsList']>[number];

/** Difficulty in groups of three, since it is counted in billions. */
const countedText = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',');

const Header = ({ block }: { block: BlockView }) => {
  const { header } = block;
  return (
    <Panel
      title="Header"
      hint={`${bytesText(block.headerBytes)}. Anyone who holds the block reads this, sealed or not.`}
    >
      <Facts>
        <Fact name="Hash">
          <ShortHash value={block.hash} what="the hash of the block" />
        </Fact>
        <Fact name="Previous block">
          {header.previous === null ? (
            'none, it is the first'
          ) : (
            <ShortHash
              value={header.previous}
              what="the hash of the block before"
              href={hrefOf('blocks', String(block.height - 1))}
            />
          )}
        </Fact>
        <Fact name="Merkle root">
          <ShortHash value={header.merkleRoot} what="the Merkle root" />
        </Fact>
        <Fact name="State root">
          <ShortHash value={header.stateRoot} what="the state root" />
        </Fact>
        <Fact name="Network">
          <ShortHash value={header.network} what="the id of the network" />
        </Fact>
        <Fact name="Proposer">
          <ShortHash value={header.proposer} what="the id of the proposer" />
        </Fact>
        <Fact name="Time">{dateTimeText(header.timeMs)}</Fact>
        <Fact name="Difficulty">
          {header.difficulty === '0' ? '0 operations' : `${countedText(header.difficulty)} operations`}
        </Fact>
        <Fact name="Height">{header.height}</Fact>
        <Fact name="Version of the format">{header.version}</Fact>
      </Facts>
    </Panel>
  );
};

const TransactionPart = ({ transaction, leaves, root }: { transaction: Transaction; leaves: number; root: string }) => {
  const assets = useNode((state) => state.assets);
  const icon = transaction.asset === null ? null : iconKeyOf(transaction.asset);
  return (
    <section className="hm-transaction" aria-label={`Transaction ${transaction.index + 1}`}>
      <h3 className="hm-row">
        {icon !== null && <ResourceIcon resource={icon} size={18} />}
        {kindText(transaction.kind)}
        {transaction.asset !== null && <span className="hm-dim">{assetName(transaction.asset, assets)}</span>}
      </h3>
      <Facts>
        <Fact name="Hash">
          <ShortHash value={transaction.hash} what="the hash of the transaction" />
        </Fact>
        <Fact name="Signer">
          <ShortHash value={transaction.signer} what="the id of the signer" />
        </Fact>
        {transaction.asset !== null && (
          <Fact name="Asset">
            <ShortHash
              value={transaction.asset}
              what="the id of the asset"
              href={hrefOf('blocks', transaction.asset)}
            />
          </Fact>
        )}
        <Fact name="Event before">
          {transaction.previous === null ? (
            transaction.asset === null ? (
              'of no asset'
            ) : (
              'none, it is the first'
            )
          ) : (
            <ShortHash value={transaction.previous} what="the hash of the event before" />
          )}
        </Fact>
        <Fact name="Time">{dateTimeText(transaction.atMs)}</Fact>
        <Fact name="Size">{bytesText(transaction.sizeBytes)}</Fact>
      </Facts>
      <details className="hm-fold">
        <summary>Data</summary>
        <pre className="hm-code-block">{JSON.stringify(transaction.data, null, 2)}</pre>
      </details>
      <details className="hm-fold">
        <summary>Way to the Merkle root</summary>
        <InclusionPath index={transaction.index} size={leaves} siblings={transaction.inclusion} root={root} />
      </details>
    </section>
  );
};

const StateUpdates = ({ updates }: { updates: NonNullable<BlockView['stateUpdates']> }) => (
  <Panel title="State updates" hint="What the ledger knows differently since this block.">
    {updates.length === 0 ? (
      <p className="hm-dim">It changed nothing.</p>
    ) : (
      <div className="hm-scroll-x">
        <table className="hm-table">
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Change</th>
              <th scope="col" className="hm-right">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {updates.map((update) => (
              <tr key={update.key}>
                <td className="hm-break">
                  <code>{update.key}</code>
                </td>
                <td>{update.removed ? 'removed' : 'written'}</td>
                <td className="hm-right">{update.removed ? '–' : bytesText(update.sizeBytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
  </Panel>
);

const BODY_TAGS: Record<BlockView['body'], { text: string; tone: 'neutral' | 'accent' | 'warning' }> = {
  readable: { text: 'Content readable', tone: 'accent' },
  sealed: { text: 'Content sealed', tone: 'neutral' },
  pruned: { text: 'Content dropped', tone: 'neutral' },
};

const BodyNote = ({ body }: { body: BlockView['body'] }) => {
  if (body === 'readable') return null;
  return (
    <Note title={body === 'sealed' ? 'The content is sealed' : 'The content was dropped'}>
      <p>
        {body === 'sealed'
          ? 'It cannot be opened with the keys that are unlocked at the moment. Unlock this node’s identity in Settings; a block of another node opens only for those whom it was sealed for.'
          : 'Only the header was kept when old content was dropped. It still holds the chain together; the content comes back with an import of a chain file that has it.'}
      </p>
      {body === 'sealed' && <a href={hrefOf('settings', 'identity')}>Go to the identity</a>}
    </Note>
  );
};

const Content = ({ block }: { block: BlockView }) => {
  const leaves = block.leaves ?? 0;
  return (
    <>
      <BodyNote body={block.body} />
      <Header block={block} />
      {stagesOf(block).length > 0 && (
        <Panel
          title="Size on the way"
          hint={
            block.sealed === null
              ? 'What becomes of the content before it is stored.'
              : 'What becomes of the content before it is stored. Without a key one sees the last bar and the number of readers.'
          }
        >
          <SizePicture block={block} />
        </Panel>
      )}
      {block.transactionsList !== null && (
        <Panel title="Transactions" hint={countText(block.transactionsList.length, 'signed record')}>
          <div className="hm-things">
            {block.transactionsList.map((transaction) => (
              <div key={transaction.hash} className="hm-thing">
                <TransactionPart transaction={transaction} leaves={leaves} root={block.header.merkleRoot} />
              </div>
            ))}
          </div>
        </Panel>
      )}
      {block.stateUpdates !== null && <StateUpdates updates={block.stateUpdates} />}
      {block.proof !== null && (
        <Panel
          title="Combined proof"
          hint={block.proof.passed ? 'All four hold.' : 'Not all of it holds; verify the chain to find out more.'}
        >
          <div className="hm-stack">
            <Checks checks={block.proof.checks} />
            <VerdictFacts verdict={block.proof} expiry={false} />
          </div>
        </Panel>
      )}
      {block.body === 'readable' && block.proof === null && block.height === 0 && (
        <Panel title="Combined proof">
          <p className="hm-dim">
            The first block carries none: it only names the network, and there was nothing to prove yet.
          </p>
        </Panel>
      )}
    </>
  );
};

/** One block taken apart. */
export const BlockDetail = ({ height }: { height: number }) => {
  const node = useNodeAccess();
  const newest = useNode((state) => state.chain?.height ?? null);
  const pruned = useNode((state) => state.chain?.pruned ?? 0);
  const status = useNode((state) => state.identity?.status);
  const [block, setBlock] = useState<ResponseOf<'chain:block'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  // Read again when keys open it, or when its content was dropped.
  useEffect(() => {
    let stale = false;
    void node.ask('chain:block', { height }).then((reply) => {
      if (stale) return;
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setBlock(reply.value);
    });
    return () => {
      stale = true;
    };
  }, [node, height, pruned, status]);
  const step = (to: number, label: string, icon: ReactNode, after: boolean, there: boolean): ReactNode =>
    there ? (
      <Button
        component="a"
        href={hrefOf('blocks', String(to))}
        variant="default"
        {...(after ? { rightSection: icon } : { leftSection: icon })}
      >
        {label}
        <span className="hm-sr"> block, {to}</span>
      </Button>
    ) : (
      <Button variant="default" disabled {...(after ? { rightSection: icon } : { leftSection: icon })}>
        {label}
      </Button>
    );
  return (
    <>
      <PageHeader
        title={`Block ${height}`}
        actions={
          <>
            <Button component="a" href={hrefOf('blocks')} variant="default">
              Back to blocks
            </Button>
            {step(
              height + 1,
              'Newer',
              <IconArrowLeft size={16} aria-hidden />,
              false,
              newest !== null && height < newest,
            )}
            {step(height - 1, 'Older', <IconArrowRight size={16} aria-hidden />, true, height > 0)}
          </>
        }
      />
      {block !== null && (
        <p className="hm-row hm-block-tags">
          <Tag tone={BODY_TAGS[block.body].tone}>{BODY_TAGS[block.body].text}</Tag>
          <span className="hm-dim">
            stored <Age atMs={block.timeMs} />
          </span>
        </p>
      )}
      {error !== null && <ErrorNote title="The block could not be read" error={error} />}
      {block === null ? error === null && <Loading what="the block" /> : <Content block={block} />}
    </>
  );
};
