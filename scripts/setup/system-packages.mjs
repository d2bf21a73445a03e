// What the tests (and Electron itself) need of the system: found, installed with apt-get where that is permitted, otherwise named with
// the exact command. Node's built-ins only.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { outputTail, run, which } from './command.mjs';

/**
 * @typedef {object} Need
 * @property {string} name - short, for `--list` and messages
 * @property {string} what - which tests cannot run without it
 * @property {readonly string[]} programs - all must be found
 * @property {readonly string[]} packages - Debian packages that bring them; `a|b`: the first one this release of the system knows
 */

/**
 * Shared libraries that Electron's program is linked against, with the Debian package of each. Names ending in t64 are those of
 * releases with 64-bit time (Debian 13, Ubuntu 24.04).
 *
 * @type {Readonly<Record<string, string>>}
 */
export const LIBRARY_PACKAGES = {
  'libgtk-3.so': 'libgtk-3-0t64|libgtk-3-0',
  'libnss3.so': 'libnss3',
  'libnssutil3.so': 'libnss3',
  'libsmime3.so': 'libnss3',
  'libnspr4.so': 'libnspr4',
  'libasound.so': 'libasound2t64|libasound2',
  'libgbm.so': 'libgbm1',
  'libXss.so': 'libxss1',
  'libatk-bridge-2.0.so': 'libatk-bridge2.0-0t64|libatk-bridge2.0-0',
  'libatk-1.0.so': 'libatk1.0-0t64|libatk1.0-0',
  'libatspi.so': 'libatspi2.0-0t64|libatspi2.0-0',
  'libdrm.so': 'libdrm2',
  'libxkbcommon.so': 'libxkbcommon0',
  'libXdamage.so': 'libxdamage1',
  'libXrandr.so': 'libxrandr2',
  'libXcomposite.so': 'libxcomposite1',
  'libXfixes.so': 'libxfixes3',
  'libXext.so': 'libxext6',
  'libX11.so': 'libx11-6',
  'libxcb.so': 'libxcb1',
  'libcups.so': 'libcups2t64|libcups2',
  'libdbus-1.so': 'libdbus-1-3',
  'libpango-1.0.so': 'libpango-1.0-0',
  'libcairo.so': 'libcairo2',
  'libexpat.so': 'libexpat1',
  'libudev.so': 'libudev1',
  'libglib-2.0.so': 'libglib2.0-0t64|libglib2.0-0',
  'libgobject-2.0.so': 'libglib2.0-0t64|libglib2.0-0',
  'libgio-2.0.so': 'libglib2.0-0t64|libglib2.0-0',
};

/** Loaded while running, so `ldd` does not name them: without them a notification or the key store silently does not work. */
const ELECTRON_RUNTIME_PACKAGES = ['libnotify4', 'libsecret-1-0'];

/** @type {readonly Need[]} */
export const TEST_NEEDS = [
  { name: 'display', what: 'everything in a window (e2e)', programs: ['Xvfb', 'xauth'], packages: ['xvfb', 'xauth'] },
  { name: 'session bus', what: 'notifications and autostart (e2e)', programs: ['dbus-daemon'], packages: ['dbus'] },
  {
    name: 'key ring',
    what: 'keys under the key store of a session (e2e)',
    programs: ['gnome-keyring-daemon'],
    packages: ['gnome-keyring'],
  },
  {
    name: 'browser',
    what: 'the page in a browser (e2e)',
    programs: ['chromium|chromium-browser|google-chrome'],
    packages: ['chromium'],
  },
  {
    name: 'container engine',
    what: 'jobs in containers, their images and their doctor against a real engine, which each test starts for itself',
    programs: ['dockerd', 'iptables', 'busybox'],
    packages: ['docker.io', 'iptables', 'busybox-static'],
  },
  {
    name: 'packaging',
    what: 'the .deb and everything on the installed package',
    programs: ['fakeroot', 'dpkg-deb'],
    packages: ['fakeroot'],
  },
  {
    name: 'network tools',
    what: 'the network adapter against real interfaces, nodes behind real NATs',
    programs: ['ip', 'nft', 'tc'],
    packages: ['iproute2', 'nftables'],
  },
  {
    name: 'compiler',
    what: 'the helper of the VPN, which is compiled with the build',
    programs: ['gcc', 'setcap'],
    packages: ['gcc', 'libc6-dev', 'libcap2-bin'],
  },
  {
    name: 'router',
    what: 'ports that a real router opens over UPnP, NAT-PMP and PCP',
    programs: ['miniupnpd'],
    packages: ['miniupnpd-nftables'],
  },
  {
    name: 'programs that go through tunnels',
    what: 'forwards, proxies and the VPN with what people really use',
    programs: ['curl', 'ssh', 'sshd', 'iperf3', 'dig', 'ping'],
    packages: ['curl', 'openssh-client', 'openssh-server', 'iperf3', 'bind9-dnsutils', 'iputils-ping'],
  },
];

/**
 * @param {Need} need
 * @param {(name: string) => string | null} [find]
 * @returns {string[]} programs that are not there
 */
export function missingPrograms(need, find = which) {
  return need.programs.filter((names) => !names.split('|').some((name) => find(name) !== null));
}

/**
 * @param {string} lddOutput - of `ldd`
 * @returns {string[]} libraries it did not find, such as `libgtk-3.so.0`
 */
export function parseMissingLibraries(lddOutput) {
  return [...new Set([...lddOutput.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? ''))];
}

/**
 * @param {readonly string[]} libraries
 * @returns {{ packages: string[], unknown: string[] }} packages that bring them, and libraries for which none is known
 */
export function packagesOf(libraries) {
  const packages = new Set();
  const unknown = [];
  for (const library of libraries) {
    const name = LIBRARY_PACKAGES[library.replace(/\.so(\.\d+)*$/, '.so')];
    if (name === undefined) unknown.push(library);
    else packages.add(name);
  }
  return { packages: [...packages], unknown };
}

/**
 * @param {string} electronExecutable
 * @returns {Promise<string[]>} shared libraries Electron cannot find; empty where there is no `ldd` to ask (not Linux)
 */
export async function missingElectronLibraries(electronExecutable) {
  if (process.platform !== 'linux' || which('ldd') === null) return [];
  return parseMissingLibraries((await run('ldd', [electronExecutable])).stdout);
}

/** @returns {boolean} whether packages come from apt here */
export function hasApt() {
  return process.platform === 'linux' && which('apt-get') !== null && which('dpkg-query') !== null;
}

/**
 * Picks, for every `a|b`, the name that this release knows.
 *
 * @param {readonly string[]} packages
 * @returns {Promise<string[]>}
 */
export async function resolvePackages(packages) {
  /** @type {string[]} */
  const names = [];
  for (const choice of packages) {
    const options = choice.split('|');
    let chosen = options.at(-1) ?? choice;
    if (options.length > 1) {
      for (const option of options) {
        if ((await run('apt-cache', ['show', '--no-all-versions', option])).code === 0) {
          chosen = option;
          break;
        }
      }
    }
    if (!names.includes(chosen)) names.push(chosen);
  }
  return names;
}

/**
 * @param {readonly string[]} packages
 * @returns {Promise<string>} the exact command a person types to install them
 */
export async function installCommand(packages) {
  return `sudo apt-get update && sudo apt-get install --no-install-recommends ${(await resolvePackages(packages)).join(' ')}`;
}

/**
 * @param {readonly string[]} packages
 * @returns {Promise<string[]>} those that dpkg does not list as installed
 */
async function notInstalled(packages) {
  const missing = [];
  for (const choice of packages) {
    const installed = await Promise.all(
      choice
        .split('|')
        .map(
          async (name) => (await run('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])).stdout === 'installed',
        ),
    );
    if (!installed.includes(true)) missing.push(choice);
  }
  return missing;
}

/** @returns {Promise<string[] | null>} what goes before `apt-get`: nothing for root, `sudo -n` where it asks for no password; null: may not */
async function privilege() {
  if (process.getuid?.() === 0) return [];
  return which('sudo') !== null && (await run('sudo', ['-n', 'true'])).code === 0 ? ['sudo', '-n'] : null;
}

/** apt may wait for another apt; a slow mirror took 6 minutes for all of it. */
const APT_TIMEOUT_MS = 20 * 60_000;

/**
 * Sees to it that the tests find what they need, as far as that is permitted.
 *
 * @param {import('./progress.mjs').Progress} progress
 * @param {{ electronExecutable: string | null }} options - null: Electron itself is not there
 * @returns {Promise<Map<string, string>>} by name of the need (and `electron libraries`): why it is not met. Empty: all is there.
 */
export async function ensureTestNeeds(progress, { electronExecutable }) {
  const wanted = async () => {
    const needs = TEST_NEEDS.filter((need) => missingPrograms(need).length > 0);
    const libraries = electronExecutable === null ? [] : await missingElectronLibraries(electronExecutable);
    return { needs, libraries };
  };
  let { needs, libraries } = await wanted();
  /** @type {string[]} */
  let packages = [];
  if (hasApt()) {
    packages = [...needs.flatMap((need) => need.packages), ...packagesOf(libraries).packages];
    if (electronExecutable !== null && process.platform === 'linux')
      packages.push(...(await notInstalled(ELECTRON_RUNTIME_PACKAGES)));
  }
  let command = '';
  if (packages.length > 0) {
    command = await installCommand(packages);
    const before = await privilege();
    if (before === null) {
      progress.say(
        `Some tests need packages that only an administrator can install. The command for all of them:\n  ${command}`,
      );
    } else {
      const stage = progress.stage('System packages');
      progress.say(`  ${command.replaceAll('sudo ', before.length > 0 ? 'sudo -n ' : '')}`);
      const problem = await aptInstall(before, packages, (detail) => stage.detail(detail));
      if (problem === null) stage.done(packages.map((name) => name.split('|').at(-1)).join(' '));
      else {
        stage.failed('apt-get could not install them');
        progress.say(`${problem}\nYou can try it by hand:\n  ${command}`);
      }
      ({ needs, libraries } = await wanted());
    }
  }
  const unmet = new Map();
  const advice = command === '' ? 'install it with your system’s package manager' : `install it with: ${command}`;
  for (const need of needs) {
    const reason = `${missingPrograms(need).join(', ').replaceAll('|', ' or ')} missing`;
    unmet.set(need.name, `${reason}; ${advice}`);
    progress.say(`  ${reason}: cannot test ${need.what}.`);
  }
  if (libraries.length > 0) unmet.set('electron libraries', `Electron finds no ${libraries.join(', ')}; ${advice}`);
  return unmet;
}

/**
 * Packages with a service (docker.io, openssh-server) start it as they are installed. The tests start what they need for themselves, so
 * nothing of the machine is to be started for them. Debian's own way of saying so is a file that every package asks; one that the
 * owner has is left as it is.
 *
 * @param {readonly string[]} before - what goes before a command that needs root
 * @returns {Promise<() => Promise<void>>} what takes it away again
 */
async function keepServicesDown(before) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return async () => undefined;
  /** @param {string} line */
  const shell = (line) => {
    const [command, ...rest] = [...before, 'sh', '-c', line];
    return run(command, rest);
  };
  await shell(`printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`);
  return async () => void (await shell(`rm -f ${policy}`));
}

/**
 * @param {readonly string[]} before
 * @param {readonly string[]} packages
 * @param {(detail: string) => void} detail
 * @returns {Promise<string | null>} what went wrong, null: nothing
 */
async function aptInstall(before, packages, detail) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  /** @param {readonly string[]} args */
  const apt = (args) => {
    const [command = 'apt-get', ...rest] = [...before, 'apt-get', ...args];
    return run(command, rest, { env, timeoutMs: APT_TIMEOUT_MS, onLine: (line) => detail(line.slice(0, 60)) });
  };
  const updated = await apt(['-q', 'update']);
  const letStart = await keepServicesDown(before);
  const result = await apt([
    '-q',
    '-y',
    '-o',
    'DPkg::Lock::Timeout=300',
    'install',
    '--no-install-recommends',
    ...(await resolvePackages(packages)),
  ]);
  await letStart();
  if (result.code === 0) return null;
  return outputTail(updated.code === 0 ? result : { ...result, stderr: `${updated.stderr}\n${result.stderr}` });
}

/**
 * A sentence about Electron's missing libraries for somebody who wants to start the app, or null when none is missing.
 *
 * @param {string} electronExecutable
 * @returns {Promise<string | null>}
 */
export async function explainMissingLibraries(electronExecutable) {
  const libraries = await missingElectronLibraries(electronExecutable);
  if (libraries.length === 0) return null;
  const { packages, unknown } = packagesOf(libraries);
  const how =
    hasApt() && packages.length > 0
      ? `install them with:\n  ${await installCommand(packages)}`
      : 'install them with your system’s package manager';
  const rest = unknown.length > 0 && packages.length > 0 ? `\nFor ${unknown.join(', ')} no package is known here.` : '';
  return `Electron cannot find ${libraries.join(', ')}: ${how}${rest}\nWithout a window the node runs as it is: npm start -- --headless`;
}

/**
 * Whether Chromium's sandbox can work for an ordinary user: through user namespaces, or through a setuid helper.
 *
 * @param {string} electronFolder
 * @param {(path: string) => string | null} readText - null: no such file
 * @param {boolean} helperIsSetuid
 * @returns {string | null} what to do when it cannot; null when it can
 */
export function explainBlockedSandbox(electronFolder, readText, helperIsSetuid) {
  if (helperIsSetuid) return null;
  const blocked =
    readText('/proc/sys/kernel/unprivileged_userns_clone')?.trim() === '0' ||
    readText('/proc/sys/user/max_user_namespaces')?.trim() === '0' ||
    readText('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim() === '1';
  if (!blocked || !existsSync(join(electronFolder, 'chrome-sandbox'))) return null;
  const helper = join(electronFolder, 'chrome-sandbox');
  return `This system keeps ordinary programs from making user namespaces, which Electron's sandbox needs: let its helper do it with\n  sudo chown root:root '${helper}' && sudo chmod 4755 '${helper}'`;
}
