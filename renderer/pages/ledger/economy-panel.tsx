import { type LedgerView, pricedAmountOf } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Caes } from '../../components/caes.tsx';
import { Bar, Fact, Facts, Panel } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { sentence } from '../../components/unknown.tsx';
import { permilleText } from './ledger-text.ts';

type Price = LedgerView['prices'][number];

/** Where a price lies between its bounds, percent. */
const placeOf = ({ priceMicro, minMicro, maxMicro }: Price): number => {
  const span = BigInt(maxMicro) - BigInt(minMicro);
  return span <= 0n ? 0 : Number(((BigInt(priceMicro) - BigInt(minMicro)) * 1000n) / span) / 10;
};

/** Prices, how many CAES there are, and how many more are made by which rule. */
export const EconomyPanel = ({ view }: { view: LedgerView }) => (
  <>
    <Panel
      title="Prices"
      hint="They move with the use of each kind, within bounds, once in an epoch. Owners may ask another price."
    >
      {view.prices.length === 0 ? (
        <p className="hm-dim">No price yet: they follow from the first epoch.</p>
      ) : (
        <div className="hm-scroll-x">
          <table className="hm-table">
            <thead>
              <tr>
                <th scope="col">Resource</th>
                <th scope="col" className="hm-right">
                  Price
                </th>
                <th scope="col" className="hm-right">
                  Bounds
                </th>
                <th scope="col" className="hm-right">
                  Used
                </th>
              </tr>
            </thead>
            <tbody>
              {view.prices.map((price) => (
                <tr key={price.kind}>
                  <td>
                    {resourceName(price.kind)}
                    <span className="hm-small hm-dim hm-ledger-sub">
                      for 1 {pricedAmountOf(price.kind)} for an hour
                    </span>
                  </td>
                  <td className="hm-right">
                    <Caes micro={price.priceMicro} />
                    <Bar percent={placeOf(price)} />
                  </td>
                  <td className="hm-right">
                    <Caes micro={price.minMicro} /> <span className="hm-small hm-dim">to</span>{' '}
                    <Caes micro={price.maxMicro} />
                  </td>
                  <td className="hm-right">{permilleText(price.utilisationPermille)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
    <Panel
      title="How many CAES there are"
      hint="Every one of them was there from the start or was minted by the rule below."
    >
      <Facts>
        <Fact name="In all">
          <strong>
            <Caes micro={view.supply.totalMicro} />
          </strong>
        </Fact>
        <Fact name="From the start">
          <Caes micro={view.supply.genesisMicro} />
        </Fact>
        <Fact name="Minted since">
          <Caes micro={view.supply.mintedMicro} />
        </Fact>
        <Fact name="Burnt since">
          <Caes micro={view.supply.burntMicro} />
        </Fact>
        <Fact name="Staked of it">
          <Caes micro={view.supply.stakedMicro} />
        </Fact>
        <Fact name="Epoch">
          {view.epoch.number.toLocaleString('en')}, ends <Age atMs={view.epoch.endsAtMs} />
        </Fact>
      </Facts>
      {view.schedule.length > 0 && (
        <ul className="hm-schedule">
          {view.schedule.map((line) => (
            <li key={line}>{sentence(line)}</li>
          ))}
        </ul>
      )}
    </Panel>
  </>
);
