import { Button, Tabs } from '@mantine/core';
import { IconFingerprint, IconLock } from '@tabler/icons-react';
import { useState } from 'react';
import type { WalletView } from '../../../preload/contract/index.ts';
import { ErrorNote, Note, showDone, showError } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useTold } from '../../components/use-told.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { goTo, hrefOf } from '../../state/route.ts';
import { AccountsPanel } from './accounts-panel.tsx';
import { BalancePanel } from './balance-panel.tsx';
import { ContactsPanel } from './contacts-panel.tsx';
import { HistoryPanel } from './history-panel.tsx';
import { KeepingPanel } from './keeping-panel.tsx';
import { MessagesPanel } from './messages-panel.tsx';
import { ReceivePanel } from './receive-panel.tsx';
import { SendPanel } from './send-panel.tsx';
import { StakePanel } from './stake-panel.tsx';
import './wallet.css';

const identityHref = hrefOf('settings', 'identity');

const TABS = [
  { tab: 'accounts', label: 'Accounts' },
  { tab: 'send', label: 'Send' },
  { tab: 'receive', label: 'Receive' },
  { tab: 'stake', label: 'Stake' },
  { tab: 'history', label: 'History' },
  { tab: 'contacts', label: 'Address book' },
  { tab: 'messages', label: 'Messages' },
  { tab: 'keeping', label: 'Lock and backup' },
] as const;
type Tab = (typeof TABS)[number]['tab'];

const NoIdentity = () => (
  <Panel>
    <Empty
      icon={<IconFingerprint size={22} stroke={1.75} />}
      title="A wallet comes with an identity"
      action={
        <Button component="a" href={identityHref}>
          Create an identity
        </Button>
      }
    >
      The accounts of this wallet are made from the 24 words of your identity, and so are their keys. Create one, or
      restore one from its words: the accounts are there at once, and what they have stands on the network’s ledger.
    </Empty>
  </Panel>
);

/** Where nothing can be signed, why, and where to change that. */
const Locked = ({ view }: { view: WalletView }) => (
  <Note
    tone="warning"
    icon={<IconLock size={18} aria-hidden className="hm-note-icon" />}
    title={view.status === 'locked' ? 'Locked: nothing can be signed' : 'Nothing can be signed now'}
    action={
      view.status === 'locked' ? (
        <Button component="a" href={identityHref} size="compact-sm" variant="default">
          Unlock
        </Button>
      ) : undefined
    }
  >
    <p>{sentence(view.reason ?? 'The keys of this wallet are locked; unlock them with their passphrase')}</p>
  </Note>
);

const Head = ({ view }: { view: WalletView | null }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const lock = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('identity:lock', {});
    setBusy(false);
    if (reply.ok) showDone('The wallet is locked. Its balances can still be seen.');
    else showError('The wallet was not locked', reply.error);
  };
  return (
    <PageHeader
      title="Wallet"
      actions={
        view?.status === 'unlocked' ? (
          <Button
            variant="default"
            leftSection={<IconLock size={16} aria-hidden />}
            loading={busy}
            onClick={() => void lock()}
          >
            Lock now
          </Button>
        ) : undefined
      }
    >
      Your accounts on the network’s ledger. Keys stay in the node: this page sees none of them.
    </PageHeader>
  );
};

interface ShownProps {
  tab: Tab;
  view: WalletView;
  /** What stands in the field of whom to send to. */
  sendTo: string;
  onChanged(view: WalletView): void;
  onSend(name: string): void;
}

const Shown = ({ tab, view, sendTo, onChanged, onSend }: ShownProps) => {
  switch (tab) {
    case 'accounts':
      return (
        <>
          <BalancePanel view={view} ledger={view.ledger} />
          <AccountsPanel view={view} onChanged={onChanged} />
        </>
      );
    case 'send':
      return <SendPanel view={view} to={sendTo} />;
    case 'receive':
      return <ReceivePanel view={view} />;
    case 'stake':
      return <StakePanel view={view} />;
    case 'history':
      return <HistoryPanel view={view} />;
    case 'contacts':
      return <ContactsPanel onSend={onSend} />;
    case 'messages':
      return <MessagesPanel view={view} />;
    case 'keeping':
      return <KeepingPanel view={view} onChanged={onChanged} />;
  }
};

/** Accounts and all that can be done with them. */
export const WalletPage = ({ part }: { part: string | null }) => {
  const wallet = useTold('wallet:get', {}, 'wallet', (_, news) => news);
  const identity = useNode((state) => state.identity?.status);
  const [sendTo, setSendTo] = useState('');
  const shown: Tab = TABS.find(({ tab }) => tab === part)?.tab ?? 'accounts';
  const view = wallet.value;
  if (view === null) {
    return (
      <>
        <Head view={null} />
        {wallet.error === null ? (
          <Loading what="the wallet" />
        ) : (
          <ErrorNote title="The wallet could not be read" error={wallet.error} />
        )}
      </>
    );
  }
  if (view.ledger === null || (view.status === 'none' && view.accounts.length === 0)) {
    return (
      <>
        <Head view={view} />
        <NoIdentity />
      </>
    );
  }
  return (
    <>
      <Head view={view} />
      {(view.status === 'locked' || identity === 'locked' || view.reason !== null) && <Locked view={view} />}
      <Tabs
        value={shown}
        keepMounted={false}
        onChange={(tab) => {
          setSendTo('');
          goTo('wallet', tab === null || tab === 'accounts' ? undefined : tab);
        }}
      >
        <Tabs.List aria-label="Parts of the wallet">
          {TABS.map(({ tab, label }) => (
            <Tabs.Tab key={tab} value={tab}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(({ tab }) => (
          <Tabs.Panel key={tab} value={tab} className="hm-wallet-tab">
            {tab === shown && (
              <Shown
                tab={tab}
                view={view}
                sendTo={sendTo}
                onChanged={wallet.set}
                onSend={(name) => {
                  setSendTo(name);
                  goTo('wallet', 'send');
                }}
              />
            )}
          </Tabs.Panel>
        ))}
      </Tabs>
    </>
  );
};
