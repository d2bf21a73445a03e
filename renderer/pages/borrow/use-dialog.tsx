import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, LeaseView, MemoryBench, ResponseOf } from '../../../preload/contract/index.ts';
import { ErrorNote, showDone } from '../../components/error-note.tsx';
import { shortLease } from '../../components/leases/lease-text.ts';
import { Fact, Facts, Loading } from '../../components/layout.tsx';
import { bytesText, rateText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { roundTripText } from '../network/network-text.ts';

const KEY_LENGTH_MAX = 256;

const decode = (base64: string): string =>
  new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
const encode = (text: string): string =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));

const BenchTable = ({ bench }: { bench: MemoryBench }) => (
  <div className="hm-scroll-x">
    <table className="hm-table">
      <thead>
        <tr>
          <th scope="col">Operation</th>
          <th scope="col" className="hm-right">
            Median
          </th>
          <th scope="col" className="hm-right">
            99 %
          </th>
          <th scope="col" className="hm-right">
            Rate
          </th>
        </tr>
      </thead>
      <tbody>
        {bench.rows.map((row) => (
          <tr key={`${row.operation} ${row.sizeBytes}`}>
            <th scope="row">
              {row.operation} {bytesText(row.sizeBytes)}
            </th>
            <td className="hm-right hm-number">{roundTripText(row.p50Ms)}</td>
            <td className="hm-right hm-number">{roundTripText(row.p99Ms)}</td>
            <td className="hm-right hm-number">{rateText(row.bytesPerSecond)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** Far memory by keys and values. */
const MemoryUse = ({ lease }: { lease: LeaseView }) => {
  const node = useNodeAccess();
  const [stats, setStats] = useState<ResponseOf<'memory:stats'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [key, setKey] = useState('');
  const [value, setValue] = useState('');
  const [bench, setBench] = useState<MemoryBench | null>(null);
  const [busy, setBusy] = useState<'put' | 'get' | 'bench' | null>(null);
  useEffect(() => {
    void node.ask('memory:stats', { lease: lease.id }).then((reply) => {
      if (reply.ok) setStats(reply.value);
      else setError(reply.error);
    });
  }, [node, lease.id]);
  const put = async (): Promise<void> => {
    setBusy('put');
    const reply = await node.ask('memory:put', { lease: lease.id, key, value: encode(value) });
    setBusy(null);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    setStats(reply.value);
    showDone('Kept, encrypted, in far memory.');
  };
  const get = async (): Promise<void> => {
    setBusy('get');
    const reply = await node.ask('memory:get', { lease: lease.id, key });
    setBusy(null);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    if (reply.value.value === null) showDone('Nothing is kept under that key.');
    else setValue(decode(reply.value.value));
  };
  const measure = async (): Promise<void> => {
    setBusy('bench');
    const reply = await node.ask('memory:bench', { lease: lease.id });
    setBusy(null);
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setBench(reply.value);
  };
  return (
    <div className="hm-stack">
      {stats === null && error === null && <Loading what="far memory" />}
      {stats !== null && (
        <Facts>
          <Fact name="Used">
            {bytesText(stats.usedBytes)} of {bytesText(stats.sizeBytes)}, {stats.keys}{' '}
            {stats.keys === 1 ? 'key' : 'keys'}
          </Fact>
          <Fact name="Encrypted">{stats.encrypted ? 'here, before it leaves' : 'no'}</Fact>
          <Fact name="Mirror">{stats.mirrored ? 'on a second lender' : 'none; it is lost when the lender goes'}</Fact>
        </Facts>
      )}
      <TextInput
        label="Key"
        value={key}
        maxLength={KEY_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setKey(event.currentTarget.value)}
      />
      <Textarea
        label="Value"
        value={value}
        autosize
        minRows={3}
        maxRows={10}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
      {error !== null && <ErrorNote error={error} />}
      {bench !== null && <BenchTable bench={bench} />}
      <div className="hm-row">
        <Button loading={busy === 'put'} disabled={key === '' || busy !== null} onClick={() => void put()}>
          Keep
        </Button>
        <Button
          variant="default"
          loading={busy === 'get'}
          disabled={key === '' || busy !== null}
          onClick={() => void get()}
        >
          Read
        </Button>
        <Button variant="default" loading={busy === 'bench'} disabled={busy !== null} onClick={() => void measure()}>
          Measure
        </Button>
      </div>
    </div>
  );
};

/** A leased network becomes proxies of this machine. */
const NetworkUse = ({ lease, onClose }: { lease: LeaseView; onClose(): void }) => {
  const node = useNodeAccess();
  const [error, setError] = useState<CallError | null>(null);
  const [listen, setListen] = useState<{ kind: string; at: string } | null>(null);
  const open = async (kind: 'socks' | 'http'): Promise<void> => {
    const reply = await node.ask('tunnels:proxy', { kind, lease: lease.id });
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setListen({ kind, at: reply.value.listen });
  };
  return (
    <div className="hm-stack">
      <p>
        Programs of this machine that use the proxy reach the internet through the lender, within what its owner lets
        out. Names are resolved there.
      </p>
      {listen !== null && (
        <p role="status">
          {listen.kind === 'socks' ? 'SOCKS5' : 'HTTP'} proxy at <code>{listen.at}</code>
          <CopyButton text={listen.at} what="the proxy’s address" />. It is on the Tunnels page.
        </p>
      )}
      {error !== null && <ErrorNote error={error} />}
      <div className="hm-row">
        <Button onClick={() => void open('socks')}>Open a SOCKS5 proxy</Button>
        <Button variant="default" onClick={() => void open('http')}>
          Open an HTTP proxy
        </Button>
        <Button variant="subtle" onClick={onClose}>
          Close
        </Button>
      </div>
    </div>
  );
};

/** Leased processor and containers are for jobs, which say where they run. */
const JobUse = ({ lease, onClose }: { lease: LeaseView; onClose(): void }) => (
  <div className="hm-stack">
    <p>
      Jobs run on it: start one, choose <em>A peer by its name</em>, and give the id of this lease in place of a name.
    </p>
    <p>
      <code>{lease.id}</code>
      <CopyButton text={lease.id} what="the id of the lease" />
    </p>
    <div className="hm-row">
      <Button component="a" href={hrefOf('jobs', 'new')} onClick={onClose}>
        Start a job
      </Button>
    </div>
  </div>
);

/** What can be done with a lease that runs. */
export const UseDialog = ({ lease, onClose }: { lease: LeaseView; onClose(): void }) => (
  <Modal
    opened
    onClose={onClose}
    title={`Lease ${shortLease(lease.id)}`}
    size="lg"
    centered
    closeButtonProps={{ 'aria-label': 'Close' }}
  >
    {lease.resource === 'memory' ? (
      <MemoryUse lease={lease} />
    ) : lease.resource === 'network' ? (
      <NetworkUse lease={lease} onClose={onClose} />
    ) : (
      <JobUse lease={lease} onClose={onClose} />
    )}
  </Modal>
);
