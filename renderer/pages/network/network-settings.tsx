import { NumberInput, Switch, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { NetworkSettings } from '../../../preload/contract/index.ts';
import { showDone, showError } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
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
  { key: 'ipv4', title: 'Use IPv4 too', hint: 'For networks without IPv6, at the next start.' },
  {
    key: 'loopbackOnly',
    title: 'Talk to nodes on this machine only',
    hint: 'For trials: nodes elsewhere neither find this one nor are found.',
  },
];

/** How this node behaves in the network. */
export const NetworkSettingsPanel = ({ settings }: { settings: NetworkSettings }) => {
  const node = useNodeAccess();
  const [port, setPort] = useState<number | string>(settings.port);
  const [connections, setConnections] = useState<number | string>(settings.connectionsMax);
  const [bootstrap, setBootstrap] = useState(settings.bootstrap.join('\n'));
  useEffect(() => setPort(settings.port), [settings.port]);
  useEffect(() => setConnections(settings.connectionsMax), [settings.connectionsMax]);
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
  const savePort = (): void => {
    const next = Number(port);
    if (port === '' || !Number.isInteger(next) || next < 0 || next > PORT_MAX) setPort(settings.port);
    else if (next !== settings.port)
      void set({ port: next }, 'The node listens on the new port.').then((kept) => !kept && setPort(settings.port));
  };
  const saveConnections = (): void => {
    const next = Number(connections);
    if (!Number.isInteger(next) || next < CONNECTIONS_MIN || next > CONNECTIONS_MAX)
      setConnections(settings.connectionsMax);
    else if (next !== settings.connectionsMax) void set({ connectionsMax: next });
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
      <Setting title="Port" hint="UDP and TCP. 0 takes a free one at each start.">
        <NumberInput
          aria-label="Port of the network"
          value={port}
          min={0}
          max={PORT_MAX}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setPort}
          onBlur={savePort}
          onKeyDown={(event) => event.key === 'Enter' && savePort()}
          w={140}
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
        <NumberInput
          aria-label="Connections at once"
          value={connections}
          min={CONNECTIONS_MIN}
          max={CONNECTIONS_MAX}
          allowDecimal={false}
          clampBehavior="blur"
          onChange={setConnections}
          onBlur={saveConnections}
          onKeyDown={(event) => event.key === 'Enter' && saveConnections()}
          w={140}
        />
      </Setting>
      <Setting
        title="First peers"
        hint="Addresses that end in /p2p/ and a peer id, one a line. They are asked for others at the start."
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
