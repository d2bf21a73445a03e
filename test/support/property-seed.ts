import fc from 'fast-check';

/**
 * One seed for all properties, so that a run says the same thing twice. New cases are looked for on purpose:
 * `HYPERMESH_PROPERTY_SEED=random npx vitest run` draws them anew, and a number repeats what such a run has found.
 */
const wanted = process.env['HYPERMESH_PROPERTY_SEED'];
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted ?? 20_261_122) });
