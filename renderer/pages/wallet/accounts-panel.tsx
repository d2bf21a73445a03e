import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import type { WalletAccount, WalletView } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { Age } from '../../components/age.tsx';
import { Caes } from '../../components/caes.tsx';
import { confirm } from '../../components/confirm.tsx';
import { showDone, showError } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { Panel, Tag } from '../../components/layout.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

const NAME_LENGTH_MAX = 64;

const AddDialog = ({
  view,
  onDone,
  onClose,
}: {
  view: WalletView;
  onDone(view: WalletView): void;
  onClose(): void;
}) => {
  const node = useNodeAccess();
  const [kind, setKind] = useState<'own' | 'watch'>(view.status === 'unlocked' ? 'own' : 'watch');
  const [name, setName] = useState('');
  const [address, setAddress] = useState('');
  return (
    <FormDialog
      title="Add an account"
      label="Add"
      disabled={name.trim() === '' || (kind === 'watch' && address.trim() === '')}
      send={() =>
        node.ask('wallet:addAccount', {
          name: name.trim(),
          ...(kind === 'watch' ? { watch: address.trim().toLowerCase() } : {}),
        })
      }
      onDone={onDone}
      onClose={onClose}
    >
      <SegmentedControl
        aria-label="Whose account"
        value={kind}
        onChange={(value) => setKind(value)}
        data={[
          { value: 'own', label: 'My own', disabled: view.status !== 'unlocked' },
          { value: 'watch', label: 'One to watch' },
        ]}
      />
      <p className="hm-small hm-dim">
        {kind === 'own'
          ? 'The next account of the same 24 words. Nothing new to write down.'
          : 'Shows what an address has. Nothing can be sent from it here.'}
      </p>
      <TextInput
        label="Name"
        value={name}
        maxLength={NAME_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {kind === 'watch' && (
        <TextInput
          label="Address"
          placeholder="caes1…"
          value={address}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
      )}
    </FormDialog>
  );
};

const RenameDialog = ({
  account,
  onDone,
  onClose,
}: {
  account: WalletAccount;
  onDone(view: WalletView): void;
  onClose(): void;
}) => {
  const node = useNodeAccess();
  const [name, setName] = useState(account.name);
  return (
    <FormDialog
      title={`Rename ${account.name}`}
      label="Rename"
      disabled={name.trim() === '' || name.trim() === account.name}
      send={() => node.ask('wallet:rename', { account: account.address, name: name.trim() })}
      onDone={onDone}
      onClose={onClose}
    >
      <TextInput
        label="Name"
        value={name}
        maxLength={NAME_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  );
};

const AccountCard = ({
  account,
  onRename,
  onRemove,
}: {
  account: WalletAccount;
  onRename(): void;
  onRemove(): void;
}) => (
  <li className="hm-account" data-kind={account.kind}>
    <div className="hm-account-head">
      <div className="hm-grow">
        <h3>
          {account.name} {account.kind === 'watch' && <Tag>watched</Tag>}
        </h3>
        <Address address={account.address} name={account.name} />
      </div>
      <div className="hm-row">
        <Button size="compact-sm" variant="subtle" color="gray" onClick={onRename}>
          Rename …<span className="hm-sr"> {account.name}</span>
        </Button>
        {/* The node itself uses the first one: it stays. */}
        {account.index !== 0 && (
          <Button size="compact-sm" variant="subtle" color="red" className="hm-remove" onClick={onRemove}>
            Remove …<span className="hm-sr"> {account.name}</span>
          </Button>
        )}
      </div>
    </div>
    <dl className="hm-account-parts">
      <div>
        <dt>Available</dt>
        <dd>
          <strong>
            <Caes micro={account.availableMicro} />
          </strong>
        </dd>
      </div>
      <div>
        <dt>Escrowed</dt>
        <dd>
          <Caes micro={account.escrowedMicro} />
        </dd>
      </div>
      <div>
        <dt>Staked</dt>
        <dd>
          <Caes micro={account.stakedMicro} />
        </dd>
      </div>
      {account.unbondingMicro !== '0' && (
        <div>
          <dt>Leaving the stake</dt>
          <dd>
            <Caes micro={account.unbondingMicro} />
            {account.unbondedAtMs !== null && (
              <span className="hm-small hm-dim">
                the first is free <Age atMs={account.unbondedAtMs} />
              </span>
            )}
          </dd>
        </div>
      )}
      {account.incomingMicro !== '0' && (
        <div>
          <dt>Coming in</dt>
          <dd>
            <Caes micro={account.incomingMicro} />
          </dd>
        </div>
      )}
      {account.outgoingMicro !== '0' && (
        <div>
          <dt>Going out</dt>
          <dd>
            <Caes micro={account.outgoingMicro} />
          </dd>
        </div>
      )}
    </dl>
  </li>
);

/** Own accounts and watched ones, each with what it has. */
export const AccountsPanel = ({ view, onChanged }: { view: WalletView; onChanged(view: WalletView): void }) => {
  const node = useNodeAccess();
  const [adding, setAdding] = useState(false);
  const [renaming, setRenaming] = useState<WalletAccount | null>(null);
  const remove = async (account: WalletAccount): Promise<void> => {
    const reply = await node.ask('wallet:removeAccount', { account: account.address });
    if (!reply.ok) {
      showError('The account stays', reply.error);
      return;
    }
    onChanged(reply.value);
    showDone(`${account.name} is off the list.`);
  };
  return (
    <Panel
      title="Accounts"
      hint="Own ones come from the same 24 words; watched ones belong to somebody else or to another wallet."
      actions={
        <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
          Add …
        </Button>
      }
    >
      <ul className="hm-accounts">
        {view.accounts.map((account) => (
          <AccountCard
            key={account.address}
            account={account}
            onRename={() => setRenaming(account)}
            onRemove={() =>
              confirm({
                title: `Take ${account.name} off the list?`,
                children:
                  account.kind === 'own'
                    ? 'What it has stays on the ledger, and the 24 words bring it back.'
                    : 'It is only no longer watched.',
                confirmLabel: 'Remove',
                onConfirm: () => void remove(account),
              })
            }
          />
        ))}
      </ul>
      {adding && <AddDialog view={view} onDone={onChanged} onClose={() => setAdding(false)} />}
      {renaming !== null && <RenameDialog account={renaming} onDone={onChanged} onClose={() => setRenaming(null)} />}
    </Panel>
  );
};
