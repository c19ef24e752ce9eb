import { defineConfig } from 'vitest/config';

// Tests import the sources, not dist: `ssr.resolve` is the one that counts, tests run in Node.
export default defineConfig({
  ssr: { resolve: { conditions: ['@tunstack/source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // Loading fast-check anew for every file costs more than most files do, and no test leaves anything behind.
    isolate: false,
    reporters: ['default', './tools/closing-line.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
