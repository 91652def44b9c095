/**
 * URL of a module beside the caller, with the caller's own extension: `.ts` when sources run (tests), `.js` in the built package.
 * @param name without extension, for example `./worker`.
 * @param callerUrl the caller's `import.meta.url`.
 */
export function siblingEntry(name: string, callerUrl: string): URL {
  return new URL(`${name}${callerUrl.endsWith('.ts') ? '.ts' : '.js'}`, callerUrl);
}
