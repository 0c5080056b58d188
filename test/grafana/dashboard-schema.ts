import type {
  Dashboard,
  FieldConfigSource,
  Panel,
  RowPanel,
} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeries,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A type with the words of its enumerations as JSON has them. */
type Words<Type> = Type extends string
  ? `${Type}`
  : Type extends number | boolean | null | undefined
    ? Type
    : { [Name in keyof Type]: Words<Type[Name]> };

type Defaults<Custom> = Words<Omit<FieldConfigSource['defaults'], 'custom'>> & {
  readonly custom?: Words<Custom>;
};

/** A panel of one kind, with the options of that kind. */
type PanelOf<Kind extends string, Options, Custom = never> = Words<
  Omit<Panel, 'type' | 'options' | 'fieldConfig'>
> & {
  readonly type: Kind;
  readonly options: Words<Options>;
  readonly fieldConfig: Words<Omit<FieldConfigSource, 'defaults'>> & { readonly defaults: Defaults<Custom> };
};

type AnyPanel =
  | Words<RowPanel>
  | PanelOf<'bargauge', Partial<BarGauge>>
  | PanelOf<'stat', Partial<Stat>>
  | PanelOf<'timeseries', TimeSeries, TimeSeriesField>;

/** What our dashboard may be, by the types that Grafana publishes of its schema. */
export type GrafanaDashboard = Words<Omit<Dashboard, 'panels'>> & { readonly panels: readonly AnyPanel[] };
