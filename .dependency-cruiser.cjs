// Which room of src/ may import which. Everything may be imported by cli/ and index.ts, nothing sideways; see docs/ARCHITECTURE.md.
const MAY_IMPORT = {
  core: [],
  host: ['core'],
  formats: ['core'],
  vision: ['core'],
  data: ['core'],
  tracking: ['core'],
  config: ['core'],
  engine: ['core', 'formats'],
  catalogue: ['core', 'formats'],
  convert: ['core', 'formats', 'engine'],
  runtimes: ['core', 'host'],
  'runtimes/engine': ['runtimes', 'core', 'host', 'engine', 'vision', 'formats'],
  'runtimes/llama-cpp': ['runtimes', 'core', 'host', 'engine', 'formats'],
  'runtimes/llama-server': ['runtimes', 'core', 'host', 'formats'],
  'runtimes/transformers-js': ['runtimes', 'core', 'host', 'vision'],
  'runtimes/prompt': ['runtimes', 'core', 'engine', 'formats'],
  bench: ['core', 'host'],
  serving: ['core', 'host'],
  cameras: ['core'],
  server: ['core', 'serving', 'cameras'],
  fleet: ['core', 'bench'],
};
// Third-party packages with one home.
const HOME_OF = {
  koffi: 'src/engine/ffi/',
  sharp: 'src/(vision|data)/',
  libsql: 'src/tracking/files/',
};
const TEST = '\\.test\\.ts$';

/** A room inside a room has rules of its own. */
const nested = (room) => Object.keys(MAY_IMPORT).filter((other) => other.startsWith(`${room}/`));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'known-room',
      comment: 'A new room needs a row in MAY_IMPORT.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: [`^src/(cli|${Object.keys(MAY_IMPORT).join('|')})/`] },
      to: {},
    },
    ...Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
      name: `${room.replace('/', '-')}-imports`,
      comment: `src/${room} may import: ${allowed.join(', ') || 'no other room'}.`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: [TEST, ...nested(room).map((inner) => `^src/${inner}/`)] },
      to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
    })),
    {
      name: 'adapters-apart',
      comment:
        'The rest of runtimes/ loads an adapter dynamically, by its registry row or as a process entry; prompt/ and worker/ are shared.',
      severity: 'error',
      from: { path: '^src/runtimes/', pathNot: [TEST, '^src/runtimes/[^/]+/'] },
      to: { path: '^src/runtimes/[^/]+/', pathNot: '^src/runtimes/(prompt|worker)/', dynamic: false },
    },
    ...Object.entries(HOME_OF).map(([name, home]) => ({
      name: `${name}-at-home`,
      comment: `Only ${home} imports ${name}.`,
      severity: 'error',
      from: { path: '^(src|scripts)/', pathNot: [TEST, `^${home}`] },
      to: { path: `(^|/)node_modules/${name}/|^${name}$` },
    })),
    {
      name: 'no-test-code-in-product',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: `^test/|${TEST}` },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      // Types of an optional package vanish when compiled.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
