import { Button } from '@mantine/core';
import { IconAlertTriangle, IconArrowLeft, IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import type { LedgerView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, Note, showDone, showError } from '../../components/error-note.tsx';
import { saveFile } from '../../components/files.ts';
import { Fact, Facts, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { goTo, hrefOf } from '../../state/route.ts';
import { BlockSheet } from './block-sheet.tsx';
import { BlocksPanel } from './blocks-panel.tsx';
import { EconomyPanel } from './economy-panel.tsx';
import { countText, syncText } from './ledger-text.ts';
import { MembersPanel } from './members-panel.tsx';
import { NetworkTags } from './network-tags.tsx';
import { ParametersPanel } from './parameters-panel.tsx';
import { ValidatePanel } from './validate-panel.tsx';
import { EvidencePanel, ValidatorsPanel } from './validators-panel.tsx';
import { useLedger } from './use-ledger.ts';

const STEPS: Record<LedgerView['step'], string> = {
  waiting: 'waiting for work',
  propose: 'a block is being proposed',
  prevote: 'first votes',
  precommit: 'second votes',
  commit: 'writing the block',
};

const Head = ({ view }: { view: LedgerView }) => {
  const { text, percent } = syncText(view);
  return (
    <Panel title="Where it is">
      <div className="hm-stack">
        {percent !== null && (
          <div className="hm-stack-tight">
            <p className="hm-small">{text}</p>
            <Progress label="Progress" percent={percent} text={text} />
          </div>
        )}
        <Facts>
          <Fact name="Newest block">
            {view.height.toLocaleString('en')}
            {view.timeMs !== null && (
              <>
                , <Age atMs={view.timeMs} />
              </>
            )}
          </Fact>
          <Fact name="Its hash">
            {view.hash === null ? 'none yet' : <ShortHash value={view.hash} what="the hash of the newest block" />}
          </Fact>
          <Fact name="Now">
            {STEPS[view.step]}
            {view.round > 0 && `, round ${view.round}`}
          </Fact>
          <Fact name="Follows">{text}</Fact>
          <Fact name="Waiting">
            {countText(view.waitingTransactions, 'transaction')}, {bytesText(view.waitingBytes)}
          </Fact>
          <Fact name="Connected">
            {countText(view.validators, 'validator')} in all, {countText(view.peers, 'peer')} here
          </Fact>
          <Fact name="Id">
            <ShortHash value={view.id} what="the id of the network" />
          </Fact>
        </Facts>
      </div>
    </Panel>
  );
};

const Actions = ({ view }: { view: LedgerView }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState<'file' | 'use' | 'leave' | null>(null);
  const file = async (): Promise<void> => {
    setBusy('file');
    const reply = await node.ask('ledgers:genesis', { ledger: view.id });
    setBusy(null);
    if (reply.ok) saveFile(reply.value.fileName, reply.value.genesis);
    else showError('The genesis file was not saved', reply.error);
  };
  const use = async (): Promise<void> => {
    setBusy('use');
    const reply = await node.ask('ledgers:use', { ledger: view.id });
    setBusy(null);
    if (reply.ok) showDone(`Leases are settled on ${view.name} from now on, and the wallet shows it.`);
    else showError(`${view.name} is not used`, reply.error);
  };
  const leave = async (): Promise<void> => {
    setBusy('leave');
    const reply = await node.ask('ledgers:leave', { ledger: view.id });
    setBusy(null);
    if (!reply.ok) {
      showError(`${view.name} was not left`, reply.error);
      return;
    }
    showDone(`This node follows ${view.name} no longer.`);
    goTo('ledger');
  };
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconDownload size={16} aria-hidden />}
        loading={busy === 'file'}
        onClick={() => void file()}
      >
        Genesis file
      </Button>
      {!view.current && (
        <Button variant="default" loading={busy === 'use'} onClick={() => void use()}>
          Use this network
        </Button>
      )}
      {!view.home && (
        <Button
          variant="default"
          className="hm-stop"
          loading={busy === 'leave'}
          onClick={() =>
            confirm({
              title: `Leave ${view.name}?`,
              children:
                'Its ledger is deleted here. What your accounts have there stays theirs, and the genesis file brings you back.',
              confirmLabel: 'Leave',
              onConfirm: () => void leave(),
            })
          }
        >
          Leave …
        </Button>
      )}
    </>
  );
};

/** One network with all that its keeper needs, and one of its blocks at the side where one is open. */
export const NetworkDetail = ({ ledger, block }: { ledger: string; block: number | null }) => {
  const { view, blocks, hasOlder, error, older } = useLedger(ledger);
  return (
    <>
      <a className="hm-back" href={hrefOf('ledger')}>
        <IconArrowLeft size={16} aria-hidden /> Ledger
      </a>
      <PageHeader title={view?.name ?? 'A network'} actions={view === null ? undefined : <Actions view={view} />}>
        {view === null ? (
          'What its members agree on.'
        ) : (
          <span className="hm-row">
            What its members agree on. <NetworkTags network={view} />
          </span>
        )}
      </PageHeader>
      {error !== null && <ErrorNote title="The network could not be read" error={error} />}
      {view === null && error === null && <Loading what="the network" />}
      {view !== null && (
        <>
          {view.halted !== null && (
            <Note
              tone="warning"
              icon={<IconAlertTriangle size={18} aria-hidden className="hm-note-icon" />}
              title="It goes no further"
            >
              <p>{sentence(view.halted)}</p>
            </Note>
          )}
          <Head view={view} />
          <ValidatorsPanel view={view} />
          {/* The home network has this node alone: without it there would be none. */}
          {!view.home && <ValidatePanel view={view} />}
          <EvidencePanel view={view} />
          <MembersPanel view={view} />
          <EconomyPanel view={view} />
          <ParametersPanel view={view} />
          <BlocksPanel ledger={view.id} blocks={blocks} hasOlder={hasOlder} onOlder={older} />
        </>
      )}
      {block !== null && (
        <BlockSheet key={block} ledger={ledger} height={block} onClose={() => goTo('ledger', ledger)} />
      )}
    </>
  );
};
