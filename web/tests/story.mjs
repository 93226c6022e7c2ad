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

const [address, key, executablePath, folder] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PATIENCE = 90_000 // milliseconds: software draws the map, on whatever machine this is
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
}

try {
  const page = await opened({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
  await signsIn(page)
  await watches(page)
  await acts(page)
  await hearsOfMore(page)
  await goesBackInTime(page)
  await searches(page)
  await looksAfterTheSystem(page)
  await isReadOnAPhone()
  assert.deepEqual(faults.filter(fault => !/ERR_INTERNET_DISCONNECTED/.test(fault)), [])
} finally {
  await browser.close()
}
process.exit(0)
