// The part of the story in which an analyst labels twenty patches in two rounds. In the scene of `tests/page_scene.py` the
// water lies in the east, from column 414 on.
import assert from 'node:assert/strict'

const EAST = 414
const BATCH = 10

const isWater = id => Number(/c(\d+)$/.exec(id)[1]) >= EAST
const keyOf = id => (isWater(id) ? 'Space' : 'x')
// What is pressed while a round is sent counts for nothing.
const isIdle = page => page.locator('.round-bar [aria-busy=false]').waitFor()
const cursor = page => page.locator('.patch.cursor').getAttribute('data-id')

export async function labels(page, { isAccessible, shot }) {
  await page.getByRole('link', { name: 'Annotate' }).click()
  await page.locator('.patch img').first().waitFor()
  assert.ok((await page.locator('.patch').count()) < 144, 'only what is seen is in the document')
  await marksByClicks(page)
  await undoesAndSends(page)
  await marksByKeys(page)
  await page.keyboard.press('Enter')
  await page.locator('.round-bar').getByText('Round 3').waitFor()
  await page.locator('.round-panel .u-over').waitFor()
  await page.getByText(/labels are predicted by models/).waitFor()
  await exportsThem(page)
  await page.locator('.round-panel summary').click()
  await page.locator('.class-map').evaluate(image => image.decode())
  await isAccessible(page, 'annotate')
  await shot(page, 'annotate')
}

async function marksByClicks(page) {
  const grid = page.getByRole('grid')
  const ids = await page.locator('.patch').evaluateAll((cells, most) => cells.slice(0, most).map(cell => cell.dataset.id), BATCH)
  const patch = id => page.locator(`.patch[data-id="${id}"]`)
  await patch(ids[0]).click()
  await patch(ids[4]).click({ modifiers: ['Shift'] })
  await page.getByText(/5 chosen/).waitFor()
  for (const id of ids) {
    await patch(id).click()
    assert.ok(await grid.evaluate(element => element === document.activeElement), 'keys go on where a click was')
    await page.keyboard.press(keyOf(id))
  }
  await page.getByText(/marked and not sent: \d+ yes, \d+ no/).waitFor()
  await patch(ids[0]).click()
  await page.getByText('Send 10').waitFor()
}

async function undoesAndSends(page) {
  await page.keyboard.press('z')
  await page.getByText('Send 9').waitFor()
  await page.locator('.patch').nth(BATCH - 1).click()
  await page.keyboard.press(keyOf(await cursor(page)))
  await page.keyboard.press('Enter')
  await page.locator('.round-bar').getByText('Round 2').waitFor()
  await page.locator('.round-panel').getByText(/by everybody/).waitFor()
  await isIdle(page)
  await page.keyboard.press('z') // the round that was sent comes back, and is sent again
  await page.getByText('Send 10').waitFor()
  await isIdle(page)
  await page.keyboard.press('Enter')
  await page.locator('.patch [data-list=boundary]').first().waitFor()
  await isIdle(page)
}

async function marksByKeys(page) {
  assert.equal(await page.locator('.patch').first().locator('.why').getAttribute('data-list'), 'boundary')
  for (let number = 0; number < BATCH; number += 1) {
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press(keyOf(await cursor(page)))
  }
  await page.getByText('Send 10').waitFor()
}

async function exportsThem(page) {
  const address = await page.getByRole('link', { name: 'CSV' }).getAttribute('href')
  const lines = (await (await page.request.get(new URL(address, page.url()).href)).text()).trim().split('\n')
  assert.equal(lines.length, 31, 'a head, twenty labels that stand, and ten that were undone')
}

export async function labelsOnAPhone(page, { isAccessible, shot }) {
  await page.goto(new URL('/#annotate', page.url()).href)
  await page.locator('.patch img').first().waitFor()
  await page.locator('.patch').first().click()
  await page.getByRole('button', { name: '✓ Sì' }).click()
  await page.getByText('Invia 1').waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390)
  await isAccessible(page, 'annotate on a phone')
  await shot(page, 'phone-annotate')
  await page.getByRole('button', { name: 'Annulla' }).click()
}
