import { Button, Select, TextInput } from '@mantine/core';
import { IconAddressBook, IconX } from '@tabler/icons-react';
import { useCallback, useEffect, useState } from 'react';
import type { CallError, GroupView, PeerView } from '../../../preload/contract/index.ts';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { Empty, Panel } from '../../components/layout.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { peerTitle } from '../network/network-text.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const OWN = 'own';

const AddDialog = ({ groups, onClose, onDone }: { groups: readonly GroupView[]; onClose(): void; onDone(): void }) => {
  const node = useNodeAccess();
  const [peers, setPeers] = useState<readonly PeerView[]>([]);
  const [group, setGroup] = useState(groups[0]?.name ?? OWN);
  const [peer, setPeer] = useState<string | null>(null);
  useEffect(() => {
    void node.ask('network:peers', {}).then((reply) => reply.ok && setPeers(reply.value.peers));
  }, [node]);
  const wrong = !NAME.test(group.trim());
  return (
    <FormDialog
      title="Put a peer into a group"
      label="Add"
      disabled={wrong || peer === null}
      onClose={onClose}
      send={() => node.ask('groups:add', { group: group.trim(), peer: peer ?? '' })}
      onDone={onDone}
    >
      <Select
        label="Peer"
        data={peers.map((entry) => ({ value: entry.peerId, label: peerTitle(entry) }))}
        value={peer}
        onChange={setPeer}
        searchable
        nothingFoundMessage="No peer of that name; see the Network page"
        data-autofocus
      />
      <TextInput
        label="Group"
        description="Small letters, digits and hyphens. own: your other nodes, which may use everything that you lend."
        value={group}
        maxLength={32}
        error={group !== '' && wrong ? 'Small letters, digits and hyphens only' : null}
        onChange={(event) => setGroup(event.currentTarget.value)}
      />
    </FormDialog>
  );
};

/** Groups of peers that privacy levels and tunnels can name. */
export const GroupsPanel = () => {
  const node = useNodeAccess();
  const [groups, setGroups] = useState<readonly GroupView[]>([]);
  const [error, setError] = useState<CallError | null>(null);
  const [adding, setAdding] = useState(false);
  const read = useCallback(async (): Promise<void> => {
    const reply = await node.ask('groups:list', {});
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setGroups(reply.value.groups);
  }, [node]);
  useEffect(() => void read(), [read]);
  const remove = async (group: string, peer: string): Promise<void> => {
    const reply = await node.ask('groups:remove', { group, peer });
    if (!reply.ok) showError('It was not taken out', reply.error);
    await read();
  };
  const filled = groups.filter(({ peers }) => peers.length > 0);
  return (
    <Panel
      title="Address book"
      hint="Groups of peers. A privacy level names one as @friends; own are your other nodes."
      actions={
        <Button variant="default" onClick={() => setAdding(true)}>
          Add a peer …
        </Button>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {filled.length === 0 && error === null && (
        <Empty icon={<IconAddressBook size={22} stroke={1.75} />} title="No groups yet">
          Put your other nodes into own, and friends into a group of their own.
        </Empty>
      )}
      {filled.length > 0 && (
        <ul className="hm-lend-list">
          {filled.map((group) => (
            <li key={group.name}>
              <h3>{group.name === OWN ? 'own' : `@${group.name}`}</h3>
              <ul className="hm-group-members" aria-label={`Peers in ${group.name}`}>
                {group.peers.map((peer) => (
                  <li key={peer.peerId}>
                    <span>{peerTitle(peer)}</span>
                    <button
                      type="button"
                      aria-label={`Take ${peerTitle(peer)} out of ${group.name}`}
                      onClick={() => void remove(group.name, peer.peerId)}
                    >
                      <IconX size={14} aria-hidden />
                    </button>
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
      )}
      {adding && <AddDialog groups={filled} onClose={() => setAdding(false)} onDone={() => void read()} />}
    </Panel>
  );
};
