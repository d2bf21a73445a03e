export { type Circuits, type CircuitsComponents, type CircuitsInit, createCircuits } from './create-circuits.ts';
export { CircuitError } from './errors.ts';
export { CIRCUIT_LIMITS, type CircuitLimits } from './hop.ts';
