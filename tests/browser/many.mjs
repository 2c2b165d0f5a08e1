// An account with 243 domains, none of them set up: node tests/browser/many.mjs ORIGIN KEY REPORT
// late.example got a report about 2026-02-20 today, 2026-03-23. The records of the report REPORT of old.example were dropped.
import assert from "node:assert/strict";
import { signIn, withBrowser } from "./browser.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key, report] = process.argv.slice(2);
const DOMAINS = 243;
const step = (name) => console.log(`-- ${name}`);

await withBrowser({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" }, async (context) => {
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const text = (selector) => page.locator(selector).first().innerText();
  const view = async (name) => {
    await page.goto(`${origin}/?search=${name}`);
    return page.locator("tbody th a[href^='/view/']").first().getAttribute("href");
  };

  step("every domain that needs attention is there, and their number is said");
  const more = page.locator(".attention .more a:has-text('Not verified')");
  assert.equal((await more.innerText()).trim(), `Not verified: all ${DOMAINS}`);
  await more.click();
  await page.waitForURL("**/needs-attention?kind=records_missing");
  const names = new Set();
  for (;;) {
    for (const name of await page.locator("ul.attention b").allInnerTexts()) names.add(name);
    const next = page.locator("nav.pages a[rel=next]");
    if ((await next.count()) === 0) break;
    const loaded = page.waitForEvent("load");
    await next.click();
    await loaded;
  }
  assert.equal(names.size, DOMAINS);
  assert.match(await text("nav.pages"), new RegExp(`^${DOMAINS} items`));
  assert.deepEqual(await accessible(page), []);

  step("last data and arrival are two days");
  const late = await view("late.example");
  const days = await page.locator("tbody tr:has-text('late.example') td.day").allInnerTexts();
  assert.deepEqual(days, ["2026-02-20", "2026-03-23"], "the day that the report is about, and the one that it came on");
  await page.goto(`${origin}${late.split("?")[0]}/reporters?from=2026-02-01&to=2026-03-01`);
  assert.equal(await text("td[data-label='Last data']"), "2026-02-20");

  step("dropped records are not called no records");
  const old = (await view("old.example")).split("?")[0];
  await page.goto(`${origin}${old}/reports/${report}`);
  assert.match(await text("main"), /2 records are no longer kept|no longer kept/);
  assert.doesNotMatch(await text("main"), /No records/);
  await page.goto(`${origin}${old}/reports?all=true`);
  assert.equal(await page.locator(".chip:text-is('records dropped')").count(), 1);
  watched.clean();
});
