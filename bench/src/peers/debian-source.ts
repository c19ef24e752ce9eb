// The source of a Debian package, by the machine's own apt and from its own archives, without touching its configuration:
// apt works on directories of ours, in which each archive that has packages is one that has sources.

import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CannotBuild } from './peer.ts';

const ETC_APT = '/etc/apt';
const FETCH_LIMIT_MS = 180_000;

/**
 * A list of archives, as one of their sources. sources.list(5) has two formats: stanzas (`*.sources`), or `lines` (`*.list`),
 * of which those that are sources already go, lest one comes twice.
 */
export function asSources(text: string, lines: boolean): string {
  if (!lines) return text.replace(/^Types:.*$/gim, 'Types: deb-src');
  const archives = text.split('\n').filter((line) => /^\s*deb\s/.test(line));
  return archives.map((line) => `${line.replace(/^\s*deb/, 'deb-src')}\n`).join('');
}

/** The lists of this machine: file names, and their texts as `asSources` has them. */
function archives(): Map<string, string> {
  const found = new Map<string, string>();
  const add = (folder: string, name: string): void => {
    if (/\.(list|sources)$/.test(name))
      found.set(name, asSources(readFileSync(join(folder, name), 'utf8'), name.endsWith('.list')));
  };
  if (existsSync(join(ETC_APT, 'sources.list'))) add(ETC_APT, 'sources.list');
  const parts = join(ETC_APT, 'sources.list.d');
  if (existsSync(parts)) for (const name of readdirSync(parts)) add(parts, name);
  return found;
}

async function run(cwd: string, program: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, args, { cwd, timeout: FETCH_LIMIT_MS });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new CannotBuild(`no ${program}: apt install dpkg-dev, on Debian`);
    // Of what apt says on stderr only the errors: it warns of much.
    const said = (stderr ?? String(error)).split('\n').filter((line) => !/^(W|N):|^$/.test(line));
    throw new CannotBuild(`${program} ${args.at(-1)}: ${said.slice(0, 3).join('; ')}`);
  }
}

async function fetch(name: string, work: string, folder: string): Promise<void> {
  const parts = join(work, 'sources.list.d');
  mkdirSync(parts);
  for (const [file, text] of archives()) writeFileSync(join(parts, file), text);
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true });
  const options = [
    ...['-o', 'Dir::Etc::SourceList=/dev/null', '-o', `Dir::Etc::SourceParts=${parts}`],
    ...[
      '-o',
      'APT::Update::Error-Mode=any',
      '-o',
      `Dir::State::Lists=${join(work, 'lists')}`,
      '-o',
      `Dir::Cache=${join(work, 'cache')}`,
    ],
  ];
  // One archive that has no sources is no reason to stop: whether ours came is seen next.
  const updated = run(work, 'apt-get', [...options, 'update']).catch((error: Error) => error);
  const trouble = await updated;
  try {
    await run(work, 'apt-get', [...options, '--download-only', 'source', name]);
  } catch (error) {
    throw trouble ?? error;
  }
  const control = readdirSync(work).find((file) => file.endsWith('.dsc'));
  if (control === undefined) throw new CannotBuild(`apt-get brought no .dsc of ${name}`);
  await run(work, 'dpkg-source', ['--no-copy', '--extract', control, folder]);
}

/**
 * Unpacks the source package `name` with Debian's patches to `folder`, once: if the folder is there, it is taken as it is.
 * Throws CannotBuild with what apt or dpkg-source said.
 */
export async function debianSource(name: string, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  mkdirSync(dirname(folder), { recursive: true });
  // apt sheds its rights for another user's, who may not look into a home: hence not beside `folder`.
  const work = mkdtempSync(join(tmpdir(), 'tunstack-source-'));
  chmodSync(work, 0o755);
  const unfinished = `${folder}.${process.pid}`;
  try {
    await fetch(name, work, unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}
