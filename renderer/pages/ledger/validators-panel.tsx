import { IconUsersGroup } from '@tabler/icons-react';
import type { LedgerView, ValidatorView } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { Age } from '../../components/age.tsx';
import { Caes } from '../../components/caes.tsx';
import { Bar, Empty, Panel, Tag } from '../../components/layout.tsx';
import { shortId } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import { countText, permilleText, VALIDATOR_STATES } from './ledger-text.ts';

/** What a node without a name of its own is called already. */
const THIS_NODE = 'this node';

const Row = ({ validator }: { validator: ValidatorView }) => {
  const state = VALIDATOR_STATES[validator.state];
  const name = validator.name === '' ? shortId(validator.id) : validator.name;
  return (
    <tr>
      <th scope="row">
        {name} {validator.self && name.toLowerCase() !== THIS_NODE && <Tag>{THIS_NODE}</Tag>}
        {validator.account !== null && (
          <span className="hm-ledger-sub">
            <Address address={validator.account} name={name} />
          </span>
        )}
      </th>
      <td>
        <span className="hm-number">{permilleText(validator.powerPermille)}</span>
        <Bar percent={validator.powerPermille / 10} />
        <span className="hm-small hm-dim hm-ledger-sub">
          <Caes micro={validator.stakeMicro} /> staked
        </span>
      </td>
      <td>
        <span className="hm-number">
          {validator.signed} of {countText(validator.blocks, 'block')}
        </span>
        <span className="hm-small hm-dim hm-ledger-sub">
          {validator.missedProposals === 0
            ? 'no proposal missed'
            : `${countText(validator.missedProposals, 'proposal')} missed`}
        </span>
        {validator.leftOut > 0 && (
          <span className="hm-small hm-dim hm-ledger-sub">left out {countText(validator.leftOut, 'transaction')}</span>
        )}
      </td>
      <td>
        <Tag tone={state.tone}>{state.word}</Tag>
        <span className="hm-small hm-dim hm-ledger-sub hm-validator-why">{sentence(validator.sentence)}</span>
        {validator.lastHeardMs !== null && !validator.self && (
          <span className="hm-small hm-dim hm-ledger-sub">
            heard <Age atMs={validator.lastHeardMs} />
          </span>
        )}
      </td>
    </tr>
  );
};

/** Who signs blocks, with how much power, and how well. */
export const ValidatorsPanel = ({ view }: { view: LedgerView }) => (
  <Panel
    title="Validators"
    hint="More than two thirds of the power have to sign a block. As long as less than a third lies, no two blocks of one height can both be final."
  >
    {view.validatorsList.length === 0 ? (
      <Empty icon={<IconUsersGroup size={22} stroke={1.75} />} title="None known yet">
        They are known once the first block was read from another member.
      </Empty>
    ) : (
      <div className="hm-scroll-x">
        <table className="hm-table hm-validators">
          <thead>
            <tr>
              <th scope="col">Validator</th>
              <th scope="col">Power</th>
              <th scope="col">Signed of the last</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {view.validatorsList.map((validator) => (
              <Row key={validator.id} validator={validator} />
            ))}
          </tbody>
        </table>
      </div>
    )}
  </Panel>
);

/** Who was proved to have lied, and what it cost. Not there where nobody was. */
export const EvidencePanel = ({ view }: { view: LedgerView }) =>
  view.evidence.length === 0 ? null : (
    <Panel
      title="Evidence"
      hint="Two contradicting signatures of one validator. Anybody can check them; they stand in a block."
    >
      <ul className="hm-evidence">
        {view.evidence.map((evidence) => (
          <li key={`${evidence.validator}:${evidence.height}:${evidence.atMs}`}>
            <p>
              <strong>{evidence.name === '' ? shortId(evidence.validator) : evidence.name}</strong> at block{' '}
              {evidence.height.toLocaleString('en')}, <Age atMs={evidence.atMs} />
            </p>
            <p className="hm-small hm-dim">{sentence(evidence.sentence)}</p>
            <p className="hm-small">
              {evidence.inBlock === null ? (
                'It waits for a block.'
              ) : (
                <a href={hrefOf('ledger', `${view.id}:${evidence.inBlock}`)}>
                  In block {evidence.inBlock.toLocaleString('en')}
                </a>
              )}
              {evidence.slashedMicro !== null && (
                <>
                  {' '}
                  <Caes micro={evidence.slashedMicro} /> of the stake were burnt.
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
    </Panel>
  );
