import { Button, SegmentedControl, Select, Switch, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, Config, ResponseOf } from '../../../preload/contract/index.ts';
import { ErrorNote, showDone, showError } from '../../components/error-note.tsx';
import { Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { NumberSetting } from '../../components/number-setting.tsx';
import { bytesText } from '../../components/quantity.ts';
import { Setting } from '../../components/setting.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { IdentityPanel } from './identity-panel.tsx';
import './settings.css';

const PORT_MAX = 65_535;
const ENDPOINT_LENGTH_MAX = 512;
const THEMES = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];
const LOG_LEVELS = [
  { value: 'error', label: 'Errors only' },
  { value: 'warn', label: 'Warnings and errors' },
  { value: 'info', label: 'Normal' },
  { value: 'debug', label: 'Everything (debug)' },
];

/** A path below the data folder by its end, since the folder is named above the table. */
const withoutFolder = (path: string, folder: string | undefined): string =>
  folder !== undefined && path.startsWith(folder) && path.length > folder.length + 1
    ? path.slice(folder.length + 1)
    : path;

const Ledger = () => {
  const node = useNodeAccess();
  const dataFolder = useNode((state) => state.status?.dataFolder);
  const [entries, setEntries] = useState<ResponseOf<'disk:ledger'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  useEffect(() => {
    let stale = false;
    void node.ask('disk:ledger', {}).then((reply) => {
      if (stale) return;
      if (reply.ok) setEntries(reply.value);
      else setError(reply.error);
    });
    return () => {
      stale = true;
    };
  }, [node]);
  const total = entries?.reduce((sum, entry) => sum + entry.sizeBytes, 0) ?? 0;
  return (
    <Panel title="Data" hint="Everything that HyperMesh keeps on this disk, and nowhere else.">
      {dataFolder !== undefined && (
        <p className="hm-break hm-data-folder">
          <span className="hm-dim">Folder </span>
          <code>{dataFolder}</code>
        </p>
      )}
      {error !== null && <ErrorNote error={error} />}
      {entries === null && error === null && <Loading what="the data folder" />}
      {entries !== null && (
        <table className="hm-table hm-ledger">
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col">What it is</th>
              <th scope="col" className="hm-right">
                Size
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.path}>
                <td className="hm-break">
                  <code>{withoutFolder(entry.path, dataFolder)}</code>
                </td>
                <td>
                  {entry.what} {entry.removable && <Tag>may be deleted</Tag>}
                </td>
                <td className="hm-right">{bytesText(entry.sizeBytes)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={2}>
                Together
              </th>
              <td className="hm-right">
                <strong>{bytesText(total)}</strong>
              </td>
            </tr>
          </tfoot>
        </table>
      )}
    </Panel>
  );
};

/** Settings outside of the limits. `part`: `identity` brings that panel into view. */
export const SettingsPage = ({ part }: { part: string | null }) => {
  const node = useNodeAccess();
  const config = useNode((state) => state.config);
  const status = useNode((state) => state.status);
  const [endpoint, setEndpoint] = useState('');
  useEffect(() => setEndpoint(config?.containerEndpoint ?? ''), [config?.containerEndpoint]);
  if (config === null || status === null) return <Loading what="the settings" />;

  const set = async (change: Partial<Omit<Config, 'version'>>, done?: string): Promise<boolean> => {
    const reply = await node.setConfig(change);
    if (!reply.ok) showError('The setting was not changed', reply.error);
    else if (done !== undefined) showDone(done);
    return reply.ok;
  };
  const saveEndpoint = (): void => {
    const next = endpoint.trim();
    if (next !== (config.containerEndpoint ?? '')) void set({ containerEndpoint: next === '' ? null : next });
  };
  return (
    <>
      <PageHeader title="Settings">Changes are kept as soon as you make them.</PageHeader>
      <Panel title="Appearance">
        <Setting title="Theme">
          <SegmentedControl
            aria-label="Theme"
            data={THEMES}
            value={config.theme}
            onChange={(theme) => void set({ theme: theme as Config['theme'] })}
          />
        </Setting>
      </Panel>
      <Panel title="The node">
        {status.mode === 'desktop' && (
          <Setting title="Open at login" hint="Starts hidden in the tray when you log in.">
            <Switch
              aria-label="Open at login"
              checked={config.openAtLogin}
              onChange={(event) => void set({ openAtLogin: event.currentTarget.checked })}
            />
          </Setting>
        )}
        <Setting
          title="Port of the local address"
          hint={
            status.api.listening ? (
              <>Listens at {status.api.url}. A change takes effect at the next start; 0 takes any free port.</>
            ) : (
              <>Does not listen: {status.api.reason}</>
            )
          }
        >
          <NumberSetting
            label="Port of the local address"
            value={config.apiPort}
            min={0}
            max={PORT_MAX}
            onSave={(apiPort) => set({ apiPort }, 'The new port is used from the next start on.')}
          />
        </Setting>
        <Setting title="What is written to the log">
          <Select
            aria-label="What is written to the log"
            data={LOG_LEVELS}
            value={config.logLevel}
            onChange={(logLevel) => logLevel !== null && void set({ logLevel: logLevel as Config['logLevel'] })}
            w={220}
          />
        </Setting>
        <Setting
          title="Container engine"
          hint="Socket or URL, such as unix:///run/user/1000/docker.sock. Empty: look in the usual places."
        >
          <TextInput
            aria-label="Container engine"
            placeholder="Looked for in the usual places"
            value={endpoint}
            maxLength={ENDPOINT_LENGTH_MAX}
            onChange={(event) => setEndpoint(event.currentTarget.value)}
            onBlur={saveEndpoint}
            onKeyDown={(event) => event.key === 'Enter' && saveEndpoint()}
            w="100%"
          />
        </Setting>
        <Setting
          title="First run"
          hint="Goes through the steps once more; what is set stays as it is until you change it."
        >
          <Button variant="default" onClick={() => void set({ firstRunDone: false })}>
            Show again
          </Button>
        </Setting>
      </Panel>
      <IdentityPanel inView={part === 'identity'} />
      <Ledger />
      <p className="hm-small hm-dim">
        HyperMesh {status.version}, process {status.pid},{' '}
        {status.mode === 'desktop' ? 'with a window' : 'without a window'}
      </p>
    </>
  );
};
