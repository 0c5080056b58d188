/** Made traffic whose nature is known: the same seed, the same requests. */
export { generateNamed, generateWorkload, isWorkloadName, WorkloadError, WORKLOADS } from './generate.ts';
