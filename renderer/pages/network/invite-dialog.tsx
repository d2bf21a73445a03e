import { Button, Modal, Select } from '@mantine/core';
import { useState } from 'react';
import type { CallError, InviteView, PrivateNetworkView } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { CopyButton } from '../../components/short-hash.tsx';
import { dateTimeText } from '../../components/time-text.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { QrCode } from '../../components/qr-code.tsx';

const SPANS = [
  { value: '1', label: '1 hour' },
  { value: '24', label: '1 day' },
  { value: '168', label: '1 week' },
  { value: '720', label: '30 days' },
];
const NONE = '';

/** Asks what the invite is for, then shows it as a link and as a code for a camera. */
export const InviteDialog = ({
  networks,
  network,
  onClose,
}: {
  networks: readonly PrivateNetworkView[];
  /** Chosen at first: a private network's name, or empty for this node alone. */
  network: string;
  onClose(): void;
}) => {
  const node = useNodeAccess();
  const [chosen, setChosen] = useState(network);
  const [hours, setHours] = useState('24');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const [invite, setInvite] = useState<InviteView | null>(null);
  const make = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('network:invite', { network: chosen, hours: Number(hours) });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setInvite(reply.value);
  };
  return (
    <Modal opened onClose={onClose} title="Invite another node" centered closeButtonProps={{ 'aria-label': 'Close' }}>
      {invite === null ? (
        <div className="hm-stack">
          <Select
            label="Leads to"
            data={[
              { value: NONE, label: 'This node' },
              ...networks.map(({ name }) => ({ value: name, label: `Private network ${name}` })),
            ]}
            value={chosen}
            allowDeselect={false}
            data-autofocus
            onChange={(value) => setChosen(value ?? NONE)}
          />
          <Select
            label="Good for"
            data={SPANS}
            value={hours}
            allowDeselect={false}
            onChange={(value) => setHours(value ?? '24')}
          />
          {error !== null && <ErrorNote error={error} />}
          <div className="hm-row hm-dialog-actions">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={busy} onClick={() => void make()}>
              Make the invite
            </Button>
          </div>
        </div>
      ) : (
        <div className="hm-stack hm-invite">
          <QrCode rows={invite.qr} text="The invite as a QR code" />
          <p className="hm-dim">
            {invite.network === 'public'
              ? 'Whoever has this link can connect to this node'
              : `Whoever has this link can enter the private network ${invite.networkName}`}
            {' until '}
            {dateTimeText(invite.expiresAtMs)}. Send it only to whom you mean.
          </p>
          <div className="hm-invite-link">
            <code>{invite.link}</code>
            <CopyButton text={invite.link} what="the invite" />
          </div>
          <div className="hm-row hm-dialog-actions">
            <Button data-autofocus onClick={onClose}>
              Done
            </Button>
          </div>
        </div>
      )}
    </Modal>
  );
};
