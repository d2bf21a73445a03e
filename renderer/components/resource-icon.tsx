import {
  IconBox,
  IconCoin,
  IconCpu,
  IconDatabase,
  IconDeviceDesktopAnalytics,
  IconNetwork,
  IconServer2,
} from '@tabler/icons-react';
import type { ResourceKey } from '../../preload/contract/index.ts';
import { kindOf } from './quantity.ts';

const ICONS = {
  cpu: IconCpu,
  gpu: IconDeviceDesktopAnalytics,
  memory: IconServer2,
  storage: IconDatabase,
  network: IconNetwork,
  container: IconBox,
  economic: IconCoin,
};

/** A resource's picture; always beside its name, so hidden from screen readers. */
export const ResourceIcon = ({ resource, size = 18 }: { resource: ResourceKey; size?: number }) => {
  const Icon = ICONS[kindOf(resource)];
  return <Icon size={size} stroke={1.75} aria-hidden focusable="false" />;
};
