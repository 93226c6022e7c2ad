import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { keptCompressed } from './build/kept_compressed.ts'

export default defineConfig({
  base: '/page/',
  plugins: [svelte(), keptCompressed()],
  build: {
    outDir: '../api/page',
    emptyOutDir: true,
    assetsDir: '',
    assetsInlineLimit: 0, // what is inline, the content security policy refuses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200, // MapLibre is a chunk of its own
    rollupOptions: {
      output: {
        manualChunks: (id: string) => (id.includes('node_modules/maplibre-gl') ? 'maplibre' : undefined),
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]'
      }
    }
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' }
})
