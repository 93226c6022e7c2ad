// The part of the story in which an operator writes a rule, tries a receiver, and sees who was told and what was kept back.
import assert from 'node:assert/strict'

export async function writesARule(page, { isAccessible, shot }) {
  await page.getByRole('link', { name: 'Rules' }).click()
  await page.getByText('There is no rule yet').waitFor()
  await page.getByRole('button', { name: 'New rule' }).click()
  const form = page.getByRole('form', { name: 'New rule' })
  await form.getByRole('button', { name: 'Save the rule' }).click()
  await form.getByText('Choose who is told.').waitFor()
  await form.getByLabel('Title').fill('Floods <b>of</b> Liguria')
  await form.getByLabel('A rectangle').check()
  await draws(page, form)
  for (const [edge, value] of [['West', 7], ['South', 43], ['East', 10], ['North', 45]]) await form.getByLabel(edge).fill(String(value))
  await form.getByLabel('From which severity').selectOption('moderate')
  await form.getByLabel('stream').check()
  await isAccessible(page, 'a new rule')
  await form.getByRole('button', { name: 'Save the rule' }).click()
  const card = page.locator('.rule-card')
  await card.getByText('in the rectangle 7, 43, 10, 45; from Moderate; tells stream').waitFor()
  assert.match(await card.innerText(), /<b>of<\/b>/)
  await page.locator('.told-line', { hasText: 'Genova' }).first().waitFor()
  await page.getByRole('button', { name: 'Send a test message to cap' }).click()
  await page.getByText('The receiver has taken it.').waitFor()
  await silences(page)
  await changes(page)
  await isAccessible(page, 'rules')
  await shot(page, 'rules')
}

async function draws(page, form) {
  await form.getByText('Draw on the map').click()
  const map = form.locator('.area-map[data-ready=true]')
  await map.waitFor()
  const { width, height } = await map.boundingBox()
  await map.locator('canvas').click({ position: { x: width * 0.4, y: height * 0.4 } })
  await form.getByText('Click the opposite corner.').waitFor()
  await map.locator('canvas').click({ position: { x: width * 0.6, y: height * 0.6 } })
  assert.notEqual(await form.getByLabel('West').inputValue(), '')
}

async function silences(page) {
  await page.getByText('New silence').click()
  await page.getByLabel(/Why/).fill('An exercise')
  await page.getByRole('button', { name: 'Silence', exact: true }).click()
  await page.getByText(/An exercise/).first().waitFor()
  await page.getByRole('button', { name: 'End it now' }).click()
  await page.getByText('Nothing is silenced.').waitFor()
}

async function changes(page) {
  await page.getByRole('button', { name: 'Change', exact: true }).click()
  assert.match(page.url(), /rule=floods-b-of-b-liguria/)
  const form = page.locator('.rule-card form')
  assert.equal(await form.getByLabel('West').inputValue(), '7')
  await form.getByLabel('From which severity').selectOption('severe')
  await form.getByRole('button', { name: 'Save the rule' }).click()
  await page.locator('.rule-card').getByText(/from Severe/).waitFor()
}
