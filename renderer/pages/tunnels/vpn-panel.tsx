import { Switch } from '@mantine/core';
import { useState } from 'react';
import type { VpnView } from '../../../preload/contract/index.ts';
import { Note, showError } from '../../components/error-note.tsx';
import { Fact, Facts, Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Global addresses as ordinary IPv6 addresses of this machine. */
export const VpnPanel = ({ vpn }: { vpn: VpnView }) => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const set = async (up: boolean): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('tunnels:vpn', { up });
    setBusy(false);
    if (!reply.ok) showError('The VPN was not changed', reply.error);
  };
  return (
    <Panel title="VPN" hint="Every program of this machine can use global addresses as ordinary IPv6 addresses.">
      <Switch
        label={vpn.state === 'up' ? 'Up' : vpn.state === 'starting' ? 'Starting …' : 'Down'}
        aria-label="VPN"
        checked={vpn.state === 'up' || vpn.state === 'starting'}
        disabled={busy || vpn.state === 'starting'}
        onChange={(event) => void set(event.currentTarget.checked)}
      />
      {vpn.state === 'refused' && (
        <Note tone="warning" title="It could not be brought up">
          <p className="hm-break">{vpn.reason}</p>
        </Note>
      )}
      {vpn.state === 'up' && (
        <Facts>
          <Fact name="Device">{vpn.device}</Fact>
          {vpn.address !== null && (
            <Fact name="This machine">
              <code>{vpn.address}</code>
              <CopyButton text={vpn.address} what="this machine’s global address" />
            </Fact>
          )}
          <Fact name="Connections">{vpn.connectionsNow} open</Fact>
          <Fact name="Out">
            {vpn.sentPackets} packets, {bytesText(vpn.sentBytes)}
          </Fact>
          <Fact name="In">
            {vpn.receivedPackets} packets, {bytesText(vpn.receivedBytes)}
          </Fact>
          <Fact name="Dropped">{vpn.droppedPackets} packets</Fact>
        </Facts>
      )}
    </Panel>
  );
};
