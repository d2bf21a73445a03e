import '../styles/mantine.ts';
import '../styles/base.css';
import '../styles/parts.css';
import { MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { NodeClient } from '../../preload/contract/index.ts';
import { type ConnectedClient, connectBridge } from '../state/connection.ts';
import { NodeProvider } from '../state/node-context.tsx';
import { createNodeAccess } from '../state/node-store.ts';
import { takeToken } from '../state/token.ts';
import { createWebSocketClient } from '../state/websocket-client.ts';
import { App } from './app.tsx';
import { NoToken } from './no-token.tsx';
import { cssVariables, theme } from './theme.ts';

declare global {
  interface Window {
    /** The preload bridge; there in the window only. */
    hypermesh?: NodeClient;
  }
}

const socketAddress = ({ protocol, host }: Location): string =>
  `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/v1/socket`;

/** The bridge in the window, a WebSocket in a browser, nothing without a token. */
const connect = (): ConnectedClient | null => {
  if (window.hypermesh !== undefined) return connectBridge(window.hypermesh);
  const token = takeToken(window);
  return token === null ? null : createWebSocketClient({ url: socketAddress(window.location), token });
};

const client = connect();
const node = client === null ? null : createNodeAccess(client, document);
// A new address pasted into a tab that is already open changes only the part after `#`, which loads nothing anew.
window.addEventListener('hashchange', () => {
  if (window.hypermesh === undefined && window.location.hash.startsWith('#token=')) {
    takeToken(window);
    window.location.reload();
  }
});

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id root');
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      {node === null ? (
        <NoToken />
      ) : (
        <NodeProvider node={node}>
          <ModalsProvider labels={{ confirm: 'Confirm', cancel: 'Cancel' }}>
            <Notifications position="bottom-right" limit={4} />
            <App />
          </ModalsProvider>
        </NodeProvider>
      )}
    </MantineProvider>
  </StrictMode>,
);
