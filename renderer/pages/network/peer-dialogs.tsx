import { NumberInput, SegmentedControl, Switch, TextInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { PeerView } from '../../../preload/contract/index.ts';
import { showDone } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { peerTitle } from './network-text.ts';

const NAME_LENGTH_MAX = 64;
const REASON_LENGTH_MAX = 200;
/** What the contract takes. */
const LINK_LENGTH_MAX = 4096;
const ADDRESS_LENGTH_MAX = 512;
const MINUTES_MAX = 525_600;

export const AddPeerDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [address, setAddress] = useState('');
  const [name, setName] = useState('');
  return (
    <FormDialog
      title="Add a peer"
      label="Connect"
      disabled={address.trim() === ''}
      onClose={onClose}
      send={() => node.ask('network:add', { address: address.trim(), name: name.trim() })}
      onDone={(peer) => showDone(`Connected to ${peerTitle(peer)}.`)}
    >
      <Textarea
        label="Address"
        description="Ends in /p2p/ and the peer id. The other node shows its addresses on its own Network page."
        placeholder="/ip6/2001:db8::7/udp/4001/quic-v1/p2p/12D3KooW…"
        value={address}
        maxLength={ADDRESS_LENGTH_MAX}
        autosize
        minRows={2}
        data-autofocus
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <TextInput
        label="Name"
        description="Your own word for it, if you like. Only this node sees it."
        value={name}
        maxLength={NAME_LENGTH_MAX}
        onChange={(event) => setName(event.currentTarget.value)}
      />
    </FormDialog>
  );
};

export const JoinDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [link, setLink] = useState('');
  return (
    <FormDialog
      title="Join by an invite"
      label="Join"
      disabled={link.trim() === ''}
      onClose={onClose}
      send={() => node.ask('network:join', { link: link.trim() })}
      onDone={({ network, peer, problem }) => {
        const joined = network === null ? '' : `Joined the private network ${network.name}. `;
        showDone(problem ?? `${joined}${peer === null ? '' : `Connected to ${peerTitle(peer)}.`}`);
      }}
    >
      <Textarea
        label="Invite"
        description="A link that begins with hypermesh:join/. Follow it only if you know who sent it: it connects you to them."
        placeholder="hypermesh:join/…"
        value={link}
        maxLength={LINK_LENGTH_MAX}
        autosize
        minRows={3}
        maxRows={8}
        data-autofocus
        onChange={(event) => setLink(event.currentTarget.value)}
      />
    </FormDialog>
  );
};

export const TrustDialog = ({ peer, onClose }: { peer: PeerView; onClose(): void }) => {
  const node = useNodeAccess();
  const [name, setName] = useState(peer.name);
  const [trusted, setTrusted] = useState(true);
  return (
    <FormDialog
      title={`Name and trust ${peerTitle(peer)}`}
      label="Save"
      disabled={trusted && name.trim() === ''}
      onClose={onClose}
      send={() => node.ask('network:trust', { peer: peer.peerId, name: name.trim(), trusted })}
      onDone={(saved) =>
        showDone(saved.trusted ? `${peerTitle(saved)} is trusted.` : `${peerTitle(saved)} is not trusted.`)
      }
    >
      <TextInput
        label="Name"
        description="You trust a peer by a name, so that you know it again."
        value={name}
        maxLength={NAME_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Switch
        label="Trusted"
        description="Kept connected, dialled first, and never pushed out for others. It gets no right to your hardware by this."
        checked={trusted}
        onChange={(event) => setTrusted(event.currentTarget.checked)}
      />
    </FormDialog>
  );
};

export const BanDialog = ({ peer, onClose }: { peer: PeerView; onClose(): void }) => {
  const node = useNodeAccess();
  const [span, setSpan] = useState<'time' | 'good'>('good');
  const [minutes, setMinutes] = useState<number | string>(60);
  const [reason, setReason] = useState('');
  const wrong =
    span === 'time' && !(Number.isInteger(Number(minutes)) && Number(minutes) >= 1 && Number(minutes) <= MINUTES_MAX);
  return (
    <FormDialog
      title={`Ban ${peerTitle(peer)}?`}
      label="Ban"
      disabled={wrong}
      onClose={onClose}
      send={() =>
        node.ask('network:ban', {
          peer: peer.peerId,
          minutes: span === 'good' ? null : Number(minutes),
          ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        })
      }
      onDone={() => showDone(`${peerTitle(peer)} is banned and its connection closed.`)}
    >
      <p className="hm-dim">
        Its connection is closed and it is not let in again. Only this node does so; others decide for themselves.
      </p>
      <SegmentedControl
        aria-label="How long"
        data={[
          { value: 'good', label: 'Until lifted' },
          { value: 'time', label: 'For a time' },
        ]}
        value={span}
        onChange={(value) => setSpan(value)}
      />
      {span === 'time' && (
        <NumberInput
          label="Minutes"
          value={minutes}
          min={1}
          max={MINUTES_MAX}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setMinutes}
          suffix=" min"
        />
      )}
      <TextInput
        label="Reason"
        description="For yourself, to know later."
        value={reason}
        maxLength={REASON_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </FormDialog>
  );
};
