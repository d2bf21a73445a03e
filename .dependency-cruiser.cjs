// The layer rule (ARCHITECTURE.md): import down, and through the front door. `scripts/check-layers.mjs` runs it over the sources, where
// it must hold, and over test/fixtures/layers/, where every rule must be broken.

/** Low to high; written here and nowhere else. */
const order = ['base', 'transport', 'kernel', 'services', 'apps', 'api', 'desktop'];

/** Rooms inside a layer, low to high. Rooms of one rank know nothing of each other. */
const rooms = {
  transport: [['stoq']],
  kernel: [
    ['monitor', 'proof'],
    ['blocks'],
    ['consensus', 'assets'],
    ['prover'],
    ['leases'],
    ['sharding'],
    ['runtime'],
    ['proxy'],
  ],
  services: [['trustchain'], ['auth'], ['federation']],
  apps: [['caesar'], ['satchel'], ['catalog']],
};

const electron = '(^|/)node_modules/electron/|^electron$';
const contract = '^preload/contract/';
/** Layers and entries that may use the contract's schemas and not only its types. */
const contractUsers = '^(preload/|renderer/|main/(api|desktop)/|main/[^/]+\\.ts$)';

/** index.ts of a layer, of a room of it, and of a room in that one that has its own. */
const frontDoors = '^main/.+/index\\.ts$';

const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    ...order.map((layer, i) =>
      error(
        `${layer}-imports-down-only`,
        'A layer knows only itself and lower ones; what it needs from a higher one it declares as an interface and is handed.',
        { path: `^main/${layer}/` },
        {
          path: ['^main/', '^(preload|renderer)/'],
          pathNot: [`^main/(${order.slice(0, i + 1).join('|')})/`, contract],
        },
      ),
    ),
    ...Object.entries(rooms).flatMap(([layer, ranks]) =>
      ranks.map((rank, i) =>
        error(
          `${layer}-${rank.join('-')}-imports-lower-rooms-only`,
          'The rooms of a layer stand on each other in one order.',
          { path: `^main/${layer}/(${rank.join('|')})/` },
          {
            path: `^main/${layer}/`,
            pathNot: [
              `^main/${layer}/$1/`,
              ...(i > 0 ? [`^main/${layer}/(${ranks.slice(0, i).flat().join('|')})/`] : []),
            ],
          },
        ),
      ),
    ),
    error(
      'contract-as-types-only',
      'Below the faces the contract gives names to shapes; parsing belongs to those who take something in (docs/decisions/0001).',
      { path: '.', pathNot: [contractUsers, '^(test|scripts|packaging)/'] },
      { path: contract, dependencyTypesNot: ['type-only'] },
    ),
    error(
      'node-runs-without-electron',
      'The whole node runs in plain Node, in tests and on servers: only main/desktop/ and main/index.ts know Electron.',
      { path: '^main/(?!desktop/|index\\.ts$)' },
      { path: electron },
    ),
    error(
      'through-the-front-door-of-a-layer',
      'From outside a layer, a room of it is entered through its index.ts. (Files of a layer that lie in no room, such as base/errors.ts, are their own door.)',
      { path: '^main/([^/]+)/' },
      { path: '^main/[^/]+/[^/]+/', pathNot: ['^main/$1/', frontDoors] },
    ),
    error(
      'through-the-front-door-of-a-room',
      'From another room of the same layer, only index.ts of the room.',
      { path: '^main/([^/]+)/([^/]+)/' },
      { path: '^main/$1/[^/]+/', pathNot: ['^main/$1/$2/', frontDoors] },
    ),
    error(
      'entries-use-front-doors',
      'node.ts, index.ts and cli.ts build the node from what the layers offer. (worker.ts is the other end of the worker pool and opens only what a worker needs.)',
      { path: '^main/[^/]+\\.ts$', pathNot: '^main/worker\\.ts$' },
      { path: '^main/[^/]+/[^/]+/', pathNot: frontDoors },
    ),
    error(
      'renderer-sees-the-contract-only',
      'The renderer reaches the node through the contract, in the window and in a browser alike.',
      { path: '^renderer/' },
      { path: ['^main/', '^preload/', electron], pathNot: contract },
    ),
    error(
      'preload-sees-the-contract-only',
      'The preload script is the bridge built from the contract, nothing else.',
      { path: '^preload/' },
      { path: ['^main/', '^renderer/'] },
    ),
    error(
      'contract-stands-alone',
      'Everything may depend on the contract, so it depends on nothing but zod.',
      { path: contract },
      { pathNot: [contract, '(^|/)node_modules/zod/'] },
    ),
    error(
      'every-folder-has-a-layer',
      'A new folder in main/ gets its place in the order first.',
      { path: '.' },
      { path: `^main/(?!(${order.join('|')})/)[^/]+/` },
    ),
    error(
      'imports-what-is-declared',
      'A package that package.json does not name comes and goes with the packages that brought it.',
      { path: '^(main|preload|renderer)/' },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    error(
      'everything-resolves',
      'An import that leads nowhere.',
      { path: '.' },
      { couldNotResolve: true, pathNot: '\\?(url|raw|worker|modulePath)$' },
    ),
    error(
      'no-cycles',
      'Two files that need each other are one thing, or lack an interface.',
      { path: '.' },
      { circular: true },
    ),
  ],
  options: {
    // TypeScript 7 has no API that the cruiser could use: with its default parser it reads no .ts file and passes.
    parser: 'swc',
    tsPreCompilationDeps: true,
    // Packages that offer ES modules only are found through this condition.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(out|dist|\\.cache)/' },
  },
};
