import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAULTS, type PlantedFault } from './faults.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Where a fault's text stands. @throws {Error} unless it is there exactly once */
export const placeOfFault = ({ name, file, find }: PlantedFault): { source: string; at: number } => {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const at = source.indexOf(find);
  if (at < 0 || source.includes(find, at + 1))
    throw new Error(
      `The fault ${name} looks for text that ${file} ${at < 0 ? 'does not hold' : 'holds more than once'}; change test/sim/faults.ts to what is there now.`,
    );
  return { source, at };
};

/** @throws {Error} when there is none of that name */
export const createFault = (name: string): PlantedFault => {
  const fault = FAULTS.find((one) => one.name === name);
  if (fault === undefined) throw new Error(`There is no fault ${name}: ${FAULTS.map((one) => one.name).join(', ')}.`);
  return fault;
};

/** From here on that file of main/ is loaded with the fault in it, in this process. Nothing of main/ may be loaded before. */
export const plantFault = (fault: PlantedFault): void => {
  const path = join(ROOT, fault.file);
  const { source, at } = placeOfFault(fault);
  const broken = source.slice(0, at) + fault.replace + source.slice(at + fault.find.length);
  registerHooks({
    load: (url, context, nextLoad) =>
      url.startsWith('file:') && fileURLToPath(url) === path
        ? { format: 'module-typescript', source: broken, shortCircuit: true }
        : nextLoad(url, context),
  });
};
