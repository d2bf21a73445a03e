// `npm run build`: dependencies and out/, nothing started.
import { runScript, setUp } from './setup/index.mjs';

runScript(async () => {
  await setUp();
  return 0;
});
