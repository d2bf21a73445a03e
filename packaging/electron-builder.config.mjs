// Settings of electron-builder for every system. Here only `--linux dir` is built with it (the .deb is made from that
// folder by packaging/package.mjs, as electron-builder's own needs a download); AppImage, Windows and macOS work on
// machines that reach the hosts of their tools: `npx electron-builder --config packaging/electron-builder.config.mjs`.
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/**
 * @param {{ release: boolean, platform?: NodeJS.Platform, arch?: string, electronDist?: string, output?: string }} options
 * @returns {import('electron-builder').Configuration}
 */
export const createBuilderConfig = ({
  release,
  platform = process.platform,
  arch = process.arch,
  electronDist,
  output = 'dist',
}) => ({
  appId: 'org.hypermesh.desktop',
  productName: 'HyperMesh',
  copyright: 'The HyperMesh Desktop authors. Apache-2.0.',
  directories: { output, buildResources: 'packaging/icons' },
  ...(electronDist === undefined ? {} : { electronDist }),
  // Every native part is N-API with a prebuilt library; nothing is compiled here.
  npmRebuild: false,
  nodeGypRebuild: false,
  buildDependenciesFromSource: false,
  asar: true,
  // Plain Node runs the command line and the jobs, and cannot read the archive (docs/decisions/0002): all that it loads
  // lies beside it. package.json goes along, as it says that our files are modules.
  asarUnpack: ['package.json', 'out/main/**', 'out/renderer/**', 'node_modules/**'],
  extraMetadata: { desktopName: 'hypermesh.desktop' },
  files: [
    'package.json',
    'out/**',
    // A program of its own, beside the app: it is given a right, which only a real file can have.
    '!out/helpers/**',
    'packaging/icons/256.png',
    'packaging/icons/tray-*.png',
    '!**/*.map',
    // Only what runs: sources, types, tests and documents of packages stay out. Licences stay in.
    '!**/node_modules/**/*.{ts,mts,cts,flow,markdown,c,cc,cpp,h,gyp,gypi,o,tsbuildinfo}',
    '!**/node_modules/**/{README,CHANGELOG,HISTORY,CONTRIBUTING,SECURITY}*',
    '!**/node_modules/**/{test,tests,__tests__,example,examples,benchmark,benchmarks,bench,docs,.github,coverage,fixtures}/**',
    '!**/node_modules/better-sqlite3/{deps,src}/**',
    '!**/node_modules/better-sqlite3/prebuilds/**',
    // The library that fits is put back: the others are for other systems.
    `node_modules/better-sqlite3/prebuilds/${platform}-${arch}.node`,
  ],
  extraResources: [
    {
      from: join(root, 'node_modules', 'node', 'bin', platform === 'win32' ? 'node.exe' : 'node'),
      to: platform === 'win32' ? 'node/node.exe' : 'node/node',
    },
  ],
  extraFiles: [
    { from: join(root, 'LICENSE'), to: 'LICENSE' },
    { from: join(root, 'THIRD_PARTY.md'), to: 'THIRD_PARTY.md' },
    ...(platform === 'linux'
      ? [
          { from: join(root, 'packaging', 'linux', 'bin'), to: 'bin' },
          { from: join(root, 'out', 'helpers'), to: 'helpers' },
        ]
      : []),
  ],
  electronLanguages: ['en-US'],
  electronFuses: {
    runAsNode: false,
    enableCookieEncryption: true,
    enableNodeOptionsEnvironmentVariable: false,
    // Playwright attaches through the inspector; what people install has no such door.
    enableNodeCliInspectArguments: !release,
    // Electron checks the archive's hash on macOS and Windows only.
    enableEmbeddedAsarIntegrityValidation: platform === 'darwin' || platform === 'win32',
    onlyLoadAppFromAsar: true,
    grantFileProtocolExtraPrivileges: false,
    resetAdHocDarwinSignature: platform === 'darwin' && arch === 'arm64',
  },
  linux: {
    target: ['AppImage'],
    executableName: 'hypermesh-desktop',
    category: 'Network',
    icon: 'packaging/icons',
    synopsis: 'Lend what your hardware can spare, on your terms',
  },
  appImage: { license: 'LICENSE' },
  win: { target: ['nsis'], icon: 'packaging/icons/512.png' },
  nsis: {
    oneClick: false,
    perMachine: false,
    allowToChangeInstallationDirectory: true,
    deleteAppDataOnUninstall: false,
    license: 'LICENSE',
  },
  mac: {
    target: ['dmg'],
    icon: 'packaging/icons/512.png',
    category: 'public.app-category.utilities',
    hardenedRuntime: true,
    gatekeeperAssess: false,
  },
});

/** For electron-builder's own command line, which makes what people install. */
export default createBuilderConfig({ release: true });
