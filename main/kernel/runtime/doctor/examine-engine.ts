import type { Clock } from '../../../base/index.ts';
import { parseEndpoint, socketProblem } from '../../assets/index.ts';
import { AskError, createAsk, objectOf, shownText, type Ask } from './ask-engine.ts';
import { API_MIN, PING_BAD_MS, PING_SLOW_MS, PINGS } from './constants.ts';
import { versionOf, infoOf, skipped, type EngineVersion, type Examined, type Finding } from './examined.ts';
import type { HostFacts } from './host-facts.ts';

/** What is found at one endpoint. */
type Reached = { ok: true; ask: Ask; version: EngineVersion } | { ok: false; cause: string; message: string };

const reach = async (endpoint: string, clock: Clock, signal: AbortSignal): Promise<Reached> => {
  const address = parseEndpoint(endpoint);
  if (address === null) return { ok: false, cause: 'ENDPOINT', message: 'it names no address' };
  if ('socketPath' in address && !address.socketPath.startsWith('//')) {
    const cause = await socketProblem(address.socketPath);
    if (cause !== null) return { ok: false, cause, message: 'it is no socket' };
  }
  const ask = createAsk(address, clock);
  try {
    const version = versionOf(objectOf(await ask('/version', { signal })));
    if (version.api === null) return { ok: false, cause: 'ANSWER', message: 'it does not say its version' };
    return { ok: true, ask, version };
  } catch (error) {
    if (!(error instanceof AskError) || signal.aborted) throw error;
    return { ok: false, cause: error.code, message: error.message };
  }
};

/** Looks at the endpoint where the node found something, or nothing. Fills `endpoint`, `ask` and `version`. */
export const findEngine = async (
  examined: Examined,
  endpoint: string | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ engine: Finding; rights: Finding }> => {
  const { host } = examined;
  const rightless = skipped('Not looked at: no engine answers.');
  if (endpoint === null) return { engine: noneFound(host), rights: rightless };
  const reached = await reach(endpoint, clock, signal);
  if (reached.ok) {
    examined.endpoint = endpoint;
    examined.ask = reached.ask;
    examined.version = reached.version;
    const { engine, version } = reached.version;
    return {
      engine: { result: 'good', sentence: `${engine} ${version} listens at ${endpoint}.` },
      rights: rightsOf(examined),
    };
  }
  if (reached.cause === 'EACCES' || reached.cause === 'EPERM')
    return {
      engine: { result: 'good', sentence: `A container engine has its socket at ${endpoint}.` },
      rights: withoutRights(endpoint, host),
    };
  return { engine: notAnswering({ endpoint, ...reached }, host), rights: rightless };
};

const rightsOf = ({ host, endpoint, version }: Examined): Finding => {
  const who = host.userName === '' ? 'This user' : `The user ${shownText(host.userName)}`;
  if (endpoint === null || host.platform !== 'linux') return { result: 'good', sentence: `${who} may use it.` };
  const why = host.isRoot
    ? 'as root'
    : host.dockerGroup !== null && host.groups.includes(host.dockerGroup.id)
      ? 'as a member of the group docker, which is as good as root on this machine'
      : 'as the owner of its socket';
  return { result: 'good', sentence: `${who} may use ${version?.engine ?? 'it'} ${why}.` };
};

const withoutRights = (endpoint: string, host: HostFacts): Finding => {
  const member = host.dockerGroup?.members.includes(host.userName) === true;
  const rootless = host.podmanUserUnit
    ? ' Or use Podman without root, which is installed here.'
    : host.rootlessSetup
      ? ' Or set up Docker without root, for which its program is installed here.'
      : '';
  return {
    result: 'bad',
    problem: member ? 'login' : 'rights',
    sentence: member
      ? `The user ${shownText(host.userName)} is in the group docker, but this session began before that and may not use ${endpoint}.`
      : `The user ${shownText(host.userName)} may not use the socket ${endpoint}.`,
    fix: member
      ? 'Log out of the whole session and in again.'
      : `Add the user to the group docker, which is as good as root on this machine, and log in again.${rootless}`,
    command: member
      ? ''
      : host.podmanUserUnit
        ? USER_PODMAN
        : /^[a-z_][a-z0-9_-]{0,31}$/.test(host.userName)
          ? `sudo usermod -aG docker ${host.userName}`
          : 'sudo usermod -aG docker "$USER"',
    fixable: host.podmanUserUnit,
  };
};

/** Starts a user's own Podman, now and with every login. */
const USER_PODMAN = 'systemctl --user enable --now podman.socket';

const noneFound = (host: HostFacts): Finding => {
  const found = { result: 'bad', problem: 'none', sentence: 'No container engine was found.' } as const;
  if (host.podmanUserUnit)
    return {
      ...found,
      sentence: 'No container engine runs, but Podman is installed and only has to be started.',
      fix: 'Start your own Podman.',
      command: USER_PODMAN,
      fixable: true,
    };
  switch (host.platform) {
    case 'darwin':
      return {
        ...found,
        fix: 'Install Docker Desktop or Podman; on macOS either runs containers in a virtual machine of its own.',
        command: 'brew install podman && podman machine init && podman machine start',
      };
    case 'win32':
      return {
        ...found,
        fix: 'Install Docker Desktop or Podman; on Windows either needs WSL 2, and with it virtualisation switched on in the firmware.',
        command: 'winget install -e --id RedHat.Podman',
      };
    default: {
      const commands = {
        'apt-get': 'sudo apt-get install docker.io',
        dnf: 'sudo dnf install podman && systemctl --user enable --now podman.socket',
        pacman: 'sudo pacman -S docker && sudo systemctl enable --now docker.socket',
        zypper: 'sudo zypper install docker && sudo systemctl enable --now docker.socket',
      };
      return {
        ...found,
        fix: 'Install Docker or Podman, or set the endpoint of one in the settings. Everything but containers works without.',
        command: host.packages === null ? '' : commands[host.packages],
      };
    }
  }
};

const notAnswering = (
  { endpoint, cause, message }: { endpoint: string; cause: string; message: string },
  host: HostFacts,
): Finding => {
  const start =
    host.platform === 'linux' && host.systemd && endpoint.includes('docker.sock') ? 'sudo systemctl start docker' : '';
  switch (cause) {
    case 'ENOENT':
      return {
        result: 'bad',
        problem: 'absent',
        sentence: `There is no container engine at ${endpoint}.`,
        fix: 'Start it, or correct the endpoint in the settings.',
        command: start,
      };
    case 'ECONNREFUSED':
      return {
        result: 'bad',
        problem: 'stopped',
        sentence: `The container engine at ${endpoint} is not running.`,
        fix: 'Start it.',
        command: start,
      };
    case 'TIMEOUT':
      return {
        result: 'bad',
        problem: 'silent',
        sentence: `Something listens at ${endpoint}, but ${shownText(message)}.`,
        fix: 'Restart the engine; if it is none, correct the endpoint in the settings.',
        command: start === '' ? '' : 'sudo systemctl restart docker',
      };
    case 'ENDPOINT':
      return {
        result: 'bad',
        problem: 'endpoint',
        sentence: `The endpoint ${shownText(endpoint)} is not valid.`,
        fix: 'Write it like unix:///var/run/docker.sock or tcp://[::1]:2375 in the settings.',
      };
    default:
      return {
        result: 'bad',
        problem: 'stranger',
        sentence: `What listens at ${endpoint} does not answer like a container engine: ${shownText(message)}.`,
        fix: 'Correct the endpoint in the settings, or end the program that has taken the place of the engine.',
      };
  }
};

/** Needs `version`; fills `info`. */
export const examineVersion = async (examined: Examined, signal: AbortSignal): Promise<Finding> => {
  const { ask, version } = examined;
  if (ask === null || version?.api == null) return skipped('Not looked at: no engine answers.');
  const [major, minor] = version.api;
  const api = `${major}.${minor}`;
  if (major < API_MIN[0] || (major === API_MIN[0] && minor < API_MIN[1])) {
    examined.ask = null;
    return {
      result: 'bad',
      problem: 'old',
      sentence: `${version.engine} ${version.version} speaks API ${api}; ${API_MIN.join('.')} is the oldest that can be used.`,
      fix: 'Update it to Docker 20.10 or Podman 4 at least.',
    };
  }
  const info = infoOf(objectOf(await ask('/info', { signal })));
  examined.info = info;
  if (info.osType !== '' && info.osType !== 'linux') {
    examined.ask = null;
    return {
      result: 'bad',
      problem: 'windows',
      sentence: `The engine runs ${info.osType} containers; jobs are Linux containers.`,
      fix: 'Switch Docker Desktop to Linux containers in its menu.',
    };
  }
  return { result: 'good', sentence: `${version.engine} ${version.version} speaks API ${api}.` };
};

export const examineAnswer = async ({ ask }: Examined, signal: AbortSignal): Promise<Finding> => {
  if (ask === null) return skipped('Not measured: there is no engine that can be used.');
  const times: number[] = [];
  for (let count = 0; count < PINGS; count++) times.push((await ask('/_ping', { signal })).tookMs);
  const middle = times.toSorted((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0;
  const sentence = `It answers within ${middle < 10 ? middle.toFixed(1) : Math.round(middle)} ms (median of ${PINGS}).`;
  if (middle < PING_SLOW_MS) return { result: 'good', sentence };
  return {
    result: middle < PING_BAD_MS ? 'warning' : 'bad',
    problem: 'slow',
    sentence,
    fix: 'See what keeps it busy: too many containers, a full disk, or too little memory; a restart may help.',
  };
};
