import { Button } from '@mantine/core';
import { IconArrowsExchange, IconPlugConnected, IconRouteAltLeft, IconWorldShare } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { ErrorNote } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { useTold } from '../../components/use-told.ts';
import { ExposeDialog, ProxyDialog, ReachDialog, TestDialog } from './tunnel-dialogs.tsx';
import { Exposures, Proxies, Reached } from './tunnel-list.tsx';
import { VpnPanel } from './vpn-panel.tsx';
import './tunnels.css';

type Open = 'expose' | 'reach' | 'proxy' | 'test' | null;

const Part = ({
  title,
  hint,
  action,
  icon,
  empty,
  children,
}: {
  title: string;
  hint: string;
  action: ReactNode;
  icon: ReactNode;
  /** What to say where there is none; null where there are some. */
  empty: string | null;
  children: ReactNode;
}) => (
  <Panel title={title} hint={hint} actions={empty === null ? action : undefined}>
    {empty === null ? (
      children
    ) : (
      <Empty icon={icon} title="None yet" action={action}>
        {empty}
      </Empty>
    )}
  </Panel>
);

/** Services of this machine at global addresses, far ones at ports of this machine, proxies and the VPN. */
export const TunnelsPage = () => {
  const { value: state, error } = useTold('tunnels:state', {}, 'tunnels', (_before, news) => news);
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => setOpen(null);
  return (
    <>
      <PageHeader
        title="Tunnels"
        actions={
          <Button variant="default" onClick={() => setOpen('test')}>
            Test an address …
          </Button>
        }
      >
        Addresses that work from anywhere, for whom you say.
      </PageHeader>
      {error !== null && <ErrorNote error={error} />}
      {state === null && error === null && <Loading what="tunnels" />}
      {state !== null && (
        <>
          <Part
            title="Exposed here"
            hint="Services of this machine that others can open. Copy the address and send it to them."
            icon={<IconWorldShare size={22} stroke={1.75} />}
            empty={
              state.exposures.length === 0
                ? 'A web server, a printer or a game behind your router gets an address that the people you choose can open, and nobody else.'
                : null
            }
            action={<Button onClick={() => setOpen('expose')}>Expose a service …</Button>}
          >
            <Exposures exposures={state.exposures} />
          </Part>
          <Part
            title="Reached from here"
            hint="Far services at ports of this machine."
            icon={<IconPlugConnected size={22} stroke={1.75} />}
            empty={
              state.reached.length === 0
                ? 'Paste an address that somebody gave you, and open the service as if it ran on this machine.'
                : null
            }
            action={
              <Button variant="default" onClick={() => setOpen('reach')}>
                Reach a service …
              </Button>
            }
          >
            <Reached reached={state.reached} />
          </Part>
          <Part
            title="Proxies"
            hint="SOCKS5 and HTTP for programs of this machine."
            icon={<IconRouteAltLeft size={22} stroke={1.75} />}
            empty={
              state.proxies.length === 0
                ? 'A proxy leads to every global address, and out to the internet through a network that you borrow.'
                : null
            }
            action={
              <Button variant="default" onClick={() => setOpen('proxy')}>
                Open a proxy …
              </Button>
            }
          >
            <Proxies proxies={state.proxies} />
          </Part>
          <VpnPanel vpn={state.vpn} />
          <p className="hm-small hm-dim hm-tunnel-table">
            <IconArrowsExchange size={16} aria-hidden /> Translation table: {state.table.entries} of {state.table.max}{' '}
            rows.
          </p>
        </>
      )}
      {open === 'expose' && <ExposeDialog onClose={close} />}
      {open === 'reach' && <ReachDialog onClose={close} />}
      {open === 'proxy' && <ProxyDialog onClose={close} />}
      {open === 'test' && <TestDialog onClose={close} />}
    </>
  );
};
