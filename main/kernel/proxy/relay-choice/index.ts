export {
  createRelayChoice,
  type RelayChoiceComponents,
  type RelayChoiceControl,
  type RelayChoiceInit,
} from './create-relay-choice.ts';
