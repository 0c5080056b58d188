/** Logs of real calls, told by content and read line by line in bounded memory. */
export { describeFileError, findLogs, type FoundLogs } from './find-logs.ts';
export type { History, LoggedCall, LoggedPrompt, MissEvidence, RecordedCall } from './logged-call.ts';
export { readCalls, type CallStream, type FileReading, type ReadCallsOptions } from './read-calls.ts';
export { readLines, UnreadableFileError, type Line, type LineLimits } from './read-lines.ts';
export { isUsageForm, readUsageForm, type SizedPart, type UsageFormCall } from './usage-form.ts';
