export type { Lifetimes } from './application.ts';
export type { ChangedRange, TrafficFinding, TrafficFindingCode } from './finding.ts';
export { TrafficWatch, type TrafficWatchLimits } from './traffic-watch.ts';
export type { ClientMarkers, InputRates, WatchedRequest } from './watched-request.ts';
