#!/usr/bin/env node
// `npx hypermesh` in the repository: the command line, built first if it was never built. In the package it is a program of its own.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt } from './setup/build.mjs';
import { takeOver } from './setup/command.mjs';
import { runScript, setUp } from './setup/index.mjs';
import { pinnedNode, root } from './setup/project.mjs';

runScript(async () => {
  // An older build is used as it is: building under a node that runs would take its files away.
  if (!isBuilt() || !existsSync(pinnedNode())) await setUp();
  return await takeOver(pinnedNode(), [join(root, 'out/main/cli.js'), ...process.argv.slice(2)]);
});
