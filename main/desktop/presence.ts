import { powerMonitor } from 'electron';
import type { PresenceSource } from '../kernel/monitor/index.ts';

export interface PresenceInit {
  /**
   * Why this session cannot tell when a person last touched it, or null when it can. Known to the entry, which may look
   * at the environment.
   */
  blindReason: string | null;
}

/** Asks the desktop when somebody last used keyboard or pointer. */
export const createPresenceSource = ({ blindReason }: PresenceInit): PresenceSource => ({
  async idleMs() {
    if (blindReason !== null) return { known: false, reason: blindReason };
    const idleSeconds = powerMonitor.getSystemIdleTime();
    // Electron answers with a negative number where the system has no such figure.
    if (idleSeconds < 0) return { known: false, reason: 'This desktop does not tell how long nobody has used it.' };
    return { known: true, value: idleSeconds * 1000 };
  },
});
