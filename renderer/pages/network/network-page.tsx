import { Button } from '@mantine/core';
import {
  IconLock,
  IconPlugConnectedX,
  IconPlus,
  IconQrcode,
  IconTopologyStar3,
  IconUserPlus,
} from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import type { NetworkState, PeerView } from '../../../preload/contract/index.ts';
import { Note, showError } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { ToldText } from '../../components/told-text.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { InviteDialog } from './invite-dialog.tsx';
import { NetworkSettingsPanel } from './network-settings.tsx';
import { peerTitle, shortPeer } from './network-text.ts';
import { PeerDetail } from './peer-detail.tsx';
import { AddPeerDialog, JoinDialog } from './peer-dialogs.tsx';
import { PeerGraph } from './peer-graph.tsx';
import { PeerTable } from './peer-table.tsx';
import { PrivateNetworks } from './private-networks.tsx';
import { ReachPanel } from './reach-panel.tsx';
import { TrafficPanel } from './traffic-panel.tsx';
import './network.css';

/** Why there is no network now, and the way to have one. */
const NotRunning = ({ state }: { state: NetworkState }) => {
  const node = useNodeAccess();
  const identity = useNode((entry) => entry.identity?.status);
  const turnOn = async (): Promise<void> => {
    const reply = await node.ask('network:configure', { enabled: true });
    if (reply.ok) node.store.setState({ network: reply.value });
    else showError('The network was not turned on', reply.error);
  };
  if (state.status === 'starting') return <Loading what="the network" />;
  if (state.status === 'waiting')
    return (
      <Panel>
        <Empty
          icon={<IconLock size={22} stroke={1.75} />}
          title={identity === 'none' ? 'Nodes know each other by their keys' : 'The keys are locked'}
          action={
            <Button component="a" href={hrefOf('settings', 'identity')}>
              {identity === 'none' ? 'Create an identity' : 'Unlock'}
            </Button>
          }
        >
          <ToldText text={sentence(state.reason)} />
        </Empty>
      </Panel>
    );
  if (state.status === 'off')
    return (
      <Panel>
        <Empty
          icon={<IconPlugConnectedX size={22} stroke={1.75} />}
          title="This node talks to nobody"
          action={<Button onClick={() => void turnOn()}>Take part in the network</Button>}
        >
          <ToldText text={sentence(state.reason)} />
        </Empty>
      </Panel>
    );
  return (
    <Note tone="warning" title="The network did not start">
      <p>
        <ToldText text={sentence(state.reason)} />
      </p>
    </Note>
  );
};

const Running = ({
  state,
  peers,
  onInvite,
}: {
  state: NetworkState;
  peers: readonly PeerView[];
  onInvite(network: string): void;
}) => {
  const connected = useMemo(() => peers.filter((peer) => peer.connected), [peers]);
  const nameOf = (id: string): string => {
    const peer = peers.find((entry) => entry.peerId === id);
    return peer === undefined ? shortPeer(id) : peerTitle(peer);
  };
  return (
    <>
      <ReachPanel state={state} nameOf={nameOf} />
      <Panel title="Who is there" hint="Peers connected at this moment. Arrow keys move between them, Enter opens one.">
        {connected.length === 0 ? (
          <Empty
            icon={<IconTopologyStar3 size={22} stroke={1.75} />}
            title="Nobody yet"
            action={
              <Button variant="light" leftSection={<IconQrcode size={16} aria-hidden />} onClick={() => onInvite('')}>
                Invite another node …
              </Button>
            }
          >
            Nodes on the same local network find each other within seconds. Others come by an invite, or by their
            address.
          </Empty>
        ) : (
          <PeerGraph peers={connected} self={state.peerId ?? ''} />
        )}
      </Panel>
      <PeerTable peers={peers} />
      <TrafficPanel />
      <PrivateNetworks networks={state.networks} onInvite={onInvite} />
    </>
  );
};

/** Who this node talks to, how others reach it, and what goes over the line. `part`: one peer's id. */
export const NetworkPage = ({ part }: { part: string | null }) => {
  const node = useNodeAccess();
  const state = useNode((entry) => entry.network);
  const peers = useNode((entry) => entry.peers);
  const [open, setOpen] = useState<'add' | 'join' | null>(null);
  const [invite, setInvite] = useState<string | null>(null);
  // All peers, once a second at most, only while this page is seen.
  useEffect(() => {
    void node.ask('network:peers', {}).then((reply) => reply.ok && node.store.setState({ peers: reply.value.peers }));
    return node.watch('peers', (value) => node.store.setState({ peers: value.peers }));
  }, [node]);
  if (part !== null) return <PeerDetail key={part} peerId={part} />;
  const running = state?.status === 'running';
  return (
    <>
      <PageHeader
        title="Network"
        actions={
          running && (
            <>
              <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setOpen('add')}>
                Add …
              </Button>
              <Button variant="default" onClick={() => setOpen('join')}>
                Join …
              </Button>
              <Button leftSection={<IconUserPlus size={16} aria-hidden />} onClick={() => setInvite('')}>
                Invite …
              </Button>
            </>
          )
        }
      >
        The nodes that this one talks to. Each has proved who it is; what they say to each other, nobody else can read.
      </PageHeader>
      {state === null || peers === null ? (
        <Loading what="the network" />
      ) : (
        <>
          {running ? <Running state={state} peers={peers} onInvite={setInvite} /> : <NotRunning state={state} />}
          <NetworkSettingsPanel settings={state.settings} />
        </>
      )}
      {open === 'add' && <AddPeerDialog onClose={() => setOpen(null)} />}
      {open === 'join' && <JoinDialog onClose={() => setOpen(null)} />}
      {invite !== null && (
        <InviteDialog networks={state?.networks ?? []} network={invite} onClose={() => setInvite(null)} />
      )}
    </>
  );
};
