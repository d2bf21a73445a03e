import { useMantineColorScheme } from '@mantine/core';
import { useEffect } from 'react';
import { ErrorNote } from '../components/error-note.tsx';
import { Loading } from '../components/layout.tsx';
import { BlocksPage } from '../pages/blocks/blocks-page.tsx';
import { BorrowPage } from '../pages/borrow/borrow-page.tsx';
import { ContainersPage } from '../pages/containers/containers-page.tsx';
import { DiagnosticsPage } from '../pages/diagnostics/diagnostics-page.tsx';
import { FirstRun } from '../pages/first-run/first-run.tsx';
import { HomePage } from '../pages/home/home-page.tsx';
import { JobsPage } from '../pages/jobs/jobs-page.tsx';
import { LendPage } from '../pages/lend/lend-page.tsx';
import { LedgerPage } from '../pages/ledger/ledger-page.tsx';
import { MachinePage } from '../pages/machine/machine-page.tsx';
import { NetworkPage } from '../pages/network/network-page.tsx';
import { ProofsPage } from '../pages/proofs/proofs-page.tsx';
import { RewardsPage } from '../pages/rewards/rewards-page.tsx';
import { SettingsPage } from '../pages/settings/settings-page.tsx';
import { SharePage } from '../pages/share/share-page.tsx';
import { TunnelsPage } from '../pages/tunnels/tunnels-page.tsx';
import { WalletPage } from '../pages/wallet/wallet-page.tsx';
import { useNode } from '../state/node-context.tsx';
import { type Route, useRoute } from '../state/route.ts';
import { forgetToken } from '../state/token.ts';
import { NoToken } from './no-token.tsx';
import { usePaymentNotices } from './use-payment-notices.ts';
import { ConnectionBanner, Shell } from './shell.tsx';

const PageOf = ({ route }: { route: Route }) => {
  switch (route.page) {
    case 'home':
      return <HomePage />;
    case 'share':
      return <SharePage part={route.part} />;
    case 'jobs':
      return <JobsPage part={route.part} />;
    case 'containers':
      return <ContainersPage part={route.part} />;
    case 'lend':
      return <LendPage />;
    case 'borrow':
      return <BorrowPage />;
    case 'wallet':
      return <WalletPage part={route.part} />;
    case 'rewards':
      return <RewardsPage part={route.part} />;
    case 'tunnels':
      return <TunnelsPage />;
    case 'network':
      return <NetworkPage part={route.part} />;
    case 'proofs':
      return <ProofsPage />;
    case 'blocks':
      return <BlocksPage part={route.part} />;
    case 'ledger':
      return <LedgerPage part={route.part} />;
    case 'machine':
      return <MachinePage />;
    case 'settings':
      return <SettingsPage part={route.part} />;
    case 'diagnostics':
      return <DiagnosticsPage />;
  }
};

/** The owner's choice of theme, as the settings have it, put on the page. */
const useTheme = (): void => {
  const theme = useNode((state) => state.config?.theme);
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (theme !== undefined) setColorScheme(theme === 'system' ? 'auto' : theme);
  }, [theme, setColorScheme]);
};

const Notices = (): null => {
  usePaymentNotices();
  return null;
};

/** Everything below the providers: first run, or the pages with their navigation. */
export const App = () => {
  const route = useRoute();
  const connection = useNode((state) => state.connection);
  const firstRunDone = useNode((state) => state.config?.firstRunDone);
  const loadError = useNode((state) => state.loadError);
  useTheme();

  if (connection.status === 'refused') {
    return (
      <NoToken
        refused
        onForget={() => {
          forgetToken(window);
          window.location.reload();
        }}
      />
    );
  }
  if (firstRunDone === undefined) {
    return (
      <main className="hm-door">
        <ConnectionBanner />
        {loadError === null || connection.status !== 'connected' ? (
          <Loading what="the node" />
        ) : (
          <ErrorNote title="The node did not answer as it should" error={loadError} />
        )}
      </main>
    );
  }
  if (!firstRunDone) return <FirstRun />;
  return (
    <Shell route={route}>
      <Notices />
      <PageOf route={route} />
    </Shell>
  );
};
