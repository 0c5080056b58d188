import type {
  ChangeFrequency,
  DocumentsLayer,
  Layer,
  LayerFinding,
  LayerPlan,
  MessagesLayer,
  RequestParts,
  SystemLayer,
  ToolsLayer,
} from '../planner/index.ts';
import type { ContentUse } from './contents.ts';
import type { RequestForecast } from './track-prompt.ts';

type LayerChanges<OfLayer extends Layer> = Omit<OfLayer, 'changes'> & {
  /** How often it changes. @default measured: what its registered versions show; messages change with every request */
  readonly changes?: ChangeFrequency;
  /** The name that its content has in the registry; null: it is not registered. @default the layer's name */
  readonly content?: string | null;
};

/** A layer whose content the registry has, loaded anew when it is missing or aged. */
export interface StoredLayer extends Omit<LayerChanges<DocumentsLayer>, 'documents' | 'content'> {
  /** What the content is used as. */
  readonly stored: 'tools' | 'system' | 'documents';
  /** The name that its content has in the registry. @default the layer's name */
  readonly content?: string;
}

/** One layer of a smart request. Tools, system text and documents are registered; messages are not. */
export type SmartLayer<Parts extends RequestParts = RequestParts> =
  | LayerChanges<ToolsLayer<Parts>>
  | LayerChanges<SystemLayer<Parts>>
  | LayerChanges<DocumentsLayer>
  | Omit<LayerChanges<MessagesLayer<Parts>>, 'content'>
  | StoredLayer;

/** A request to be built from contents. */
export interface SmartRequestOptions<Parts extends RequestParts = RequestParts> {
  /** Name of the prompt: requests of one name are the same prompt with other contents and questions. */
  readonly prompt: string;
  readonly model: string;
  readonly layers: readonly SmartLayer<Parts>[];
  /** Requests an hour. @default measured, once there were enough */
  readonly requestsPerHour?: number;
  /** Whose cache it uses, where one process serves several (spec 8). @default one for all */
  readonly workspace?: string;
}

/** A request that is ready to be sent. */
export interface SmartRequest<Parts extends RequestParts = RequestParts> {
  /** `tools`, `system` and `messages` with markers wherever they pay, whatever has changed. */
  readonly request: Pick<Parts, 'tools' | 'system' | 'messages'>;
  readonly plan: LayerPlan;
  readonly findings: readonly LayerFinding[];
  /** What is new, unchanged, changed or aged, by the name of the layer; without what the store did not tell. */
  readonly contents: Readonly<Record<string, ContentUse>>;
  /** What the model of the cache expects, from the requests of this prompt so far. */
  readonly forecast: RequestForecast;
  /** Sentences about what went wrong on our side; the request is good all the same. */
  readonly problems: readonly string[];
  /** Says that the request was not sent, or failed before its answer began: then it wrote nothing. */
  withdraw(): Promise<void>;
}
