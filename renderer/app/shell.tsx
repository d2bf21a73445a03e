import { Button, Menu } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import {
  IconActivityHeartbeat,
  IconAdjustmentsHorizontal,
  IconBook2,
  IconBuildingStore,
  IconChartHistogram,
  IconCpu,
  IconCube,
  IconDots,
  IconHeartHandshake,
  IconHome,
  IconPackage,
  IconPlugConnectedX,
  IconSettings,
  IconShieldCheck,
  IconStack2,
  IconTopologyStar3,
  IconWallet,
  IconWorldShare,
} from '@tabler/icons-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ErrorNote } from '../components/error-note.tsx';
import { PauseControl } from '../components/pause-control.tsx';
import { useNode, useNodeAccess } from '../state/node-context.tsx';
import { hrefOf, type Page, pages, type Route, staysInPlace } from '../state/route.ts';
import { useSharing } from '../components/use-sharing.ts';
import { Mark } from './mark.tsx';
import './shell.css';

const NAVIGATION: Record<Page, { label: string; icon: typeof IconHome }> = {
  home: { label: 'Home', icon: IconHome },
  share: { label: 'Share', icon: IconAdjustmentsHorizontal },
  jobs: { label: 'Jobs', icon: IconStack2 },
  containers: { label: 'Containers', icon: IconPackage },
  lend: { label: 'Lend', icon: IconBuildingStore },
  borrow: { label: 'Borrow', icon: IconHeartHandshake },
  wallet: { label: 'Wallet', icon: IconWallet },
  rewards: { label: 'Rewards', icon: IconChartHistogram },
  tunnels: { label: 'Tunnels', icon: IconWorldShare },
  network: { label: 'Network', icon: IconTopologyStar3 },
  proofs: { label: 'Proofs', icon: IconShieldCheck },
  blocks: { label: 'Blocks', icon: IconCube },
  ledger: { label: 'Ledger', icon: IconBook2 },
  machine: { label: 'Machine', icon: IconCpu },
  settings: { label: 'Settings', icon: IconSettings },
  diagnostics: { label: 'Diagnostics', icon: IconActivityHeartbeat },
};

/** Pages that a narrow screen, which has room for six, keeps behind a button. */
const BEHIND_MORE: readonly Page[] = [
  'jobs',
  'containers',
  'borrow',
  'tunnels',
  'network',
  'proofs',
  'blocks',
  'ledger',
  'machine',
  'settings',
  'diagnostics',
];
/** Where the navigation moves below the page; equal to the width in shell.css. */
const NARROW = '(max-width: 720px)';

/** Says that the node is out of reach, since when it is tried again, and lets the reader try at once. */
export const ConnectionBanner = () => {
  const connection = useNode((state) => state.connection);
  const node = useNodeAccess();
  const [nowMs, setNowMs] = useState(() => Date.now());
  const wait = connection.status === 'waiting';
  // A first attempt is over in milliseconds; a banner that flashes would only startle.
  const lostOnce = useRef(false);
  if (wait) lostOnce.current = true;
  if (connection.status === 'connected') lostOnce.current = false;
  useEffect(() => {
    if (!wait) return;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [wait]);
  const shown = wait || (connection.status === 'connecting' && lostOnce.current);
  const secondsLeft =
    connection.status === 'waiting' ? Math.max(0, Math.ceil((connection.retryAtMs - nowMs) / 1000)) : 0;
  return (
    <div role="status" className="hm-banner-holder">
      {shown && (
        <div className="hm-banner">
          <IconPlugConnectedX size={18} aria-hidden />
          <p className="hm-grow">
            <strong>Not connected.</strong> The node cannot be reached; what you see may be old. Start it with{' '}
            <code>hypermesh start</code> if it was stopped.{' '}
            <span aria-hidden="true">{wait ? `Next attempt in ${secondsLeft} s.` : 'Connecting …'}</span>
          </p>
          <Button size="compact-sm" variant="default" onClick={() => node.retryNow()} disabled={!wait}>
            Try now
          </Button>
        </div>
      )}
    </div>
  );
};

const StateLine = () => {
  const sharing = useSharing();
  const connected = useNode((state) => state.connection.status === 'connected');
  if (sharing === null) return null;
  return (
    <div className="hm-nav-state">
      <p className="hm-nav-state-line">
        <span className="hm-dot" data-tone={connected ? sharing.tone : 'off'} aria-hidden="true" />
        <span>{connected ? sharing.short : 'Not connected'}</span>
      </p>
      <PauseControl compact />
    </div>
  );
};

const More = ({ current }: { current: Page }) => {
  const inside = BEHIND_MORE.includes(current);
  return (
    <Menu position="top-end" withinPortal>
      <Menu.Target>
        <button type="button" className="hm-nav-link hm-nav-more" data-current={inside || undefined}>
          <IconDots size={18} stroke={1.75} aria-hidden />
          <span className="hm-nav-label">More</span>
          {inside && <span className="hm-sr">, you are on {NAVIGATION[current].label}</span>}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {BEHIND_MORE.map((page) => {
          const { label, icon: Icon } = NAVIGATION[page];
          return (
            <Menu.Item
              key={page}
              component="a"
              href={hrefOf(page)}
              leftSection={<Icon size={18} stroke={1.75} aria-hidden />}
              {...(page === current ? { 'aria-current': 'page' as const } : {})}
            >
              {label}
            </Menu.Item>
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
};

/** Navigation on the left (below on narrow screens), page on the right. */
export const Shell = ({ route, children }: { route: Route; children: ReactNode }) => {
  const jobsRunning = useNode((state) => (state.jobs ?? []).filter((job) => job.state !== 'ended').length);
  const loadError = useNode((state) => state.loadError);
  const connected = useNode((state) => state.connection.status === 'connected');
  const narrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const main = useRef<HTMLElement>(null);
  const before = useRef(route);
  // A new page starts at its top, and a screen reader reads its heading. Not on the very first page: nobody left one.
  useEffect(() => {
    const stays = staysInPlace(before.current, route);
    before.current = route;
    if (stays) return;
    main.current?.scrollTo({ top: 0 });
    document.getElementById('page-title')?.focus({ preventScroll: true });
  }, [route]);
  return (
    <div className="hm-shell">
      <button type="button" className="hm-skip" onClick={() => document.getElementById('page-title')?.focus()}>
        Skip to the page
      </button>
      <nav className="hm-nav" aria-label="Pages">
        <p className="hm-brand">
          <Mark />
          <span>HyperMesh</span>
        </p>
        <ul className="hm-nav-list">
          {pages
            .filter((page) => !narrow || !BEHIND_MORE.includes(page))
            .map((page) => {
              const { label, icon: Icon } = NAVIGATION[page];
              return (
                <li key={page}>
                  <a
                    href={hrefOf(page)}
                    className="hm-nav-link"
                    aria-current={route.page === page ? 'page' : undefined}
                  >
                    <Icon size={18} stroke={1.75} aria-hidden />
                    <span className="hm-nav-label">{label}</span>
                    {page === 'jobs' && jobsRunning > 0 && (
                      <span className="hm-nav-count">
                        {jobsRunning}
                        <span className="hm-sr"> running</span>
                      </span>
                    )}
                  </a>
                </li>
              );
            })}
          {narrow && (
            <li>
              <More current={route.page} />
            </li>
          )}
        </ul>
        <StateLine />
      </nav>
      <main className="hm-main" id="main" ref={main}>
        <ConnectionBanner />
        <div className="hm-page">
          {connected && loadError !== null && <ErrorNote title="Not everything could be read" error={loadError} />}
          {children}
        </div>
      </main>
    </div>
  );
};
