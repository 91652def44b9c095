/** What to compute on. */
export const DEVICES = ['cpu', 'cuda', 'vulkan', 'metal'] as const;
export type Device = (typeof DEVICES)[number];
