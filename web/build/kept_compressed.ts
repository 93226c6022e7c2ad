// The built page lies in the repository and in the API's package: each file compressed, beside a hash of the sources, by
// which a test sees whether it is the sources' own.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const ROOT = join(import.meta.dirname, '..')
const SOURCES = ['src', 'build', 'index.html', 'package.json', 'package-lock.json', 'svelte.config.js', 'tsconfig.json', 'vite.config.ts']
const GENERATED = ['src/map/base_map.json', 'src/api/schema.d.ts'] // made from the lock's packages and from openapi.json

/** Every source by its name in the folder, in the order of the names. */
function sourceFiles(): string[] {
  const files = SOURCES.flatMap(name =>
    name.includes('.')
      ? [name]
      : readdirSync(join(ROOT, name), { recursive: true, withFileTypes: true })
          .filter(entry => entry.isFile())
          .map(entry => relative(ROOT, join(entry.parentPath, entry.name)))
  )
  return files.filter(name => !GENERATED.includes(name)).sort()
}

/** `tests/unit/test_page.py` reckons the same. */
export function hashOfSources(): string {
  const hash = createHash('sha256')
  for (const name of sourceFiles()) hash.update(`${name}\0`).update(readFileSync(join(ROOT, name))).update('\0')
  return hash.digest('hex')
}

/** Compresses what Vite has written, and notes of which sources it is. */
export function keptCompressed(): Plugin {
  let folder = ''
  return {
    name: 'kept-compressed',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
    },
    closeBundle() {
      for (const name of readdirSync(folder)) {
        writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }))
        rmSync(join(folder, name))
      }
      writeFileSync(join(folder, 'sources.sha256'), `${hashOfSources()}\n`)
    }
  }
}
