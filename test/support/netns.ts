import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

// Networks of real hosts and routers in name spaces of Linux: an internet that routes between them, routers with NATs of each kind,
// firewalls, loss, delay and cuts. Addresses look public, so that nothing takes them for private ones, and exist nowhere but here.

/** `cone`: mapping independent of the destination, filter by address and port, which is plain masquerading. `open`: routes without a filter. */
export type RouterKind = 'open' | 'full-cone' | 'cone' | 'symmetric';
export interface HostInit {
  /** A router's name; the internet itself when absent. */
  behind?: string;
  /** @default both */
  families?: readonly (4 | 6)[];
}
export interface RouterInit {
  /** NAT of IPv4. */
  kind: RouterKind;
  /** Lets IPv6 in only as an answer. @default true */
  firewall6?: boolean;
  /** @default both */
  families?: readonly (4 | 6)[];
  /** Runs a real miniupnpd: which of its protocols. */
  miniupnpd?: { upnp: boolean; pmp: boolean; version2?: boolean };
}
export interface Host {
  readonly name: string;
  /** Null where the host has no address of this family. */
  readonly v4: string | null;
  readonly v6: string | null;
}
/** A process in a host, read line by line. */
export interface HostChild {
  readonly pid: number;
  write(line: string): void;
  /** @throws {Error} with what it wrote to stderr when it ends before, or says nothing for too long */
  nextLine(timeoutMs?: number): Promise<string>;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}
export interface TestNetwork {
  router(name: string, init: RouterInit): Host & { readonly lan4: string | null };
  host(name: string, init?: HostInit): Host;
  /** Name of a host's space, for `ip netns exec`. */
  namespaceOf(host: string): string;
  /** Runs a program of the system in a host. @returns what it printed @throws {Error} when it fails */
  run(host: string, program: string, args: readonly string[]): string;
  /** @param entry - a TypeScript file, run by the Node that runs the tests */
  start(host: string, entry: string, args?: readonly string[]): HostChild;
  /** Delay and loss of what a host or router sends towards the internet. */
  shape(name: string, rules: { delayMs?: number; lossPercent?: number; megabits?: number }): void;
  /** Drops all UDP (or everything) that a router forwards; null lets it pass again. */
  block(router: string, what: 'udp' | 'all' | null): void;
  /** Drops everything between two addresses in the middle of the internet, or UDP alone. */
  cut(a: string, b: string, what: 'udp' | 'all'): void;
  mend(): void;
  /** Gives a host behind the internet or a router another address, as another network does. */
  move(host: string): Host;
  /** Stops a router's miniupnpd and starts it again, forgetting all mappings. */
  restartMiniupnpd(router: string): Promise<void>;
  close(): Promise<void>;
}

const PREFIX = 'hmt';
const programs = ['/usr/sbin/ip', '/usr/sbin/nft', '/usr/sbin/tc'];
const MINIUPNPD = '/usr/sbin/miniupnpd';
const runHere = (program: string, args: readonly string[], input?: string): { status: number | null; text: string } => {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input });
  return { status: error === undefined ? status : -1, text: `${stdout ?? ''}${stderr ?? ''}` };
};

/** Why networks of name spaces cannot be made here, null where they can. */
export const netnsMissing = (() => {
  if (process.platform !== 'linux') return 'only Linux has network name spaces';
  if (process.getuid?.() !== 0) return 'only root may make network name spaces';
  const missing = programs.filter((program) => runHere(program, ['-V']).status === -1);
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  const probe = `${PREFIX}${process.pid}-probe`;
  const made = runHere('/usr/sbin/ip', ['netns', 'add', probe]);
  if (made.status !== 0) return 'network name spaces are not allowed here';
  const table = runHere('/usr/sbin/ip', ['netns', 'exec', probe, '/usr/sbin/nft', 'add table inet probe']);
  runHere('/usr/sbin/ip', ['netns', 'del', probe]);
  return table.status === 0 ? null : 'nftables is not allowed here';
})();
/** Why there is no real router's port mapping here, null where there is. */
export const miniupnpdMissing =
  netnsMissing ?? (runHere(MINIUPNPD, ['--version']).status === -1 ? 'miniupnpd is not installed' : null);

/** Takes away what processes left that are no more. */
const sweep = (): void => {
  for (const name of readdirSync('/run/netns', { withFileTypes: true }).map((entry) => entry.name)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    removeSpace(name);
  }
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const removeSpace = (space: string): void => {
  for (const pid of runHere('/usr/sbin/ip', ['netns', 'pids', space]).text.split(/\s+/).filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  runHere('/usr/sbin/ip', ['netns', 'del', space]);
};

let networks = 0;
/** @throws {Error} where {@link netnsMissing} says why */
export const createTestNetwork = (): TestNetwork => {
  if (netnsMissing !== null) throw new Error(netnsMissing);
  sweep();
  const base = `${PREFIX}${process.pid}-${networks++}`;
  const spaces: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-netns-'));
  const children = new Set<HostChild>();
  const daemons = new Map<string, ChildProcess>();
  /** Uplinks by host: number of the link, whether behind a router. */
  interface Known extends Host {
    number: number;
    behind: string | null;
    families: readonly (4 | 6)[];
    uplink: string;
    moved: number;
  }
  const known = new Map<string, Known>();
  const routers = new Map<string, { init: RouterInit; lanHosts: number; host: Known }>();
  let links = 0;

  const space = (name: string): string => `${base}-${name}`;
  const must = (program: string, args: readonly string[], input?: string): string => {
    const { status, text } = runHere(program, args, input);
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${text}`);
    return text;
  };
  const ip = (name: string, lines: readonly string[]): void => {
    must('/usr/sbin/ip', ['-n', space(name), '-batch', '-'], lines.join('\n'));
  };
  const inside = (name: string, program: string, args: readonly string[], input?: string): string =>
    must('/usr/sbin/ip', ['netns', 'exec', space(name), program, ...args], input);
  const makeSpace = (name: string, forwards: boolean): void => {
    must('/usr/sbin/ip', ['netns', 'add', space(name)]);
    spaces.push(space(name));
    const on = forwards ? 1 : 0;
    inside(name, '/bin/sh', [
      '-c',
      `cd /proc/sys/net; echo ${on} > ipv4/ip_forward; echo ${on} > ipv6/conf/all/forwarding; echo 0 > ipv6/conf/default/accept_dad; echo 0 > ipv6/conf/default/accept_ra; ip link set lo up`,
    ]);
  };
  const veth = (a: string, nameA: string, b: string, nameB: string): void => {
    must('/usr/sbin/ip', [
      'link',
      'add',
      nameA,
      'netns',
      space(a),
      'type',
      'veth',
      'peer',
      'name',
      nameB,
      'netns',
      space(b),
    ]);
  };
  /** Link `number` of the internet: 11.number.0.0/16 and 2a0b:number::/64, the internet at its end. */
  const toInternet = (name: string, families: readonly (4 | 6)[]): Known => {
    const number = ++links;
    const mid = `u${number}`;
    veth(name, 'wan', 'net', mid);
    const host: Known = {
      name,
      number,
      behind: null,
      families,
      uplink: 'wan',
      moved: 0,
      v4: families.includes(4) ? `11.${number}.0.1` : null,
      v6: families.includes(6) ? `2a0b:${number}::1` : null,
    };
    ip('net', [
      `addr add 11.${number}.0.254/16 dev ${mid}`,
      `addr add 2a0b:${number}::ffff/64 dev ${mid} nodad`,
      `link set ${mid} up`,
      `route add 2a0b:${number}:1::/64 via 2a0b:${number}::1`,
    ]);
    ip(name, [
      'link set wan up',
      ...(host.v4 === null ? [] : [`addr add ${host.v4}/16 dev wan`, `route add default via 11.${number}.0.254`]),
      ...(host.v6 === null
        ? []
        : [`addr add ${host.v6}/64 dev wan nodad`, `route add default via 2a0b:${number}::ffff`]),
    ]);
    return host;
  };
  const cuts: string[] = [];
  const applyCuts = (): void => {
    inside(
      'net',
      '/usr/sbin/nft',
      ['-f', '-'],
      `table inet cuts\ndelete table inet cuts\ntable inet cuts { chain forward { type filter hook forward priority 0;\n${cuts.join('\n')}\n}\n}\n`,
    );
  };
  const rulesOf = ({ kind, firewall6 = true, miniupnpd }: RouterInit): string => {
    const upnp =
      miniupnpd === undefined
        ? { forward: '', nat: '', post: '' }
        : { forward: 'jump miniupnpd', nat: 'jump prerouting_miniupnpd', post: 'jump postrouting_miniupnpd' };
    const natted = kind !== 'open';
    return `
table inet filter {
  chain miniupnpd { }
  chain forward { type filter hook forward priority 0; policy accept;
    ${
      natted
        ? `iifname "wan" meta nfproto ipv4 ct state established,related accept
    iifname "wan" meta nfproto ipv4 ct status dnat accept`
        : ''
    }
    ${upnp.forward}
    ${natted ? 'iifname "wan" meta nfproto ipv4 drop' : ''}
    ${firewall6 ? 'iifname "wan" meta nfproto ipv6 meta l4proto != ipv6-icmp ct state != { established, related } drop' : ''}
  }
  chain input { type filter hook input priority 0; policy accept;
    ct state established,related accept
    iifname "wan" meta l4proto { udp, tcp } drop
  }
}
table inet nat {
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100;
    ${upnp.nat}
    ${kind === 'full-cone' ? 'iifname "wan" meta nfproto ipv4 meta l4proto udp dnat ip to 10.0.0.2' : ''}
  }
  chain postrouting { type nat hook postrouting priority 100;
    ${upnp.post}
    ${natted ? `oifname "wan" meta nfproto ipv4 masquerade ${kind === 'symmetric' ? 'random,fully-random' : ''}` : ''}
  }
}
`;
  };
  const startMiniupnpd = async (name: string): Promise<void> => {
    const { init, host } = routers.get(name)!;
    const config = join(folder, `${name}.conf`);
    const { upnp, pmp, version2 = true } = init.miniupnpd!;
    writeFileSync(
      config,
      `ext_ifname=wan
listening_ip=lan
port=5555
enable_natpmp=${pmp ? 'yes' : 'no'}
enable_upnp=${upnp ? 'yes' : 'no'}
force_igd_desc_v1=${version2 ? 'no' : 'yes'}
secure_mode=yes
min_lifetime=120
max_lifetime=86400
upnp_table_name=filter
upnp_nat_table_name=nat
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=00000000-0000-4000-8000-00000000000${host.number}
allow 1024-65535 10.0.0.0/8 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`,
    );
    const daemon = spawn(
      '/usr/sbin/ip',
      ['netns', 'exec', space(name), MINIUPNPD, '-d', '-f', config, '-P', join(folder, `${name}.pid`)],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    daemons.set(name, daemon);
    let said = '';
    daemon.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    for (let tries = 0; !/listening on|Listening for/i.test(said); tries++) {
      if (tries === 100 || daemon.exitCode !== null) throw new Error(`miniupnpd did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stopDaemon = async (name: string): Promise<void> => {
    const daemon = daemons.get(name);
    daemons.delete(name);
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await ended;
  };

  makeSpace('net', true);
  const network: TestNetwork = {
    router: (name, init) => {
      const families: readonly (4 | 6)[] = init.families ?? [4, 6];
      makeSpace(name, true);
      const host = toInternet(name, families);
      known.set(name, host);
      routers.set(name, { init, lanHosts: 0, host });
      ip(name, [
        'link add lan type bridge',
        'link set lan up',
        ...(families.includes(4) ? ['addr add 10.0.0.1/24 dev lan'] : []),
        ...(families.includes(6) ? [`addr add 2a0b:${host.number}:1::1/64 dev lan nodad`] : []),
      ]);
      inside(name, '/usr/sbin/nft', ['-f', '-'], rulesOf(init));
      return { ...host, lan4: families.includes(4) ? '10.0.0.1' : null };
    },
    host: (name, { behind, families: asked } = {}) => {
      const families: readonly (4 | 6)[] = asked ?? [4, 6];
      makeSpace(name, false);
      if (behind === undefined) {
        const host = toInternet(name, families);
        known.set(name, host);
        return host;
      }
      const router = routers.get(behind)!;
      const number = ++router.lanHosts + 1;
      const shared = families.filter((family) => (router.init.families ?? families).includes(family));
      veth(name, 'eth', behind, `h${number}`);
      ip(behind, [`link set h${number} master lan`, `link set h${number} up`]);
      const host: Known = {
        name,
        number,
        behind,
        families: shared,
        uplink: 'eth',
        moved: 0,
        v4: shared.includes(4) ? `10.0.0.${number}` : null,
        v6: shared.includes(6) ? `2a0b:${router.host.number}:1::${number}` : null,
      };
      ip(name, [
        'link set eth up',
        ...(host.v4 === null ? [] : [`addr add ${host.v4}/24 dev eth`, 'route add default via 10.0.0.1']),
        ...(host.v6 === null
          ? []
          : [`addr add ${host.v6}/64 dev eth nodad`, `route add default via 2a0b:${router.host.number}:1::1`]),
      ]);
      known.set(name, host);
      return host;
    },
    namespaceOf: (host) => space(host),
    run: (host, program, args) => inside(host, program, args),
    start: (host, entry, args = []) => {
      const child = spawn(
        '/usr/sbin/ip',
        ['netns', 'exec', space(host), process.execPath, '--disable-warning=ExperimentalWarning', entry, ...args],
        { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HM_DEBUG: process.env['HM_DEBUG'] } },
      );
      const lines: string[] = [];
      let errors = '';
      let wake = (): void => undefined;
      let ended = false;
      child.stderr.on('data', (data: Buffer) => {
        errors = (errors + data.toString()).slice(-4000);
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        wake();
      });
      child.stdin.on('error', () => undefined);
      const exited = new Promise<void>((resolve) => {
        child.once('close', () => {
          ended = true;
          wake();
          resolve();
        });
      });
      const started: HostChild = {
        pid: child.pid!,
        write: (line) => {
          child.stdin.write(`${line}\n`);
        },
        nextLine: async (timeoutMs = 20_000) => {
          const deadline = Date.now() + timeoutMs;
          for (;;) {
            const line = lines.shift();
            if (line !== undefined) return line;
            if (ended) throw new Error(`${host} ended: ${errors}`);
            if (Date.now() > deadline) throw new Error(`${host} said nothing: ${errors}`);
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()));
              wake = () => {
                clearTimeout(timer);
                resolve();
              };
            });
          }
        },
        kill: async (signal = 'SIGKILL') => {
          child.kill(signal);
          await exited;
          children.delete(started);
        },
      };
      children.add(started);
      return started;
    },
    shape: (name, { delayMs = 0, lossPercent = 0, megabits }) => {
      inside(name, '/usr/sbin/tc', [
        'qdisc',
        'replace',
        'dev',
        known.get(name)!.uplink,
        'root',
        'netem',
        'delay',
        `${delayMs}ms`,
        'loss',
        `${lossPercent}%`,
        'limit',
        '10000',
        ...(megabits === undefined ? [] : ['rate', `${megabits}mbit`]),
      ]);
    },
    block: (router, what) => {
      const rule = what === 'all' ? 'drop' : 'meta l4proto udp drop';
      inside(
        router,
        '/usr/sbin/nft',
        ['-f', '-'],
        `table inet block\ndelete table inet block\n${
          what === null
            ? ''
            : `table inet block { chain forward { type filter hook forward priority -10; ${rule}\n}\n}\n`
        }`,
      );
    },
    cut: (a, b, what) => {
      const udp = what === 'udp' ? 'meta l4proto udp ' : '';
      const family = a.includes(':') ? 'ip6' : 'ip';
      cuts.push(
        `${udp}${family} saddr ${a} ${family} daddr ${b} drop`,
        `${udp}${family} saddr ${b} ${family} daddr ${a} drop`,
      );
      applyCuts();
    },
    mend: () => {
      cuts.length = 0;
      applyCuts();
    },
    move: (name) => {
      const host = known.get(name)!;
      host.moved += 1;
      const last = 100 + host.moved;
      const change = (from: string | null, to: string, bits: number): string[] =>
        from === null
          ? []
          : [
              // In this order: the last address of a network takes its secondary ones with it.
              `addr del ${from}/${bits} dev ${host.uplink}`,
              `addr add ${to}/${bits} dev ${host.uplink}${to.includes(':') ? ' nodad' : ''}`,
            ];
      const v4 = host.behind === null ? `11.${host.number}.0.${last}` : `10.0.0.${last}`;
      const prefix = host.behind === null ? `2a0b:${host.number}` : `2a0b:${routers.get(host.behind)!.host.number}:1`;
      const v6 = `${prefix}::${last}`;
      ip(name, [...change(host.v4, v4, host.behind === null ? 16 : 24), ...change(host.v6, v6, 64)]);
      // Routes go with the last address of their network.
      const gateway4 = host.behind === null ? `11.${host.number}.0.254` : '10.0.0.1';
      const gateway6 = host.behind === null ? `2a0b:${host.number}::ffff` : `${prefix}::1`;
      ip(name, [
        ...(host.v4 === null ? [] : [`route replace default via ${gateway4}`]),
        ...(host.v6 === null ? [] : [`route replace default via ${gateway6}`]),
      ]);
      const moved = { ...host, v4: host.v4 && v4, v6: host.v6 && v6 };
      known.set(name, moved);
      return moved;
    },
    restartMiniupnpd: async (router) => {
      await stopDaemon(router);
      for (const [table, chain] of [
        ['filter', 'miniupnpd'],
        ['nat', 'prerouting_miniupnpd'],
        ['nat', 'postrouting_miniupnpd'],
      ])
        inside(router, '/usr/sbin/nft', [`flush chain inet ${table} ${chain}`]);
      await startMiniupnpd(router);
    },
    close: async () => {
      await Promise.all([...children].map((child) => child.kill()));
      for (const name of daemons.keys()) await stopDaemon(name);
      for (const one of spaces) removeSpace(one);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return network;
};
