// Tidy: what the structure of this repository must hold, read from its own files. tools/tidy.test.ts runs it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The layer table, tools/layers.json. */
export interface Layers {
  readonly stack: { readonly ranks: string[][]; readonly together: number[]; readonly humanFace: string[] };
  readonly packages: Readonly<Record<string, string[]>>;
  readonly maxLines: number;
  /** Longer files of truly one concept, with the reason. */
  readonly longFiles: Readonly<Record<string, string>>;
}

/** One source file: its path from the root, its text, and what it imports (paths from the root, or package names). */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IGNORED: ReadonlySet<string> = new Set([
  'node_modules',
  'dist',
  'build',
  'prebuilds',
  'coverage',
  '.git',
]);

/** All files below a folder, paths from `root`. */
export function filesBelow(root: string, folder: string, wanted: (path: string) => boolean): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!IGNORED.has(entry.name)) found.push(...filesBelow(root, path, wanted));
    } else if (wanted(path)) found.push(path);
  }
  return found.sort();
}

/** Reads TypeScript files with their imports. */
export function readSources(root: string, paths: readonly string[]): Source[] {
  return paths.map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return { path, text, imports: importsOf(path, text) };
  });
}

/** What a file imports, statically or by `import()`; relative ones resolved to paths from the root. */
export function importsOf(path: string, text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
  )) {
    const name = match[1] ?? match[2] ?? match[3];
    found.push(name.startsWith('.') ? normalize(join(dirname(path), name)) : name);
  }
  return found;
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/');
}

/** Imports inside packages/stack/src that go up, sideways, or to the human face of the wire. */
export function layerViolations(sources: readonly Source[], { stack }: Layers): string[] {
  const base = 'packages/stack/src/';
  const rankOf = (path: string): number => {
    const [first] = path.slice(base.length).split('/');
    return stack.ranks.findIndex((rank) => rank.includes(first));
  };
  const problems: string[] = [];
  for (const { path, imports } of sources) {
    if (!path.startsWith(base) || isTest(path)) continue;
    const rank = rankOf(path);
    if (rank < 0) problems.push(`${path} belongs to no layer: name it in tools/layers.json`);
    for (const to of imports) {
      if (!to.startsWith(base)) {
        problems.push(`${path} imports '${to}': the stack has no dependency and no node:*`);
        continue;
      }
      const [mine, theirs] = [path.slice(base.length), to.slice(base.length)];
      const sameFolder = mine.split('/')[0] === theirs.split('/')[0] && theirs.includes('/');
      const together = stack.together.includes(rank) && rankOf(to) === rank;
      if (rankOf(to) >= rank && !sameFolder && !together)
        problems.push(`${mine} may not import ${theirs}: it stands above or beside`);
      if (stack.humanFace.includes(theirs) && !stack.humanFace.includes(mine)) {
        problems.push(`${mine} may not import ${theirs}: the core does not use the human face of the wire`);
      }
    }
  }
  return problems;
}

/** Imports between packages that the table does not allow. */
export function packageViolations(sources: readonly Source[], { packages }: Layers): string[] {
  const problems: string[] = [];
  for (const { path, imports } of sources) {
    const own = /^packages\/([^/]+)\/src\//.exec(path)?.[1];
    if (own === undefined || isTest(path)) continue;
    for (const to of imports) {
      const other = /^@tunstack\/([^/]+)/.exec(to)?.[1];
      if (other !== undefined && !packages[own]?.includes(other))
        problems.push(`${path} may not import @tunstack/${other}`);
      if (to.startsWith('packages/') && !to.startsWith(`packages/${own}/`))
        problems.push(`${path} reaches into ${to}`);
    }
  }
  return problems;
}

/** Import cycles, each once, as 'a -> b -> a'. Type imports count: a cycle is a cycle for a reader, too. */
export function cycles(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map(({ path, imports }) => [path, imports]));
  const state = new Map<string, 'open' | 'done'>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done' || !graph.has(path)) return;
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const { path } of sources) visit(path, []);
  return found;
}

/** Source files of packages that nothing reaches from the entry points that package.json names. */
export function deadFiles(root: string, sources: readonly Source[], packages: readonly string[]): string[] {
  const graph = new Map(sources.map(({ path, imports }) => [path, imports]));
  const alive = new Set<string>();
  const reach = (path: string): void => {
    if (alive.has(path) || !graph.has(path)) return;
    alive.add(path);
    for (const next of graph.get(path) ?? []) reach(next);
  };
  for (const name of packages) {
    const manifest = JSON.parse(readFileSync(join(root, `packages/${name}/package.json`), 'utf8'));
    for (const entry of Object.values<Record<string, string>>(manifest.exports)) {
      reach(normalize(`packages/${name}/${entry['@tunstack/source']}`));
    }
    const bins = join(root, `packages/${name}/bin`);
    if (!existsSync(bins)) continue;
    for (const bin of readdirSync(bins)) {
      for (const to of importsOf(`packages/${name}/bin/${bin}`, readFileSync(join(bins, bin), 'utf8'))) {
        reach(to.replace('/dist/', '/src/').replace(/\.js$/, '.ts'));
      }
    }
  }
  return sources
    .map(({ path }) => path)
    .filter((path) => /^packages\/[^/]+\/src\//.test(path) && !isTest(path) && !alive.has(path));
}

/** Files over the limit that have no reason in the table, and reasons for files that need none. */
export function longFiles(sources: readonly Source[], { maxLines, longFiles: excused }: Layers): string[] {
  const problems: string[] = [];
  for (const { path, text } of sources) {
    const lines = text.split('\n').length - 1;
    if (lines > maxLines && !isTest(path) && excused[path] === undefined)
      problems.push(`${path} has ${lines} lines`);
    if (lines <= maxLines && excused[path] !== undefined)
      problems.push(`${path} is excused in layers.json without need`);
  }
  return problems;
}

/** Files that do not say in their first line what they are. */
export function namelessFiles(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path, text }) => !isTest(path) && !/^(\/\/|\/\*)/.test(text))
    .map(({ path }) => path);
}

/** Paths of somebody's machine in tracked text: home folders and work folders that no clone has. */
export function machinePaths(root: string, paths: readonly string[]): string[] {
  const here = [root, process.env.HOME ?? '/root'].filter((path) => path.length > 1);
  return paths.filter((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return here.some((folder) => text.includes(`${folder}/`));
  });
}
