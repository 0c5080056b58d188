/** What the reference needs to know about a model. */
export interface ModelFacts {
  /** Smallest cumulative prefix that is cached (spec 3). */
  minCacheableTokens: number;
  /** Keeps old thinking when a user message arrives that is not only tool results (spec 7.2). */
  keepsAllThinking: boolean;
  /** Thinking and effort are rendered before the tools, so a change loses everything (spec 6). */
  rendersConfigAhead: boolean;
  /** What leaving out `thinking` means. */
  defaultThinking: 'adaptive' | 'disabled';
  /** What leaving out `output_config.effort` means. */
  defaultEffort: string;
}

function newer(minCacheableTokens: number, defaultEffort: string = 'high'): ModelFacts {
  return {
    minCacheableTokens,
    keepsAllThinking: true,
    rendersConfigAhead: false,
    defaultThinking: 'adaptive',
    defaultEffort,
  };
}

function older(minCacheableTokens: number, keepsAllThinking: boolean): ModelFacts {
  return {
    minCacheableTokens,
    keepsAllThinking,
    rendersConfigAhead: true,
    defaultThinking: 'disabled',
    defaultEffort: 'high',
  };
}

/** Every model id of spec 0 and 9, without date suffixes. */
const MODELS: Readonly<Record<string, ModelFacts>> = {
  'claude-fable-5-2': newer(512),
  'claude-mythos-5-2': newer(512),
  'claude-fable-5-1': newer(512),
  'claude-mythos-5-1': newer(512),
  'claude-fable-5': newer(512),
  'claude-mythos-5': newer(512),
  'claude-mythos-preview': older(2048, true),
  'claude-opus-5-5': newer(512, 'medium'),
  'claude-opus-5': newer(512),
  'claude-opus-4-8': older(1024, true),
  'claude-opus-4-7': older(2048, true),
  'claude-opus-4-6': older(4096, true),
  'claude-opus-4-5': older(4096, true),
  'claude-opus-4-1': older(1024, false),
  'claude-opus-4': older(1024, false),
  'claude-opus-4-0': older(1024, false),
  'claude-sonnet-5-5': newer(512),
  'claude-sonnet-5': newer(1024),
  'claude-sonnet-4-6': older(1024, true),
  'claude-sonnet-4-5': older(1024, false),
  'claude-sonnet-4': older(1024, false),
  'claude-sonnet-4-0': older(1024, false),
  'claude-haiku-5-5': newer(512),
  'claude-haiku-4-5': older(4096, false),
  'claude-3-5-haiku': older(2048, false),
};

/** A model's id without its date: both name the same model, and what is cached is per model (spec 0, 8). */
export function undatedId(model: string): string {
  return model.replace(/-\d{8}$/u, '');
}

/** Facts of a model by id, dated or not. Throws for an id the spec does not name. */
export function factsOf(model: string): ModelFacts {
  const facts = MODELS[undatedId(model)];
  if (facts === undefined) throw new Error(`the reference does not know the model ${model}`);
  return facts;
}
