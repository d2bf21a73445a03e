import { Button, PasswordInput, Switch, TextInput } from '@mantine/core';
import { IconLockSquareRounded, IconUserPlus } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { CallError, PrivateNetworkView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, showDone, showError } from '../../components/error-note.tsx';
import { Empty, Panel } from '../../components/layout.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

const NAME_LENGTH_MAX = 64;
/** What the contract takes. */
const SECRET_LENGTH_MIN = 12;
const SECRET_LENGTH_MAX = 256;

const CreateForm = ({ onDone }: { onDone(): void }) => {
  const node = useNodeAccess();
  const [name, setName] = useState('');
  const [secret, setSecret] = useState('');
  const [byInvite, setByInvite] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const ready = name.trim() !== '' && (byInvite || secret.length >= SECRET_LENGTH_MIN);
  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    const reply = await node.ask('network:create', { name: name.trim(), secret: byInvite ? null : secret });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    showDone(`The private network ${reply.value.name} is there. Invite other nodes into it.`);
    onDone();
  };
  return (
    <form className="hm-private-form" onSubmit={(event) => void create(event)}>
      <TextInput
        label="Name"
        value={name}
        maxLength={NAME_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Switch
        label="By invite only"
        description="The secret is made here and only invites carry it. Otherwise, who knows name and secret is in."
        checked={byInvite}
        onChange={(event) => setByInvite(event.currentTarget.checked)}
      />
      {!byInvite && (
        <PasswordInput
          label="Secret"
          description={`At least ${SECRET_LENGTH_MIN} characters; the same on every node.`}
          value={secret}
          maxLength={SECRET_LENGTH_MAX}
          autoComplete="off"
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
      )}
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-row">
        <Button type="submit" loading={busy} disabled={!ready}>
          {byInvite ? 'Create' : 'Create or join'}
        </Button>
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
      </div>
    </form>
  );
};

/** Groups of nodes that others cannot see: found by name and secret, or by invite. */
export const PrivateNetworks = ({
  networks,
  onInvite,
}: {
  networks: readonly PrivateNetworkView[];
  onInvite(network: string): void;
}) => {
  const node = useNodeAccess();
  const [creating, setCreating] = useState(false);
  const leave = async (network: PrivateNetworkView): Promise<void> => {
    const reply = await node.ask('network:leave', { network: network.id });
    if (reply.ok) showDone(`Left the private network ${network.name}.`);
    else showError('The network was not left', reply.error);
  };
  return (
    <Panel
      title="Private networks"
      hint="Nodes in one find each other; to all others it does not exist."
      actions={
        !creating && networks.length > 0 ? (
          <Button variant="default" onClick={() => setCreating(true)}>
            New …
          </Button>
        ) : undefined
      }
    >
      {creating ? (
        <CreateForm onDone={() => setCreating(false)} />
      ) : (
        networks.length === 0 && (
          <Empty
            icon={<IconLockSquareRounded size={22} stroke={1.75} />}
            title="None yet"
            action={
              <Button variant="light" onClick={() => setCreating(true)}>
                Make a private network …
              </Button>
            }
          >
            For the machines of a household or of a group of friends: who is in must prove it before anything is said.
          </Empty>
        )
      )}
      {networks.length > 0 && (
        <ul className="hm-private-list">
          {networks.map((network) => (
            <li key={network.id}>
              <IconLockSquareRounded size={20} stroke={1.75} aria-hidden />
              <div className="hm-grow">
                <h3>{network.name}</h3>
                <p className="hm-small hm-dim">
                  {network.peers === 0
                    ? 'nobody else is connected'
                    : network.peers === 1
                      ? '1 peer connected'
                      : `${network.peers} peers connected`}
                  {', joined '}
                  <Age atMs={network.joinedAtMs} />
                </p>
              </div>
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconUserPlus size={14} aria-hidden />}
                onClick={() => onInvite(network.name)}
              >
                Invite …<span className="hm-sr"> into {network.name}</span>
              </Button>
              <Button
                size="compact-sm"
                variant="subtle"
                color="red"
                onClick={() =>
                  confirm({
                    title: `Leave ${network.name}?`,
                    children: 'Its secret is deleted here. To come back you need the secret or another invite.',
                    confirmLabel: 'Leave',
                    onConfirm: () => void leave(network),
                  })
                }
              >
                Leave …<span className="hm-sr"> {network.name}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
};
