import { MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import { act, render } from '@testing-library/react';
import type { ReactElement } from 'react';
import { theme } from '../../../renderer/app/theme.ts';
import { connectBridge } from '../../../renderer/state/connection.ts';
import { NodeProvider } from '../../../renderer/state/node-context.tsx';
import { createNodeAccess, type NodeAccess, type Visibility } from '../../../renderer/state/node-store.ts';
import { createFakeNodeClient, type FakeNodeClient } from '../../support/fake-node-client.ts';

/** A document that can be hidden at will. */
export const createVisibility = (): Visibility & { set(hidden: boolean): void } => {
  const listeners = new Set<() => void>();
  const visibility = {
    hidden: false,
    addEventListener: (_: string, listener: unknown) => void listeners.add(listener as () => void),
    removeEventListener: (_: string, listener: unknown) => void listeners.delete(listener as () => void),
    set: (hidden: boolean) => {
      visibility.hidden = hidden;
      for (const listener of listeners) listener();
    },
  };
  return visibility as Visibility & { set(hidden: boolean): void };
};

/** Shows a component with a fake node behind it, once the first reading of everything is there. */
export const show = async (
  element: ReactElement,
  prepare: (fake: FakeNodeClient) => void = () => {},
): Promise<{ fake: FakeNodeClient; node: NodeAccess; visibility: ReturnType<typeof createVisibility> }> => {
  const fake = createFakeNodeClient();
  prepare(fake);
  const visibility = createVisibility();
  const node = createNodeAccess(connectBridge(fake), visibility);
  await act(async () => {
    render(
      <MantineProvider theme={theme} env="test">
        <NodeProvider node={node}>
          <ModalsProvider>
            <Notifications />
            {element}
          </ModalsProvider>
        </NodeProvider>
      </MantineProvider>,
    );
    await node.refresh();
  });
  return { fake, node, visibility };
};
