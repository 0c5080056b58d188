/** Where a request runs; rules differ (spec 2.2, 2.4, 8, 10.1). */
export type PlatformId = 'claude-api' | 'claude-on-aws' | 'bedrock' | 'google-cloud' | 'foundry';

/** What differs between platforms in how the cache behaves. */
export interface PlatformRules {
  readonly id: PlatformId;
  /** The boundary inside which two requests share entries (spec 8). */
  readonly isolation: 'workspace' | 'organization';
  /** A run of consecutive `tool_use`, or of `tool_result`, blocks is one lookback position (spec 2.2). */
  readonly collapsesToolRuns: boolean;
  readonly hasDiagnostics: boolean;
  /** Regional endpoints cost this many thousandths more (spec 9.4). */
  readonly regionalSurchargePerMille: number;
}

/** Spec 8 for isolation; run collapsing is stated for the Claude API only, so assumed nowhere else. */
export const PLATFORMS: { readonly [Id in PlatformId]: PlatformRules } = {
  'claude-api': {
    id: 'claude-api',
    isolation: 'workspace',
    collapsesToolRuns: true,
    hasDiagnostics: true,
    regionalSurchargePerMille: 0,
  },
  'claude-on-aws': {
    id: 'claude-on-aws',
    isolation: 'workspace',
    collapsesToolRuns: false,
    hasDiagnostics: false,
    regionalSurchargePerMille: 0,
  },
  bedrock: {
    id: 'bedrock',
    isolation: 'organization',
    collapsesToolRuns: false,
    hasDiagnostics: false,
    regionalSurchargePerMille: 100,
  },
  'google-cloud': {
    id: 'google-cloud',
    isolation: 'organization',
    collapsesToolRuns: false,
    hasDiagnostics: false,
    regionalSurchargePerMille: 100,
  },
  foundry: {
    id: 'foundry',
    isolation: 'workspace',
    collapsesToolRuns: false,
    hasDiagnostics: false,
    regionalSurchargePerMille: 0,
  },
};
