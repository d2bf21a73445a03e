import type { Reading } from '../../../preload/contract/index.ts';
import { known, unknown } from './readings.ts';
import { runTool } from './tool.ts';

const NO_MANAGER = 'only NetworkManager tells whether a network is metered, and it does not run here';
const UNDECIDED = 'NetworkManager does not know whether this network is metered';

/** `yes`, `no`, `yes (guessed)`, `no (guessed)` or `unknown`, as nmcli writes NMMetered. */
export const parseMeteredWord = (word: string): Reading<boolean> => {
  const match = /^(yes|no)(?: \(guessed\))?$/.exec(word.trim());
  return match === null ? unknown(UNDECIDED) : known(match[1] === 'yes');
};

/** `nmcli -t -f GENERAL.DEVICE,GENERAL.METERED device show`: one pair of lines per device. */
export const parseNmcliDevices = (text: string): Map<string, Reading<boolean>> => {
  const found = new Map<string, Reading<boolean>>();
  let device: string | null = null;
  for (const line of text.split('\n')) {
    const match = /^GENERAL\.(DEVICE|METERED):(.*)$/.exec(line.trim());
    if (match?.[1] === 'DEVICE') device = match[2] ?? null;
    else if (match?.[1] === 'METERED' && device !== null) {
      found.set(device, parseMeteredWord(match[2] ?? ''));
      device = null;
    }
  }
  return found;
};

/** `busctl get-property … Metered` answers `u N`, N of NMMetered: 1 yes, 2 no, 3 and 4 the same guessed, 0 unknown. */
export const parseBusctlMetered = (text: string): Reading<boolean> => {
  const value = /^u ([0-4])\s*$/.exec(text)?.[1];
  if (value === '1' || value === '3') return known(true);
  if (value === '2' || value === '4') return known(false);
  return unknown(UNDECIDED);
};

/** Each interface that NetworkManager knows. Unknown as a whole where it does not run. */
export const readMeteredByInterface = async (signal?: AbortSignal): Promise<Reading<Map<string, Reading<boolean>>>> => {
  if (process.platform !== 'linux') return unknown('this system does not tell programs whether a network is metered');
  const shown = await runTool('nmcli', ['-t', '-f', 'GENERAL.DEVICE,GENERAL.METERED', 'device', 'show'], signal);
  return shown.status === 'ok' ? known(parseNmcliDevices(shown.output)) : unknown(NO_MANAGER);
};

/** Whether the network in use is metered. */
export const readMetered = async (): Promise<Reading<boolean>> => {
  if (process.platform !== 'linux') return unknown('this system does not tell programs whether a network is metered');
  const name = 'org.freedesktop.NetworkManager';
  // --auto-start=no: asking must not start a service that the owner has off.
  const asked = await runTool('busctl', [
    '--system',
    '--auto-start=no',
    '--timeout=2',
    'get-property',
    name,
    '/org/freedesktop/NetworkManager',
    name,
    'Metered',
  ]);
  if (asked.status === 'ok') return parseBusctlMetered(asked.output);
  if (asked.status === 'failed') return unknown(NO_MANAGER);
  const shown = await runTool('nmcli', ['-t', '-g', 'GENERAL.METERED', 'device', 'show']);
  if (shown.status !== 'ok') return unknown(NO_MANAGER);
  // No bus client at all: metered as soon as one connected device is.
  const words = shown.output
    .split('\n')
    .map(parseMeteredWord)
    .filter((word) => word.known);
  return words.length === 0 ? unknown(UNDECIDED) : known(words.some((word) => word.value));
};
