import { ActionIcon, Menu } from '@mantine/core';
import {
  IconBan,
  IconDots,
  IconHeartHandshake,
  IconPlugConnected,
  IconPlugConnectedX,
  IconRestore,
  IconTrash,
} from '@tabler/icons-react';
import { useState } from 'react';
import type { PeerView } from '../../../preload/contract/index.ts';
import { confirm } from '../../components/confirm.tsx';
import { showDone, showError } from '../../components/error-note.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { peerTitle } from './network-text.ts';
import { BanDialog, TrustDialog } from './peer-dialogs.tsx';

/** What can be done with one peer, behind one button; its dialogs come with it. */
export const PeerActions = ({ peer, onForgotten }: { peer: PeerView; onForgotten?: () => void }) => {
  const node = useNodeAccess();
  const [open, setOpen] = useState<'trust' | 'ban' | null>(null);
  const title = peerTitle(peer);
  const connect = async (): Promise<void> => {
    const reply = await node.ask('network:connect', { peer: peer.peerId });
    if (reply.ok) showDone(`Connected to ${title}.`);
    else showError(`${title} was not reached`, reply.error);
  };
  const disconnect = async (): Promise<void> => {
    const reply = await node.ask('network:disconnect', { peer: peer.peerId });
    if (!reply.ok) showError(`${title} was not disconnected`, reply.error);
  };
  const unban = async (): Promise<void> => {
    const reply = await node.ask('network:unban', { peer: peer.peerId });
    if (reply.ok) showDone(`The ban of ${title} is lifted.`);
    else showError('The ban was not lifted', reply.error);
  };
  const forget = async (): Promise<void> => {
    const reply = await node.ask('network:forget', { peer: peer.peerId });
    if (!reply.ok) showError(`${title} was not forgotten`, reply.error);
    else onForgotten?.();
  };
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${title}`}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconHeartHandshake size={16} aria-hidden />} onClick={() => setOpen('trust')}>
            Name and trust …
          </Menu.Item>
          {peer.connected ? (
            <Menu.Item leftSection={<IconPlugConnectedX size={16} aria-hidden />} onClick={() => void disconnect()}>
              Disconnect
            </Menu.Item>
          ) : (
            peer.ban === null && (
              <Menu.Item leftSection={<IconPlugConnected size={16} aria-hidden />} onClick={() => void connect()}>
                Connect
              </Menu.Item>
            )
          )}
          {peer.ban === null ? (
            <Menu.Item color="red" leftSection={<IconBan size={16} aria-hidden />} onClick={() => setOpen('ban')}>
              Ban …
            </Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconRestore size={16} aria-hidden />} onClick={() => void unban()}>
              Lift the ban
            </Menu.Item>
          )}
          <Menu.Item
            color="red"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() =>
              confirm({
                title: `Forget ${title}?`,
                children:
                  'Its name, its addresses and its standing are deleted and its connection is closed. It may come back as a stranger.',
                confirmLabel: 'Forget',
                onConfirm: () => void forget(),
              })
            }
          >
            Forget …
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === 'trust' && <TrustDialog peer={peer} onClose={() => setOpen(null)} />}
      {open === 'ban' && <BanDialog peer={peer} onClose={() => setOpen(null)} />}
    </>
  );
};
