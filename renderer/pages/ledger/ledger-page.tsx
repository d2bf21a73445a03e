import { Button } from '@mantine/core';
import { IconBook2, IconPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { LedgerSummary } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote, showDone, showError } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { Progress } from '../../components/progress.tsx';
import { shortHash } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useTold } from '../../components/use-told.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { CreateNetwork } from './create-network.tsx';
import { JoinPanel } from './join-panel.tsx';
import { countText, partOf, syncText } from './ledger-text.ts';
import { NetworkDetail } from './network-detail.tsx';
import { NetworkTags } from './network-tags.tsx';
import './ledger.css';

const NetworkLine = ({ network, onUse }: { network: LedgerSummary; onUse(): void }) => {
  const { text, percent } = syncText(network);
  return (
    <li>
      <IconBook2 size={20} stroke={1.75} aria-hidden />
      <div className="hm-grow">
        <h3 className="hm-row hm-network-name">
          <a href={hrefOf('ledger', network.id)}>{network.name}</a>
          <NetworkTags network={network} />
        </h3>
        <p className="hm-small hm-dim">
          Block {network.height.toLocaleString('en')}
          {network.timeMs !== null && (
            <>
              , <Age atMs={network.timeMs} />
            </>
          )}
          {`; ${countText(network.validators, 'validator')}, ${countText(network.peers, 'peer')} connected. ${text}. `}
          <code title={network.id}>{shortHash(network.id)}</code>
        </p>
        {percent !== null && <Progress label={`Progress of ${network.name}`} percent={percent} text={text} />}
        {network.halted !== null && <p className="hm-small hm-ledger-problem">{sentence(network.halted)}</p>}
      </div>
      {!network.current && (
        <Button size="compact-sm" variant="default" onClick={onUse}>
          Use<span className="hm-sr"> {network.name} for leases and the wallet</span>
        </Button>
      )}
      <Button size="compact-sm" variant="default" component="a" href={hrefOf('ledger', network.id)}>
        Open<span className="hm-sr"> {network.name}</span>
      </Button>
    </li>
  );
};

const Networks = () => {
  const node = useNodeAccess();
  const identity = useNode((state) => state.identity?.status);
  const told = useTold('ledgers:list', {}, 'ledgers', (_, news) => news);
  const use = async (network: LedgerSummary): Promise<void> => {
    const reply = await node.ask('ledgers:use', { ledger: network.id });
    if (!reply.ok) {
      showError(`${network.name} is not used`, reply.error);
      return;
    }
    showDone(`Leases are settled on ${network.name} from now on, and the wallet shows it.`);
    const list = await node.ask('ledgers:list', {});
    if (list.ok) told.set(list.value);
  };
  let body: ReactNode;
  if (told.value === null)
    body =
      told.error === null ? (
        <Loading what="the networks" />
      ) : (
        <ErrorNote title="The networks could not be read" error={told.error} />
      );
  else if (told.value.ledgers.length === 0)
    body = (
      <Empty
        icon={<IconBook2 size={22} stroke={1.75} />}
        title="No network yet"
        action={
          identity === 'none' ? (
            <Button component="a" href={hrefOf('settings', 'identity')}>
              Create an identity
            </Button>
          ) : undefined
        }
      >
        Every identity begins with a home network of its own, with this node as its only validator. It is made together
        with the identity.
      </Empty>
    );
  else
    body = (
      <ul className="hm-networks">
        {told.value.ledgers.map((network) => (
          <NetworkLine key={network.id} network={network} onUse={() => void use(network)} />
        ))}
      </ul>
    );
  return (
    <>
      <PageHeader
        title="Ledger"
        actions={
          <Button
            component="a"
            href={hrefOf('ledger', 'new')}
            variant="default"
            leftSection={<IconPlus size={16} aria-hidden />}
          >
            Found a network
          </Button>
        }
      >
        What the members of a network agree on: accounts, settled leases, stakes, validators and rules.
      </PageHeader>
      <Panel title="Networks" hint="Leases are settled on the current one, and the wallet shows it.">
        {body}
      </Panel>
      <JoinPanel
        onJoined={(network) => {
          const before = told.value?.ledgers ?? [];
          told.set({
            ledgers: [
              ...before
                .filter(({ id }) => id !== network.id)
                .map((other) => ({ ...other, current: network.current ? false : other.current })),
              network,
            ],
          });
        }}
      />
    </>
  );
};

/** Networks whose ledger this node follows, one of them taken apart, or a new one founded. */
export const LedgerPage = ({ part }: { part: string | null }) => {
  if (part === null) return <Networks />;
  if (part === 'new') return <CreateNetwork />;
  const { ledger, height } = partOf(part);
  return <NetworkDetail key={ledger} ledger={ledger} block={height} />;
};
