import { Drawer } from '@mantine/core';
import type { ReactNode } from 'react';

/** A part of a list taken apart, at the side of the page; Escape closes it, and the focus goes back to where it was. */
export const Sheet = ({ title, onClose, children }: { title: string; onClose(): void; children: ReactNode }) => (
  <Drawer
    opened
    onClose={onClose}
    title={title}
    position="right"
    size={520}
    overlayProps={{ backgroundOpacity: 0.35 }}
    closeButtonProps={{ 'aria-label': 'Close' }}
    classNames={{ title: 'hm-sheet-title', body: 'hm-stack' }}
  >
    {children}
  </Drawer>
);
