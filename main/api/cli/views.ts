import { type Call, GRID_CELLS, type Level, type ResponseOf } from '../../../preload/contract/index.ts';
import { chainViews } from './views-chain.ts';
import { identityViews } from './views-identity.ts';
import { jobViews } from './views-jobs.ts';
import { ledgerViews } from './views-ledger.ts';
import { lendingViews } from './views-lending.ts';
import { networkViews } from './views-network.ts';
import { tunnelViews } from './views-tunnels.ts';
import { walletViews } from './views-wallet.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import {
  asAside,
  formatAmount,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatPrice,
  formatRate,
  formatReading,
  formatShort,
  formatTime,
  withLocalTimes,
} from './units.ts';
import { proofViews } from './views-proof.ts';

const yes = (value: boolean): string => (value ? 'yes' : 'no');
const text = (value: string): string => withLocalTimes(printable(value));

const levelColour = (level: Level, style: Style): string =>
  (level.percent === 0 ? style.careful : style.good)(formatPercent(level.percent));

const viewLevels = (levels: Level[], style: Style): string => {
  const table = formatTable(
    [
      { title: 'RESOURCE' },
      { title: 'LEVEL', right: true },
      { title: 'RULE' },
      { title: 'UNTIL' },
      { title: 'WHY', shrinksTo: 24 },
    ],
    levels.map((level) => [
      level.resource,
      levelColour(level, style),
      level.rule,
      level.untilMs === null ? '' : formatTime(level.untilMs),
      text(level.reason),
    ]),
    style,
  );
  const unread = new Map(levels.flatMap((level) => level.unread.map(({ rule, reason }) => [rule, reason])));
  return (
    table +
    [...unread]
      .map(
        ([rule, reason]) =>
          `${wrap(`${style.careful('Not in force:')} ${rule} (${asAside(text(reason))})`, style.columns, 2)}\n`,
      )
      .join('')
  );
};

/** 7 rows of 24 cells: `·` is nothing, `██` is all, everything else its percent. */
export const viewGrid = (grid: readonly number[], style: Style): string => {
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  const cell = (percent: number): string =>
    percent === 0 ? style.faint(' ·') : percent === 100 ? '██' : String(percent).padStart(2);
  const header = `     ${Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0')).join(' ')}\n`;
  const perDay = GRID_CELLS / 7;
  return (
    style.faint(header) +
    days
      .map(
        (day, index) =>
          `${day}  ${grid
            .slice(index * perDay, (index + 1) * perDay)
            .map(cell)
            .join(' ')}\n`,
      )
      .join('')
  );
};

type Share = ResponseOf<'share:set'>;
const viewShare = (share: Share, style: Style): string => {
  const { terms } = share;
  const cells = new Set(share.grid);
  const fields = formatFields(
    [
      ['Resource', style.bold(share.resource)],
      ['Never more than', formatPercent(share.percentMax)],
      ['While in use', formatPercent(share.usingPercent)],
      ['While away', formatPercent(share.awayPercent)],
      ['On battery', formatPercent(share.batteryPercent)],
      ['Metered network', formatPercent(share.meteredPercent)],
      [
        'Week grid',
        cells.size === 1
          ? `${formatPercent(share.grid[0] ?? 0)} all week`
          : `varies; hypermesh share grid ${share.resource} shows it`,
      ],
      ['Privacy', [terms.privacyLevel, ...terms.privacyNames.map(text)].join(' ')],
      ['Allocation', terms.allocationType],
      ['Leases', `${terms.leasesMax} at once, ${formatDuration(terms.leaseMinutesMax * 60_000)} at most`],
      ['Required proofs', terms.requiredProofs.join(', ') || 'none'],
      ['Proxy', `relays ${yes(terms.proxy.relaysAllowed)}, exit ${yes(terms.proxy.exitAllowed)}`],
      ['Price', terms.price.mode === 'market' ? 'market' : formatPrice(terms.price.microPerHour, share.resource)],
    ],
    style,
  );
  // The kinds that leases have; of the others only the owner's jobs take anything.
  if (['memory', 'network', 'cpu', 'container'].includes(share.resource)) return fields;
  const kept = 'From "Privacy" on, all is kept but in force only once this program can lend it to others.';
  return `${fields}\n${style.faint(wrap(kept, style.columns, 0))}\n`;
};

export const viewRules = (rules: ResponseOf<'share:setRules'>, style: Style): string =>
  formatFields(
    [
      ['Away after', `${rules.awayAfterMinutes} min without input`],
      [
        'Temperature',
        rules.temperature === null
          ? 'no ceiling'
          : `${rules.temperature.ceilingCelsius} °C; falls and rises by ${rules.temperature.stepPercent} %, rises again ${rules.temperature.hysteresisCelsius} °C below`,
      ],
      [
        'Programs',
        rules.programs.length === 0
          ? 'none'
          : rules.programs.map(({ name, percent }) => `${text(name)}: ${formatPercent(percent)}`).join(', '),
      ],
      [
        'Send at most',
        rules.network.sendBytesPerSecondMax === null ? 'no limit' : formatRate(rules.network.sendBytesPerSecondMax),
      ],
      [
        'Receive at most',
        rules.network.receiveBytesPerSecondMax === null
          ? 'no limit'
          : formatRate(rules.network.receiveBytesPerSecondMax),
      ],
      ['Per month', rules.network.monthlyBytesMax === null ? 'no limit' : formatBytes(rules.network.monthlyBytesMax)],
    ],
    style,
  );

const viewPause = (pause: ResponseOf<'share:pause'>): string => {
  if (!pause.paused) return 'Not paused.\n';
  return pause.untilMs === null
    ? 'Paused until you resume it: hypermesh resume\n'
    : `Paused until ${formatTime(pause.untilMs)}.\n`;
};

const viewBenchmark = (state: ResponseOf<'benchmark:get'>, style: Style): string => {
  const results = 'results' in state ? state.results : 'partial' in state ? state.partial : [];
  const table =
    results.length === 0
      ? ''
      : formatTable(
          [{ title: 'PART' }, { title: 'RESULT', right: true }, { title: 'MEASURED', shrinksTo: 30 }],
          results.map(({ part, label, unit, value }) => [
            part,
            value.known
              ? unit === 'flops'
                ? `${(value.value / 1e9).toFixed(1)} GFLOPS`
                : formatRate(value.value)
              : '?',
            value.known ? text(label) : `${text(label)}: ${text(value.reason)}`,
          ]),
          style,
        );
  switch (state.status) {
    case 'never':
      return 'Never run; try: hypermesh benchmark\n';
    case 'running':
      return `${table}Running: ${state.part}, ${state.progressPercent} %\n`;
    case 'done':
      return `${table}Done in ${formatDuration(state.tookMs)} on ${formatTime(state.startedAtMs)}\n`;
    case 'cancelled':
      return `${table}Cancelled\n`;
    default:
      return `${table}${style.bad('Failed')}: ${text(state.reason)}\n`;
  }
};

const viewInventory = (inventory: ResponseOf<'hardware:inventory'>, style: Style): string => {
  const { system, cpu, memory, disks, interfaces, gpus, container, economic } = inventory;
  const one = (value: string): string => text(value);
  const number = (value: number): string => String(value);
  const section = (title: string, body: string): string => `${style.bold(title)}\n${body}`;
  const missing = (reading: { known: false; reason: string }): string =>
    `  ${wrap(`unknown (${asAside(text(reading.reason))})`, style.columns, 2)}\n`;
  const listed = <T>(
    reading: { known: true; value: T[] } | { known: false; reason: string },
    none: string,
    show: (values: T[]) => string,
  ): string =>
    !reading.known
      ? missing(reading)
      : reading.value.length === 0
        ? `  ${none}\n`
        : show(reading.value).replaceAll(/^(?=.)/gm, '  ');
  const narrow: Style = { ...style, columns: style.columns - 2 };
  return [
    section(
      'System',
      formatFields(
        [
          ['Host', text(system.hostname)],
          ['System', `${text(system.os)} ${text(system.version)}, kernel ${text(system.kernel)}`],
          ['Virtual machine', formatReading(system.virtualMachine, yes)],
          ['Battery', formatReading(system.battery, yes)],
        ],
        style,
        2,
      ),
    ),
    section(
      'Processor',
      formatFields(
        [
          ['Model', formatReading(cpu.model, one)],
          [
            'Cores',
            `${formatReading(cpu.cores, number)} physical, ${cpu.threads} logical, ${formatReading(cpu.sockets, (sockets) => formatCount(sockets, 'socket'))}`,
          ],
          [
            'Frequency',
            `base ${formatReading(cpu.frequencyBaseMhz, (mhz) => `${Math.round(mhz)} MHz`)}, max ${formatReading(cpu.frequencyMaxMhz, (mhz) => `${Math.round(mhz)} MHz`)}`,
          ],
          [
            'Cache',
            `L1 ${formatReading(cpu.cacheL1Bytes, formatBytes)}, L2 ${formatReading(cpu.cacheL2Bytes, formatBytes)}, L3 ${formatReading(cpu.cacheL3Bytes, formatBytes)}`,
          ],
          ['Temperature', formatReading(cpu.temperatureCelsius, (celsius) => `${Math.round(celsius)} °C`)],
          [
            'Features',
            formatReading(
              cpu.features,
              (features) =>
                `${features.length}, such as ${
                  features
                    .filter((name) => /^(avx|sse4|aes|sha|neon|asimd|fma|bmi)/.test(name))
                    .slice(0, 8)
                    .join(' ') || features.slice(0, 8).join(' ')
                }`,
            ),
          ],
        ],
        style,
        2,
      ),
    ),
    section(
      'Memory',
      formatFields(
        [
          ['Total', formatBytes(memory.totalBytes)],
          ['Swap', formatReading(memory.swapTotalBytes, formatBytes)],
          ['NUMA nodes', formatReading(memory.numaNodes, (nodes) => String(nodes.length))],
          [
            'Modules',
            formatReading(
              memory.modules,
              (modules) =>
                modules
                  .map(({ sizeBytes, kind, slot }) => `${text(slot)}: ${formatBytes(sizeBytes)} ${text(kind)}`)
                  .join(', ') || 'none listed',
            ),
          ],
        ],
        style,
        2,
      ),
    ),
    section(
      'Disks',
      listed(disks, 'None found', (all) =>
        formatTable(
          [
            { title: 'DISK' },
            { title: 'KIND' },
            { title: 'SIZE', right: true },
            { title: 'FREE', right: true },
            { title: 'MOUNTED', shrinksTo: 16 },
          ],
          all.flatMap(({ name, kind, sizeBytes, filesystems }) =>
            filesystems.length === 0
              ? [[text(name), formatShort(kind, one), formatBytes(sizeBytes), '', 'not mounted']]
              : filesystems.map((filesystem, index) => [
                  index === 0 ? text(name) : '',
                  index === 0 ? formatShort(kind, one) : '',
                  formatBytes(filesystem.totalBytes),
                  formatBytes(filesystem.freeBytes),
                  `${text(filesystem.mount)} (${text(filesystem.kind)}${filesystem.readOnly ? ', read-only' : ''})`,
                ]),
          ),
          narrow,
        ),
      ),
    ),
    section(
      'Network',
      listed(interfaces, 'None found', (all) =>
        formatTable(
          [
            { title: 'NAME' },
            { title: 'STATE' },
            { title: 'SPEED', right: true },
            { title: 'METERED' },
            { title: 'ADDRESSES', shrinksTo: 20 },
          ],
          all.map((each) => [
            text(each.name) + (each.isDefault ? ' *' : ''),
            each.up ? 'up' : 'down',
            formatShort(each.speedMbps, (mbps) => `${mbps} Mbit/s`),
            formatShort(each.metered, yes),
            each.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' '),
          ]),
          narrow,
        ),
      ),
    ),
    section(
      'Graphics',
      listed(gpus, 'None found', (all) =>
        formatTable(
          [
            { title: 'CARD' },
            { title: 'MODEL', shrinksTo: 20 },
            { title: 'MEMORY', right: true },
            { title: 'DRIVER', shrinksTo: 8 },
            { title: 'APIS' },
          ],
          all.map((card) => [
            card.software ? `${card.slug} (software)` : `gpu:${card.slug}`,
            text(card.model),
            formatShort(card.memoryBytes, formatBytes),
            formatShort(card.driver, one),
            card.apis.join(' '),
          ]),
          narrow,
        ),
      ),
    ),
    section(
      'Containers',
      container.known
        ? formatFields(
            [
              [
                'Engine',
                `${text(container.value.engine)} ${text(container.value.version)} at ${text(container.value.endpoint)}`,
              ],
              ['Storage', text(container.value.storageDriver)],
              ['Cgroups', `version ${container.value.cgroupVersion}, ${text(container.value.cgroupDriver)}`],
            ],
            style,
            2,
          )
        : missing(container),
    ),
    section('Value', economic.known ? `  ${economic.value.escrowedMicro} micro-CAES in escrow\n` : missing(economic)),
    style.faint(`Looked at ${formatTime(inventory.detectedAtMs)}, in ${formatDuration(inventory.tookMs)}.\n`),
  ].join('\n');
};

const doctorWord = (status: ResponseOf<'doctor:run'>[number]['status'], style: Style): string => {
  switch (status) {
    case 'ok':
      return style.good('ok     ');
    case 'warning':
      return style.careful('warning');
    case 'problem':
      return style.bad('problem');
    default:
      return style.faint('unknown');
  }
};

const sameForAll = (config: ResponseOf<'config:get'>, style: Style): string =>
  formatFields(
    Object.entries(config).map(([key, value]) => [
      key,
      value === null ? 'none' : typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
    style,
  );

/** How each answer of the contract looks in a terminal. A call without a view does not compile. */
export const views: { readonly [C in Call]: (value: ResponseOf<C>, style: Style) => string } = {
  ...identityViews,
  ...lendingViews,
  ...tunnelViews,
  ...ledgerViews,
  ...walletViews,
  'node:status': (status, style) =>
    formatFields(
      [
        ['HyperMesh', `${status.version}, ${status.state}, ${status.mode}, process ${status.pid}`],
        [
          'Since',
          `${formatTime(status.startedAtMs)} (${formatDuration(Math.max(0, style.nowMs - status.startedAtMs))})`,
        ],
        ['API', status.api.listening ? status.api.url : style.bad(text(status.api.reason))],
        ['Data', text(status.dataFolder)],
        ['Phase', `${status.phase.number}: ${text(status.phase.reason)} ${text(status.phase.nextNeeds)}`],
        ['Jobs running', String(status.jobsRunning)],
        ...status.warnings.map(
          ({ code, message }) => ['Attention', `${style.careful(text(message))} (${code})`] as const,
        ),
      ],
      style,
    ),
  'node:stop': () => 'The node stops.\n',
  'app:show': ({ shown }) =>
    shown ? 'The window is shown.\n' : 'This node has no window; open its page: hypermesh status\n',
  'config:get': sameForAll,
  'config:set': sameForAll,
  'logs:read': (lines, style) => lines.map((line) => viewLogLine(line, style)).join(''),
  'doctor:run': (checks, style) =>
    checks
      .map(({ status, title, finding, fix }) => {
        const found = wrap(`${style.bold(title)}: ${text(finding)}`, style.columns, 9);
        const todo = fix === null || status === 'ok' ? '' : `         ${wrap(text(fix), style.columns, 9)}\n`;
        return `${doctorWord(status, style)}  ${found}\n${todo}`;
      })
      .join(''),
  'disk:ledger': (entries, style) =>
    formatTable(
      [{ title: 'SIZE', right: true }, { title: 'WHAT', shrinksTo: 20 }, { title: 'REMOVABLE' }, { title: 'PATH' }],
      entries.map(({ path, sizeBytes, what, removable }) => [
        formatBytes(sizeBytes),
        text(what),
        yes(removable),
        text(path),
      ]),
      style,
    ) + style.faint(`${formatBytes(entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))} in all\n`),
  'bundle:preview': (entries, style) =>
    entries
      .map(
        ({ name, sizeBytes, description, content }) =>
          `${style.bold(`── ${name}`)} (${formatBytes(sizeBytes)}): ${description}\n${content
            .split('\n')
            .map((line) => printable(line))
            .join('\n')}\n`,
      )
      .join(''),
  'bundle:create': ({ path, sizeBytes }) =>
    `Written: ${text(path)} (${formatBytes(sizeBytes)})\nLook into it before you send it to anyone.\n`,
  'hardware:inventory': viewInventory,
  'hardware:detect': viewInventory,
  'hardware:assets': (assets, style) =>
    formatTable(
      [
        { title: 'RESOURCE' },
        { title: 'CAPACITY', right: true },
        { title: 'THERE' },
        { title: 'LABEL', shrinksTo: 16 },
        { title: 'ASSET' },
      ],
      assets.map((asset) => [
        asset.resource,
        formatShort(asset.capacity, (capacity) => formatAmount(capacity, asset.unit)),
        yes(asset.present),
        text(asset.label),
        asset.id,
      ]),
      style,
    ),
  'hardware:live': (sample, style) =>
    formatTable(
      [
        { title: 'RESOURCE' },
        { title: 'IN USE', right: true },
        { title: 'TEMPERATURE', right: true },
        { title: 'NOTE', shrinksTo: 20 },
      ],
      sample.uses.map((use) => [
        use.resource,
        formatShort(use.usedPercent, formatPercent),
        formatShort(use.temperatureCelsius, (celsius) => `${Math.round(celsius)} °C`),
        use.usedPercent.known ? '' : text(use.usedPercent.reason),
      ]),
      style,
    ) +
    formatFields(
      [
        [
          'Network',
          `in ${formatReading(sample.networkReceivedBytesPerSecond, formatRate)}, out ${formatReading(sample.networkSentBytesPerSecond, formatRate)}`,
        ],
        [
          'Disk',
          `read ${formatReading(sample.diskReadBytesPerSecond, formatRate)}, written ${formatReading(sample.diskWrittenBytesPerSecond, formatRate)}`,
        ],
        [
          'HyperMesh',
          `${formatPercent(sample.app.cpuPercentOfCore)} of a core, ${formatBytes(sample.app.memoryBytes)}`,
        ],
      ],
      style,
    ),
  'benchmark:get': viewBenchmark,
  'benchmark:start': viewBenchmark,
  'benchmark:cancel': viewBenchmark,
  'share:get': (share, style) =>
    `${viewPause(share.pause)}\n${formatTable(
      [
        { title: 'RESOURCE' },
        { title: 'MAX', right: true },
        { title: 'IN USE', right: true },
        { title: 'AWAY', right: true },
        { title: 'BATTERY', right: true },
        { title: 'METERED', right: true },
        { title: 'PRIVACY' },
        { title: 'WEEK' },
      ],
      share.resources.map((each) => [
        each.resource,
        formatPercent(each.percentMax),
        formatPercent(each.usingPercent),
        formatPercent(each.awayPercent),
        formatPercent(each.batteryPercent),
        formatPercent(each.meteredPercent),
        each.terms.privacyLevel,
        new Set(each.grid).size === 1 ? formatPercent(each.grid[0] ?? 0) : 'varies',
      ]),
      style,
    )}\n${viewRules(share.rules, style)}${formatFields([['Used this month', formatBytes(share.monthlyBytesUsed)]], style)}`,
  'share:levels': viewLevels,
  'share:preview': viewLevels,
  'share:promises': (promises, style) =>
    formatTable(
      [
        { title: 'RESOURCE' },
        { title: 'LENDABLE', right: true },
        { title: 'PROMISED', right: true },
        { title: 'MAY TAKE', right: true },
        { title: 'MEASURED', right: true },
        { title: 'ALLOCATIONS', right: true },
      ],
      promises.map((each) => [
        each.resource,
        each.lendable === null ? '?' : formatAmount(each.lendable, each.unit),
        formatAmount(each.promised, each.unit),
        formatAmount(each.effective, each.unit),
        each.measured === null ? '?' : formatAmount(each.measured, each.unit),
        String(each.allocations),
      ]),
      style,
    ),
  'share:allocations': (allocations, style) =>
    allocations.length === 0
      ? 'Nothing is allocated.\n'
      : formatTable(
          [
            { title: 'ALLOCATION' },
            { title: 'RESOURCE' },
            { title: 'PROMISED', right: true },
            { title: 'MAY TAKE', right: true },
            { title: 'FOR', shrinksTo: 12 },
            { title: 'SINCE' },
          ],
          allocations.map((each) => [
            each.id,
            each.resource,
            formatAmount(each.promised, each.unit),
            formatAmount(each.effective, each.unit),
            text(each.purpose),
            formatTime(each.createdAtMs),
          ]),
          style,
        ),
  'share:set': viewShare,
  'share:setGrid': (share, style) => viewGrid(share.grid, style),
  'share:setRules': viewRules,
  'share:pause': viewPause,
  'share:resume': viewPause,
  'share:stopEverything': ({ jobsEnded, allocationsEnded }) =>
    `Paused until you resume it; ended ${formatCount(jobsEnded, 'job')} and ${formatCount(allocationsEnded, 'other allocation')}.\n`,
  ...jobViews,
  ...proofViews,
  ...chainViews,
  ...networkViews,
};

/** `2026-03-01 18:05:09 info  assets: Level changed {"resource":"cpu"}` */
export const viewLogLine = (
  { atMs, level, module, message, context }: ResponseOf<'logs:read'>[number],
  style: Style,
): string => {
  const paint =
    level === 'error'
      ? style.bad
      : level === 'warn'
        ? style.careful
        : level === 'debug'
          ? style.faint
          : (word: string) => word;
  const more = Object.keys(context).length === 0 ? '' : ` ${style.faint(printable(JSON.stringify(context)))}`;
  return `${style.faint(formatTime(atMs))} ${paint(level.padEnd(5))} ${module}: ${printable(message)}${more}\n`;
};
