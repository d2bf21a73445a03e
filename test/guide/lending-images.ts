// Pictures of what is lent, borrowed and reached for the user guide: `npm run guide-images` runs this. Needs root, name spaces and a
// browser. Arguments: the folder for the pictures, the browser.
import { chromium } from '@playwright/test';
import { browserIn, type HomeNode } from '../support/home-node.ts';
import { netnsMissing } from '../support/netns.ts';
import { createLendingWorld } from './lending-world.ts';
import { HEIGHT, openPage, passFirstRun, sleep, take, WIDTH } from './pictures.ts';

const [images = '', browserProgram = '/usr/bin/chromium'] = process.argv.slice(2);
/** A lease's numbers are told every few seconds. */
const TOLD_MS = 5_000;

if (netnsMissing !== null) throw new Error(`No pictures of lending can be taken here: ${netnsMissing}.`);
const world = await createLendingWorld();
const takeOf = async (node: HomeNode, pages: readonly string[]): Promise<void> => {
  const program = browserIn(world.network, node.host, browserProgram);
  const browser = await chromium.launch({
    executablePath: program.path,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
    await passFirstRun(page, node.url);
    for (const name of pages) {
      await openPage(page, name);
      await sleep(TOLD_MS);
      await take(page, images, name.toLowerCase());
    }
  } finally {
    await browser.close();
    program.remove();
  }
};
try {
  await takeOf(world.home, ['Lend', 'Tunnels']);
  await takeOf(world.friend, ['Borrow']);
} finally {
  await world.close();
}
