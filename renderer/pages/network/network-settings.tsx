import { Switch, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { NetworkSettings } from '../../../preload/contract/index.ts';
import { showDone, showError } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { NumberSetting } from '../../components/number-setting.tsx';
import { Setting } from '../../components/setting.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

const PORT_MAX = 65_535;
/** What the contract takes. */
const CONNECTIONS_MIN = 4;
const CONNECTIONS_MAX = 10_000;

type Toggle = 'localDiscovery' | 'portMapping' | 'relay' | 'open' | 'ipv4' | 'loopbackOnly';
const TOGGLES: readonly { key: Toggle; title: string; hint: string }[] = [
  {
    key: 'localDiscovery',
    title: 'Find nodes on the local network',
    hint: 'By multicast DNS, with no server in between.',
  },
  {
    key: 'portMapping',
    title: 'Ask the router to open a port',
    hint: 'By UPnP, NAT-PMP or PCP. The port is closed again when the node stops.',
  },
  {
    key: 'relay',
    title: 'Carry connections of others',
    hint: 'For nodes that cannot reach each other. This node sees only ciphertext; it counts as network that you lend.',
  },
  {
    key: 'open',
    title: 'Let in nodes that are in none of your private networks',
    hint: 'When off, this node answers nobody else, as if it were not there.',
  },
  { key: 'ipv4', title: 'Use IPv4 too', hint: 'For networks without IPv6.' },
  {
    key: 'loopbackOnly',
    title: 'Talk to nodes on this machine only',
    hint: 'For trials: nodes elsewhere neither find this one nor are found.',
  },
];

/** How this node behaves in the network. */
export const NetworkSettingsPanel = ({ settings }: { settings: NetworkSettings }) => {
  const node = useNodeAccess();
  const [bootstrap, setBootstrap] = useState(settings.bootstrap.join('\n'));
  const bootstrapText = settings.bootstrap.join('\n');
  useEffect(() => setBootstrap(bootstrapText), [bootstrapText]);

  const set = async (change: Partial<NetworkSettings>, done?: string): Promise<boolean> => {
    const reply = await node.ask('network:configure', change);
    if (!reply.ok) {
      showError('The setting was not changed', reply.error);
      return false;
    }
    node.store.setState({ network: reply.value });
    if (done !== undefined) showDone(done);
    return true;
  };
  const saveBootstrap = (): void => {
    const next = bootstrap
      .split(/\s+/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (next.join('\n') !== bootstrapText) void set({ bootstrap: next }, 'The first peers are kept.');
  };
  return (
    <Panel title="Settings of the network" hint="Rates and the monthly cap are on Share, under Network.">
      <Setting title="Take part in the network" hint="When off, this node talks to nobody and nobody finds it.">
        <Switch
          aria-label="Take part in the network"
          checked={settings.enabled}
          onChange={(event) => void set({ enabled: event.currentTarget.checked })}
        />
      </Setting>
      <Setting title="Port" hint="UDP and TCP. 0 lets the node take a free one, which it keeps while it can.">
        <NumberSetting
          label="Port of the network"
          value={settings.port}
          min={0}
          max={PORT_MAX}
          onSave={(port) => set({ port }, 'The node listens on the new port.')}
        />
      </Setting>
      {TOGGLES.map(({ key, title, hint }) => (
        <Setting key={key} title={title} hint={hint}>
          <Switch
            aria-label={title}
            checked={settings[key]}
            onChange={(event) => void set({ [key]: event.currentTarget.checked })}
          />
        </Setting>
      ))}
      <Setting
        title="Connections at once"
        hint={`From ${CONNECTIONS_MIN} to ${CONNECTIONS_MAX.toLocaleString('en')}. Trusted peers always find a place.`}
      >
        <NumberSetting
          label="Connections at once"
          value={settings.connectionsMax}
          min={CONNECTIONS_MIN}
          max={CONNECTIONS_MAX}
          onSave={(connectionsMax) => set({ connectionsMax })}
        />
      </Setting>
      <Setting
        title="First peers"
        hint="Addresses that end in /p2p/ and a peer id, one per line. They are asked for others at the start."
      >
        <Textarea
          aria-label="First peers"
          placeholder="None: only the local network and invites"
          value={bootstrap}
          autosize
          minRows={2}
          maxRows={8}
          onChange={(event) => setBootstrap(event.currentTarget.value)}
          onBlur={saveBootstrap}
          w="100%"
        />
      </Setting>
    </Panel>
  );
};
