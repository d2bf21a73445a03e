import { NumberInput, PasswordInput, Select, Switch, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { LeaseView, RequestInputOf, TunnelTest } from '../../../preload/contract/index.ts';
import { showDone } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { shortLease } from '../../components/leases/lease-text.ts';
import { Tag } from '../../components/layout.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { roundTripText } from '../network/network-text.ts';
import { PRIVACY, PRIVACY_LEVELS } from '../share/share-text.ts';

type Protocol = NonNullable<RequestInputOf<'tunnels:expose'>['protocol']>;
type Level = NonNullable<RequestInputOf<'tunnels:expose'>['privacyLevel']>;

const PROTOCOLS: readonly { value: Protocol; label: string }[] = [
  { value: 'http', label: 'Web server (HTTP)' },
  { value: 'tcp', label: 'TCP' },
  { value: 'udp', label: 'UDP' },
];
const isPort = (value: number | string, min: number): boolean =>
  value !== '' && Number.isInteger(Number(value)) && Number(value) >= min && Number(value) <= 65_535;

/** `[fd5e:…]:8080`, an address alone, or nothing of the kind. */
const readFar = (text: string): { address: string; port: number | null } | null => {
  const together = /^\[?(fd[0-9a-f:]+)(?:\]:(\d{1,5}))?\]?$/i.exec(text.trim());
  if (together?.[1] === undefined) return null;
  return { address: together[1].toLowerCase(), port: together[2] === undefined ? null : Number(together[2]) };
};

export const ExposeDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [target, setTarget] = useState('');
  const [protocol, setProtocol] = useState<Protocol>('http');
  const [name, setName] = useState('');
  const [level, setLevel] = useState<Level>('P2P');
  const [names, setNames] = useState('');
  const [relays, setRelays] = useState(true);
  const { needsNames } = PRIVACY[level];
  return (
    <FormDialog
      title="Expose a service"
      label="Expose"
      disabled={target.trim() === ''}
      onClose={onClose}
      send={() =>
        node.ask('tunnels:expose', {
          target: target.trim(),
          protocol,
          name: name.trim(),
          privacyLevel: level,
          privacyNames:
            needsNames === null
              ? []
              : names
                  .split(',')
                  .map((each) => each.trim())
                  .filter(Boolean),
          relaysAllowed: relays,
        })
      }
      onDone={(exposed) => showDone(`It is at [${exposed.address}]:${exposed.port} now.`)}
    >
      <TextInput
        label="Service"
        description="A port of this machine, such as 8080; or host:port for another machine that you name on purpose."
        placeholder="8080"
        value={target}
        maxLength={256}
        data-autofocus
        onChange={(event) => setTarget(event.currentTarget.value)}
      />
      <Select
        label="Kind"
        data={[...PROTOCOLS]}
        value={protocol}
        allowDeselect={false}
        onChange={(value) => setProtocol(value as Protocol)}
      />
      <TextInput
        label="Name"
        description="Your own word for it."
        value={name}
        maxLength={64}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        label="Who may open it"
        description={PRIVACY[level].who}
        data={PRIVACY_LEVELS.map((value) => ({ value, label: PRIVACY[value].label }))}
        value={level}
        allowDeselect={false}
        onChange={(value) => setLevel(value as Level)}
      />
      {needsNames !== null && (
        <TextInput
          label={needsNames}
          description="Separated by commas; @group names a group of the address book. Empty: all of them."
          value={names}
          onChange={(event) => setNames(event.currentTarget.value)}
        />
      )}
      <Switch
        label="Relays may carry the traffic"
        description="They read nothing of it."
        checked={relays}
        onChange={(event) => setRelays(event.currentTarget.checked)}
      />
    </FormDialog>
  );
};

export const ReachDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [far, setFar] = useState('');
  const [port, setPort] = useState<number | string>('');
  const [localPort, setLocalPort] = useState<number | string>(0);
  const [protocol, setProtocol] = useState<Protocol>('http');
  const [anonymous, setAnonymous] = useState(false);
  const read = readFar(far);
  const farPort = read?.port ?? port;
  return (
    <FormDialog
      title="Reach a service"
      label="Bring it here"
      disabled={read === null || !isPort(farPort, 1) || !isPort(localPort, 0)}
      onClose={onClose}
      send={() =>
        node.ask('tunnels:reach', {
          address: read?.address ?? '',
          port: Number(farPort),
          protocol,
          localPort: Number(localPort),
          route: anonymous ? 'anonymous' : 'direct',
        })
      }
      onDone={(reached) => showDone(`It is at ${reached.listen} on this machine now.`)}
    >
      <TextInput
        label="Global address"
        description="As whoever exposes it copied it: [fd…]:8080."
        placeholder="[fd5e:…]:8080"
        value={far}
        maxLength={64}
        error={far !== '' && read === null ? 'A global address begins with fd.' : null}
        data-autofocus
        onChange={(event) => setFar(event.currentTarget.value)}
      />
      {read !== null && read.port === null && (
        <NumberInput label="Port there" value={port} min={1} max={65_535} allowDecimal={false} onChange={setPort} />
      )}
      <Select
        label="Kind"
        data={[...PROTOCOLS]}
        value={protocol}
        allowDeselect={false}
        onChange={(value) => setProtocol(value as Protocol)}
      />
      <NumberInput
        label="Port here"
        description="0: the same as there where it is free."
        value={localPort}
        min={0}
        max={65_535}
        allowDecimal={false}
        onChange={setLocalPort}
      />
      <Switch
        label="Without telling who I am"
        description="Through at least two relays. Only fully public services take it."
        checked={anonymous}
        onChange={(event) => setAnonymous(event.currentTarget.checked)}
      />
    </FormDialog>
  );
};

export const ProxyDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [kind, setKind] = useState<'socks' | 'http' | 'names'>('socks');
  const [port, setPort] = useState<number | string>(0);
  const [leases, setLeases] = useState<readonly LeaseView[]>([]);
  const [lease, setLease] = useState<string | null>(null);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  useEffect(() => {
    void node
      .ask('leases:list', { side: 'borrowed', state: 'live' })
      .then((reply) => reply.ok && setLeases(reply.value.leases.filter(({ resource }) => resource === 'network')));
  }, [node]);
  return (
    <FormDialog
      title="Open a proxy"
      label="Open"
      disabled={!isPort(port, 0) || (username === '') !== (password === '')}
      onClose={onClose}
      send={() =>
        node.ask('tunnels:proxy', {
          kind,
          localPort: Number(port),
          lease: kind === 'names' ? null : lease,
          username,
          password,
        })
      }
      onDone={(proxy) => showDone(`The proxy listens at ${proxy.listen}.`)}
    >
      <Select
        label="Kind"
        data={[
          { value: 'socks', label: 'SOCKS5' },
          { value: 'http', label: 'HTTP' },
          { value: 'names', label: 'Names: http://photos.localhost' },
        ]}
        value={kind}
        allowDeselect={false}
        onChange={(value) => setKind(value as typeof kind)}
      />
      {kind !== 'names' && (
        <Select
          label="Traffic leaves through"
          description={
            leases.length === 0
              ? 'You borrow no network; the proxy leads to global addresses only.'
              : 'Without a lease the proxy leads to global addresses only.'
          }
          placeholder="Nothing"
          data={leases.map((each) => ({
            value: each.id,
            label: `${each.peerName === '' ? 'a lender' : each.peerName}, lease ${shortLease(each.id)}`,
          }))}
          value={lease}
          clearable
          onChange={setLease}
        />
      )}
      <NumberInput
        label="Port here"
        description="0: any free one."
        value={port}
        min={0}
        max={65_535}
        allowDecimal={false}
        onChange={setPort}
      />
      {kind !== 'names' && (
        <div className="hm-form-row">
          <TextInput
            label="Name to ask for"
            value={username}
            maxLength={255}
            autoComplete="off"
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            value={password}
            maxLength={255}
            autoComplete="new-password"
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
        </div>
      )}
    </FormDialog>
  );
};

/** Found, reached, let in: step by step. */
export const TestDialog = ({ onClose }: { onClose(): void }) => {
  const node = useNodeAccess();
  const [far, setFar] = useState('');
  const [test, setTest] = useState<TunnelTest | null>(null);
  const read = readFar(far);
  return (
    <FormDialog
      title="Test an address"
      label="Test"
      disabled={read === null || read.port === null}
      stays
      onClose={onClose}
      send={() => node.ask('tunnels:test', { address: read?.address ?? '', port: read?.port ?? 0 })}
      onDone={setTest}
    >
      <TextInput
        label="Global address with its port"
        placeholder="[fd5e:…]:8080"
        value={far}
        maxLength={64}
        data-autofocus
        onChange={(event) => setFar(event.currentTarget.value)}
      />
      {test !== null && (
        <ol className="hm-tunnel-steps" role="status">
          {test.steps.map((step) => (
            <li key={step.step}>
              <Tag tone={step.ok ? 'accent' : 'problem'}>{step.ok ? 'ok' : 'no'}</Tag>
              <span>
                <strong>{step.step}</strong> <span className="hm-dim">{sentence(step.sentence)}</span>
              </span>
            </li>
          ))}
          {test.rttMs !== null && <li className="hm-dim">Round trip {roundTripText(test.rttMs)}.</li>}
        </ol>
      )}
    </FormDialog>
  );
};
