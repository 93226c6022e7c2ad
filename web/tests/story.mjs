// The story of a night in a browser, against the API in memory that `tests/page_night.py` serves:
//   node tests/story.mjs ADDRESS KEY CHROMIUM FOLDER
// It reads a line of standard input when the incident that it asked for is there, keeps screenshots in FOLDER, and ends
// with an error at the first thing that is not as it must be.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'
import { labels, labelsOnAPhone } from './story_labels.mjs'
import { writesARule } from './story_rules.mjs'

const [address, key, executablePath, folder] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PATIENCE = 90_000 // milliseconds: software draws the map, on whatever machine this is
const PATCH = 'S2B_MSIL2A_TEST|S1A_IW_GRDH_TEST/32632/g120/r0000c0001' // of tests/memory_api.py
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==', 'base64')
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--use-angle=swiftshader'] })
const faults = []

async function opened(options) {
  const context = await browser.newContext({ locale: 'en', ...options })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  page.on('pageerror', error => faults.push(`error: ${error.message}`))
  page.on('console', message => message.type() === 'error' && !/status of 401/.test(message.text()) && faults.push(message.text()))
  page.on('request', request => request.url().startsWith(address) || /^(blob|data):/.test(request.url()) || faults.push(`asked elsewhere: ${request.url()}`))
  return page
}

/** Nothing that axe calls serious, on what is shown now. */
async function isAccessible(page, name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(serious.map(({ id, nodes }) => [name, id, nodes.map(node => node.html).slice(0, 3)]), [])
}

async function shot(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`), timeout: PATIENCE })
}

async function signsIn(page) {
  await page.goto(`${address}/#watch`)
  await page.getByLabel('API key').fill('spk_wrong')
  await page.keyboard.press('Enter')
  await page.getByText('This key is not known here').waitFor()
  await isAccessible(page, 'sign in')
  await page.getByLabel('API key').fill(key)
  await page.keyboard.press('Enter')
  await page.locator('.row').first().waitFor()
}

async function watches(page) {
  await page.locator('.map-frame[data-ready=true]').waitFor()
  assert.match(await page.locator('.row').first().innerText(), /EXTREME\s+Genova/i)
  await isAccessible(page, 'watch')
  await page.keyboard.press('j') // the worst one, by the keyboard alone
  await page.getByRole('heading', { name: 'Genova' }).waitFor()
  assert.match(page.url(), /#watch\?incident=inc-page-0000/)
  await page.locator('.evidence .post-text').first().waitFor()
  assert.match(await page.locator('.evidence').first().innerText(), /<script>/)
  assert.notEqual(await page.title(), 'run')
  const photo = page.getByRole('button', { name: 'Show the photo' })
  assert.match(await photo.locator('img').evaluate(image => getComputedStyle(image).filter), /blur/)
  await photo.click()
  assert.equal(await page.locator('.photo img').first().evaluate(image => getComputedStyle(image).filter), 'none')
  await isAccessible(page, 'incident')
  await shot(page, 'incident')
}

async function acts(page) {
  await page.keyboard.press('a')
  await page.getByText(/Acknowledged by/).waitFor()
  await page.getByRole('button', { name: 'Hand over' }).click()
  await page.getByLabel('To whom').fill('Day shift')
  await page.getByLabel(/Why/).fill('End of my night')
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByText(/Handed over by .* → Day shift/).waitFor()
  await page.locator('.history').getByText('End of my night').waitFor()
}

async function hearsOfMore(page) {
  process.stdout.write('one more\n') // the test makes an incident now
  await answers.next()
  await page.locator('.row', { hasText: 'Sagunto' }).waitFor()
}

async function goesBackInTime(page) {
  await page.getByRole('button', { name: '1 h', exact: true }).click()
  await page.locator('.row', { hasText: 'Olbia' }).waitFor({ state: 'detached' })
  await page.goto(`${address}/#watch?until=2020-01-01T00:00:00.000Z`)
  await page.getByText('No incident in this window.').waitFor()
  await page.getByRole('button', { name: 'Go to the newest one' }).click()
  await page.locator('.row').first().waitFor()
}

async function searches(page) {
  await page.keyboard.press('/')
  await page.getByLabel('Text in any language').fill('strade allagate')
  await page.keyboard.press('Enter')
  const first = page.locator('.hit').first()
  await first.getByText('Decided by').waitFor()
  assert.match(await first.innerText(), /words\s*\d+/)
  await first.getByRole('button', { name: 'Post' }).click()
  await page.getByRole('complementary', { name: 'Post' }).getByText('Source').waitFor()
  await isAccessible(page, 'search')
  await shot(page, 'search')
}

async function searchesForMoreLikeIt(page) {
  await page.getByRole('button', { name: 'Search posts like this' }).click()
  await page.locator('.likeness .post-text').waitFor()
  assert.match(page.url(), /#search\?.*like=x%3A/)
  await page.locator('.hit').first().waitFor()
  await page.getByText('Weights', { exact: true }).click()
  await page.getByRole('slider', { name: 'meaning' }).fill('0')
  await page.waitForURL(/weights=text%3A0/)
  await page.getByText(/Saved searches/).click()
  await page.getByRole('button', { name: 'Save this search' }).click()
  await page.waitForURL(/saved=saved-/)
  await page.locator('.matches .live[data-state=live]').waitFor()
  await page.getByText('Nothing has matched yet').waitFor()
  await isAccessible(page, 'a saved search')
  await shot(page, 'saved-search')
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await page.getByRole('button', { name: 'Remove it for everybody' }).click()
  await page.getByText('None is saved yet').waitFor()
}

async function searchesByPhotoPatchAndPlace(page) {
  await page.locator('#photo-file').setInputFiles({ name: 'water.png', mimeType: 'image/png', buffer: PIXEL })
  await page.locator('.likeness img').waitFor()
  await page.getByText('no visual model is configured').waitFor() // the night has none, and the API says what to do
  await page.locator('#photo-file').setInputFiles({ name: 'water.txt', mimeType: 'text/plain', buffer: Buffer.from('no photo') })
  await page.getByText('This file is no photo').waitFor()
  await page.goto(`${address}/#search?photo=file-00ff00ff00ff00ff`)
  await page.getByText('is not in this browser').waitFor()
  await page.route('**/v1/patches/pictures/**', route => route.fulfill({ contentType: 'image/png', body: PIXEL }))
  await page.goto(`${address}/#search?patch=${encodeURIComponent(PATCH)}`)
  await page.locator('.patch-hit').first().waitFor()
  await isAccessible(page, 'patches')
  await shot(page, 'patches')
  await page.goto(`${address}/#search?last=24h`)
  await page.locator('.hit').first().waitFor()
  await page.getByRole('button', { name: 'On the map' }).click()
  await page.locator('.place-map .map-frame[data-ready=true]').waitFor()
  await page.getByRole('button', { name: 'Draw a rectangle' }).click()
  await page.locator('.place-map .map').click({ position: { x: 40, y: 40 } })
  await page.getByText('Click the corner opposite').waitFor()
  await page.locator('.place-map .map').click({ position: { x: 640, y: 260 } })
  await page.waitForURL(/box=/)
  await page.getByText(/Within .* north/).waitFor()
  await page.locator('.hit').first().waitFor()
  await isAccessible(page, 'a place on the map')
  await shot(page, 'place')
}

async function playsTheNight(page) {
  const from = new Date(Date.now() - 90 * 60_000)
  await page.goto(`${address}/#watch?until=${from.toISOString()}`)
  await page.locator('.map-frame[data-ready=true]').waitFor()
  await page.getByText(/[1-9]\d* posts counted/).waitFor()
  await page.locator('.row', { hasText: 'Valencia' }).getByText('10 posts').waitFor() // as many as it had then
  await page.getByLabel('Speed of the playback').selectOption('60')
  await page.getByRole('button', { name: 'Play' }).click()
  await page.waitForFunction(then => Date.parse(decodeURIComponent(/until=([^&]*)/.exec(location.hash)?.[1] ?? '')) > then + 60_000, from.getTime())
  await page.keyboard.press('p')
  await page.getByRole('button', { name: 'Play' }).waitFor()
  await isAccessible(page, 'playback')
  await shot(page, 'playback')
}

async function looksAfterTheSystem(page) {
  await page.getByRole('link', { name: 'System' }).click()
  await page.getByRole('heading', { name: 'Ready' }).waitFor()
  await isAccessible(page, 'system')
  await page.context().setOffline(true)
  await page.getByText('The server cannot be reached').waitFor()
  await page.context().setOffline(false)
}

async function isReadOnAPhone() {
  const page = await opened({ viewport: { width: 390, height: 844 }, colorScheme: 'light', locale: 'it-IT' })
  await page.goto(address)
  await page.getByLabel('Chiave API').fill(key)
  await page.keyboard.press('Enter')
  await page.locator('.row').first().waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390)
  await isAccessible(page, 'phone')
  await shot(page, 'phone')
  await page.locator('.row').first().click()
  await page.getByRole('button', { name: 'Prendi in carico' }).waitFor()
  await isAccessible(page, 'incident on a phone')
  await shot(page, 'phone-incident')
  await labelsOnAPhone(page, { isAccessible, shot })
}

try {
  const page = await opened({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
  await signsIn(page)
  await watches(page)
  await acts(page)
  await hearsOfMore(page)
  await goesBackInTime(page)
  await searches(page)
  await searchesForMoreLikeIt(page)
  await searchesByPhotoPatchAndPlace(page)
  await playsTheNight(page)
  await looksAfterTheSystem(page)
  await labels(page, { isAccessible, shot })
  await writesARule(page, { isAccessible, shot })
  await isReadOnAPhone()
  assert.deepEqual(faults.filter(fault => !/ERR_INTERNET_DISCONNECTED|status of 422/.test(fault)), [])
} finally {
  await browser.close()
}
process.exit(0)
