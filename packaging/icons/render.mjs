// Renders the icons of window, package and tray from icon.svg. Run after the drawing changed; the pictures are committed,
// so that building needs no browser: `node packaging/icons/render.mjs [path of chromium]`.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const here = dirname(fileURLToPath(import.meta.url));
const icon = await readFile(join(here, 'icon.svg'), 'utf8');

/** One sign per state, told apart by shape as well as colour; grey outline, so that it shows on light and dark panels. */
const mark = {
  starting: '<circle cx="25" cy="25" r="5" fill="none" stroke="#fff" stroke-width="3" stroke-dasharray="5 4"/>',
  lending: '',
  idle: '<circle cx="25" cy="25" r="7" fill="#8a949e"/><path d="M22 25 h6" stroke="#fff" stroke-width="2.4"/>',
  paused:
    '<circle cx="25" cy="25" r="7" fill="#f5a623"/><path d="M23 22 v6 M27 22 v6" stroke="#12324a" stroke-width="2.2"/>',
  attention:
    '<path d="M25 17 l8 14 h-16 z" fill="#e5484d" stroke="#fff" stroke-width="1"/><path d="M25 22 v4 M25 28 v1" stroke="#fff" stroke-width="2"/>',
};
const tray = (state) => {
  const node = state === 'lending' ? '#ffd25f' : '#eafcff';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect x="1" y="1" width="30" height="30" rx="7" fill="#1b5570" stroke="#8fb8c4" stroke-width="1"/>
  <g stroke="#bfe9ef" stroke-width="1.8" fill="none"><path d="M16 7 L24 11.5 V20.5 L16 25 L8 20.5 V11.5 Z"/><path d="M16 16 V7 M16 16 L24 20.5 M16 16 L8 20.5"/></g>
  <g fill="#eafcff"><circle cx="16" cy="7" r="2.6"/><circle cx="24" cy="11.5" r="2.6"/><circle cx="24" cy="20.5" r="2.6"/><circle cx="16" cy="25" r="2.6"/><circle cx="8" cy="20.5" r="2.6"/><circle cx="8" cy="11.5" r="2.6"/></g>
  <circle cx="16" cy="16" r="4.4" fill="${node}"/>${mark[state]}</svg>`;
};

const browser = await chromium.launch({
  executablePath: process.argv[2] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
const render = async (svg, size, name) => {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(
    `<style>html,body{margin:0;background:transparent}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`,
  );
  await page.screenshot({ path: join(here, name), omitBackground: true });
  await page.close();
};
for (const size of [16, 24, 32, 48, 64, 128, 256, 512]) await render(icon, size, `${size}.png`);
for (const state of Object.keys(mark)) {
  await render(tray(state), 22, `tray-${state}.png`);
  await render(tray(state), 44, `tray-${state}@2x.png`);
}
await browser.close();
