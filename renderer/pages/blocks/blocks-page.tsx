import { Button } from '@mantine/core';
import { IconCube, IconLock } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import type { CallError, ChainHead } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { AssetChain, useAssetChain } from './asset-chain.tsx';
import { BlockDetail } from './block-detail.tsx';
import { countText } from './block-text.ts';
import { ChainDrawing } from './chain-drawing.tsx';
import { PrunePanel, TransferPanel } from './transfer-panel.tsx';
import { VerificationPanel } from './verification-panel.tsx';
import './blocks.css';

const identityHref = hrefOf('settings', 'identity');

const HeadFact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Head = ({ head }: { head: ChainHead }) => (
  <dl className="hm-head-facts">
    <HeadFact name="Newest block">
      {head.height === null ? 'none' : <a href={hrefOf('blocks', String(head.height))}>Block {head.height}</a>}
    </HeadFact>
    <HeadFact name="Newest stored">{head.timeMs === null ? 'never' : <Age atMs={head.timeMs} />}</HeadFact>
    <HeadFact name="In all">
      {countText(head.blocks, 'block')}
      {head.pruned > 0 && <span className="hm-small hm-dim">{head.pruned.toLocaleString('en')} without content</span>}
    </HeadFact>
    <HeadFact name="On disk">{bytesText(head.storedBytes)}</HeadFact>
    <HeadFact name="Tells of">{countText(head.assets, 'asset')}</HeadFact>
    {head.network !== null && (
      <HeadFact name="Network">
        <ShortHash value={head.network} what="the id of the network" />
      </HeadFact>
    )}
  </dl>
);

/** After a restore, or with a new database: only the owner knows whether there is a chain elsewhere. */
const AwaitsImport = () => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const begin = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('chain:begin', {});
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) node.store.setState({ chain: reply.value });
  };
  return (
    <Panel>
      <Empty
        icon={<IconCube size={22} stroke={1.75} />}
        title="Is there a chain to import?"
        action={
          <Button
            variant="default"
            loading={busy}
            onClick={() =>
              confirm({
                title: 'Begin a new chain?',
                children: (
                  <p>
                    The chain that this identity made before cannot be imported into this folder any more: two chains
                    never become one again.
                  </p>
                ),
                confirmLabel: 'Begin a new chain',
                onConfirm: () => void begin(),
              })
            }
          >
            There is none: begin a new one …
          </Button>
        }
      >
        The identity was not created in this folder, and its blocks are not here. Put a chain file that you have
        exported into the transfer folder and import it below: new blocks then follow it. Until you have decided,
        nothing is proved.
      </Empty>
      {error !== null && <ErrorNote title="No chain was begun" error={error} />}
    </Panel>
  );
};

const NoChain = () => {
  const status = useNode((state) => state.identity?.status);
  return (
    <Panel>
      {status === 'none' ? (
        <Empty
          icon={<IconCube size={22} stroke={1.75} />}
          title="No block yet"
          action={
            <Button component="a" href={identityHref}>
              Create an identity
            </Button>
          }
        >
          Blocks keep what was proved on this machine, each sealed and joined to the one before, so that nothing can be
          changed later without a trace. They are signed with keys of your own: create an identity and the first one is
          written.
        </Empty>
      ) : (
        <Empty icon={<IconCube size={22} stroke={1.75} />} title="No block yet">
          The first block is written by itself as soon as the keys are unlocked and the hardware is known. After that,
          one is added whenever something was proved.
        </Empty>
      )}
    </Panel>
  );
};

const Chain = ({ head, asset }: { head: ChainHead & { height: number }; asset: string | null }) => {
  const status = useNode((state) => state.identity?.status);
  const { events, error } = useAssetChain(asset);
  const marked = useMemo(() => new Set(events?.map(({ height }) => height)), [events]);
  return (
    <>
      {head.blocked !== null && (
        <Note
          tone="warning"
          icon={<IconLock size={18} aria-hidden className="hm-note-icon" />}
          title="No block can be added now"
          action={
            status === 'locked' || status === 'none' ? (
              <Button component="a" href={identityHref} size="compact-sm" variant="default">
                {status === 'locked' ? 'Unlock' : 'Create an identity'}
              </Button>
            ) : undefined
          }
        >
          <p>{sentence(head.blocked)}</p>
        </Note>
      )}
      <Panel
        title="The chain"
        hint="Newest on the left. Each block names the hash of the one before. Arrow keys move between blocks, Enter opens one."
      >
        <Head head={head} />
        <ChainDrawing head={head} marked={marked} />
      </Panel>
      <AssetChain asset={asset} events={events} error={error} />
      <VerificationPanel />
      <TransferPanel head={head} />
      <PrunePanel head={head} />
    </>
  );
};

/** The chain as a drawing with all that can be done with it, or one block of it taken apart. */
export const BlocksPage = ({ part }: { part: string | null }) => {
  const head = useNode((state) => state.chain);
  const identity = useNode((state) => state.identity);
  if (part !== null && /^\d{1,15}$/.test(part)) return <BlockDetail key={part} height={Number(part)} />;
  return (
    <>
      <PageHeader title="Blocks">
        What was proved on this machine, in the order in which it happened. Sealed: only this node can read it.
      </PageHeader>
      {head === null ? (
        <Loading what="the chain" />
      ) : head.height === null ? (
        <>
          {head.awaitsImport ? <AwaitsImport /> : <NoChain />}
          {identity !== null && identity.status !== 'none' && <TransferPanel head={head} />}
        </>
      ) : (
        <Chain head={{ ...head, height: head.height }} asset={part} />
      )}
    </>
  );
};
