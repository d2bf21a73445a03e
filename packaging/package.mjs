// `npm run package [-- --release] [-- --dir]`: builds the app and makes dist/hypermesh_<version>_<arch>.deb, with no
// download beyond the package registries. `--dir` stops at the folder. `--release` takes only the official Electron and
// closes the door through which tests attach.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build, Platform } from 'electron-builder';
import { Installer } from 'electron-installer-debian';
import { buildHelpers } from '../scripts/setup/native-helpers.mjs';
import { findElectron } from '../scripts/setup/electron.mjs';
import { SetupError } from '../scripts/setup/project.mjs';
import { createBuilderConfig } from './electron-builder.config.mjs';

const root = dirname(import.meta.dirname);
const { values } = parseArgs({
  options: {
    release: { type: 'boolean', default: false },
    dir: { type: 'boolean', default: false },
    'skip-build': { type: 'boolean', default: false },
  },
});
const run = promisify(execFile);

if (process.platform !== 'linux') {
  console.error(
    'npm run package makes the Debian package and needs Linux. For this system: npx electron-builder --config packaging/electron-builder.config.mjs',
  );
  process.exit(2);
}
const debianArch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
if (debianArch === undefined) {
  console.error(`There is no Debian name for ${process.arch} here; packages are made on x64 and arm64.`);
  process.exit(2);
}

const say = (text) => console.log(text);
const started = Date.now();
const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;

const electron = await findElectron({ allowRepublished: !values.release }).catch((error) => {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exit(1);
});
say(`Electron from ${electron.folder} (${electron.source})`);

if (!values['skip-build']) {
  say('Building…');
  await run(process.execPath, [join(root, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js'), 'build'], {
    cwd: root,
    maxBuffer: 64 * 2 ** 20,
    env: { ...process.env, ELECTRON_EXEC_PATH: electron.executable },
  });
  await buildHelpers(say);
}

say(`Packing… (${seconds()})`);
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const output = join(root, 'dist');
const folder = join(output, 'linux-unpacked');
await rm(folder, { recursive: true, force: true });
await build({
  projectDir: root,
  targets: Platform.LINUX.createTarget('dir'),
  publish: 'never',
  config: createBuilderConfig({ release: values.release, electronDist: electron.folder, output }),
});
await rm(join(folder, 'resources', 'default_app.asar'), { force: true });
await rm(join(folder, '.republished'), { force: true });
for (const name of await readdir(join(folder, 'bin'))) await chmod(join(folder, 'bin', name), 0o755);
await chmod(join(folder, 'resources', 'node', 'node'), 0o755);
for (const name of ['hypermesh-tun', 'hypermesh-holder', 'hypermesh-probe']) {
  const helper = join(folder, 'helpers', name);
  if (existsSync(helper)) await chmod(helper, 0o755);
  else if (values.release) {
    console.error(`A release needs the helper ${name}: install gcc and libc6-dev and run this again.`);
    process.exit(1);
  }
}
say(`Made ${folder} (${seconds()})`);
if (values.dir) process.exit(0);

/** The stock installer knows one command in /usr/bin; we have two, and a few files of our own. */
class HyperMeshInstaller extends Installer {
  get contentFunctions() {
    return [...super.contentFunctions, 'createOwnFiles'];
  }

  async createOwnFiles() {
    const usr = join(this.stagingDir, 'usr');
    await mkdir(join(usr, 'bin'), { recursive: true });
    await symlink('../lib/hypermesh/bin/hypermesh-desktop', join(usr, 'bin', 'hypermesh-desktop'));
    const copy = async (from, to) => {
      await mkdir(dirname(join(usr, to)), { recursive: true });
      await copyFile(from, join(usr, to));
      await chmod(join(usr, to), 0o644);
    };
    await copy(
      join(root, 'packaging', 'linux', 'deb', 'org.hypermesh.desktop.metainfo.xml'),
      'share/metainfo/org.hypermesh.desktop.metainfo.xml',
    );
    for (const [shell, to] of Object.entries(COMPLETIONS)) {
      const script = await completion(shell);
      if (script === null) continue;
      await mkdir(dirname(join(usr, to)), { recursive: true });
      await writeFile(join(usr, to), script, { mode: 0o644 });
    }
  }
}

const COMPLETIONS = {
  bash: 'share/bash-completion/completions/hypermesh',
  zsh: 'share/zsh/vendor-completions/_hypermesh',
  fish: 'share/fish/vendor_completions.d/hypermesh.fish',
};
/** What the packed command line itself says for a shell, or null for a shell that it does not know. */
const completion = async (shell) => {
  try {
    const { stdout } = await run(join(folder, 'bin', 'hypermesh'), ['completion', shell]);
    return stdout;
  } catch {
    say(`No completion for ${shell}.`);
    return null;
  }
};

process.umask(0o022);
const installer = new HyperMeshInstaller({
  src: folder,
  dest: output,
  arch: debianArch,
  name: 'hypermesh',
  bin: 'bin/hypermesh',
  productName: 'HyperMesh',
  description: 'Lend what your hardware can spare, on your terms',
  productDescription:
    'Runs a full peer-to-peer node with a window, a page and a command line. You set how much of each resource may be lent and when; the node keeps within exactly that and shows what was promised beside what was measured.',
  section: 'net',
  priority: 'optional',
  compression: 'zstd',
  recommends: ['fonts-liberation | fonts-dejavu-core'],
  suggests: ['docker.io | docker-ce | podman'],
  depends: ['libasound2t64 | libasound2', 'libxkbcommon0', 'libxss1', 'libcups2t64 | libcups2', 'libcap2-bin'],
  categories: ['Network'],
  desktopTemplate: join(root, 'packaging', 'linux', 'deb', 'desktop.ejs'),
  icon: {
    ...Object.fromEntries(
      [16, 24, 32, 48, 64, 128, 256, 512].map((size) => [
        `${size}x${size}`,
        join(root, 'packaging', 'icons', `${size}.png`),
      ]),
    ),
    scalable: join(root, 'packaging', 'icons', 'icon.svg'),
  },
  scripts: {
    postinst: join(root, 'packaging', 'linux', 'deb', 'postinst'),
    prerm: join(root, 'packaging', 'linux', 'deb', 'prerm'),
    postrm: join(root, 'packaging', 'linux', 'deb', 'postrm'),
  },
  rename: (dest) => join(dest, `hypermesh_${version}_${debianArch}.deb`),
  logger: () => undefined,
});
await installer.generateDefaults();
installer.generateOptions();
await installer.createStagingDir();
await installer.createContents();
await installer.createPackage();
await installer.movePackage();
const [deb] = installer.options.packagePaths;
say(`Made ${deb}, ${((await stat(deb)).size / 2 ** 20).toFixed(0)} MiB (${seconds()})`);
say(`Install it with: sudo apt-get install ${deb}`);
