import type { LibraryHandle } from 'koffi';

/** C declarations by function name, checked by the compiler to be complete for the interface they bind. */
export type Declarations<Functions> = { readonly [Name in keyof Functions]: string };

/**
 * Binds every declared function of a library. The declarations are the one place where C and TypeScript
 * signatures meet; they are written from the headers of the pinned release.
 */
export function bindAll<Functions extends object>(
  libraryOf: (name: string) => LibraryHandle,
  declarations: Declarations<Functions>,
): Functions {
  const bound = Object.entries<string>(declarations).map(([name, declaration]) => [name, libraryOf(name).func(declaration)] as const);
  return Object.fromEntries(bound) as Functions;
}
