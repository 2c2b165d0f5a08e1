// The days of a domain's chart: node tests/browser/days.mjs ORIGIN KEY VIEW
// The domain has reports of 30 days; those of yesterday and today have not come.
import assert from "node:assert/strict";
import { signIn, withBrowser } from "./browser.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key, view] = process.argv.slice(2);
const step = (name) => console.log(`-- ${name}`);
const asked = (page) => Object.fromEntries(new URL(page.url()).searchParams);
const start = `${origin}${view}?days=7&split=disposition`;

await withBrowser({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" }, async (context) => {
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const bars = page.locator(".chart.wide .hits rect");
  const day = (nth) => bars.nth(nth).getAttribute("data-day");
  const middle = async (nth) => {
    const box = await bars.nth(nth).boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const begin = async () => {
    await page.goto(start);
    await page.locator(".chart.wide").scrollIntoViewIfNeeded();
    return [await day(2), await day(4)];
  };
  const left = (act) => Promise.all([page.waitForURL("**from=**"), act()]);
  const stays = async () => {
    // A script that left the page would have begun to.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    assert.equal(page.url(), start);
    assert.equal(await page.locator(".chart.wide .chosen").count(), 0);
  };

  step("a click shows that day, split as before");
  let [first, last] = await begin();
  await left(async () => page.mouse.click(...(await middle(2))));
  assert.deepEqual(asked(page), { from: first, to: first, split: "disposition" });
  assert.equal(await page.locator(".chart.wide .hits a").count(), 0, "a day alone leads nowhere");

  step("a drag shows its days, in either direction");
  for (const [down, up] of [[2, 4], [4, 2]]) {
    [first, last] = await begin();
    await page.mouse.move(...(await middle(down)));
    await page.mouse.down();
    await page.mouse.move(...(await middle(3)));
    await page.mouse.move(...(await middle(up)));
    assert.equal(await page.locator(".chart.wide .chosen").count(), 3);
    await left(() => page.mouse.up());
    assert.deepEqual(asked(page), { from: first, to: last, split: "disposition" });
  }

  step("Escape gives a drag up, wherever it ends");
  for (const up of [4, 2]) {
    await begin();
    await page.mouse.move(...(await middle(2)));
    await page.mouse.down();
    await page.mouse.move(...(await middle(4)));
    await page.keyboard.press("Escape");
    await page.mouse.move(...(await middle(up)));
    await page.mouse.up();
    await stays();
  }

  step("the keyboard chooses a day, or several");
  [first, last] = await begin();
  await page.locator(".chart.wide").focus();
  for (let nth = 6; nth >= 4; nth--) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Shift+ArrowLeft");
  assert.match(await page.locator(".chart.wide [role=status]").textContent(), /3 bars are chosen$/);
  assert.deepEqual(await accessible(page), []);
  await left(() => page.keyboard.press("Enter"));
  assert.deepEqual(asked(page), { from: first, to: last, split: "disposition" });
  await begin();
  await page.locator(".chart.wide").focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Escape");
  await stays();

  step("what is not wholly reported is told apart without colours, in the dark and on paper");
  for (const media of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "light", media: "print" }]) {
    await page.emulateMedia({ media: "screen", ...media });
    await page.goto(start);
    const frame = await page.locator(".chart.wide rect.partial").first().evaluate((one) => {
      const { stroke, strokeDasharray, fill } = getComputedStyle(one);
      return { stroke, strokeDasharray, fill, text: getComputedStyle(document.body).color };
    });
    assert.deepEqual([frame.stroke, frame.fill], [frame.text, "none"]);
    assert.notEqual(frame.strokeDasharray, "none");
    assert.match(await page.locator(".legend").innerText(), /not wholly reported yet/);
  }
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
  await page.locator(".chart.wide").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator(".chart.wide [role=status]").textContent(), /hardly anything reported so far/);
  watched.clean();
});

await withBrowser({ viewport: { width: 390, height: 844 }, hasTouch: true, reducedMotion: "reduce" }, async (context) => {
  step("a finger that moves over the bars scrolls, and a tap follows the link");
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  await page.goto(start);
  const chart = page.locator(".chart.slim");
  await chart.scrollIntoViewIfNeeded();
  const bars = chart.locator(".hits rect");
  const day = await bars.nth(2).getAttribute("data-day");
  const touch = { pointerType: "touch", button: 0, isPrimary: true, pointerId: 7, bubbles: true };
  await bars.nth(2).dispatchEvent("pointerdown", touch);
  await bars.nth(4).dispatchEvent("pointerenter", touch);
  await bars.nth(4).dispatchEvent("pointerup", touch);
  assert.equal(await chart.locator(".chosen").count(), 0);
  assert.equal(page.url(), start);
  assert.equal(await chart.evaluate((one) => getComputedStyle(one).touchAction), "auto");
  const box = await bars.nth(2).boundingBox();
  await Promise.all([page.waitForURL("**from=**"), page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2)]);
  assert.deepEqual(asked(page), { from: day, to: day, split: "disposition" });
  watched.clean();
});

await withBrowser({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false }, async (context) => {
  step("without a script bars and rows of the table are links");
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  await page.goto(start);
  const bar = page.locator(".chart.wide .hits rect").nth(2);
  const day = await bar.getAttribute("data-day");
  await bar.scrollIntoViewIfNeeded();
  const box = await bar.boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForURL("**from=**");
  assert.deepEqual(asked(page), { from: day, to: day, split: "disposition" });
  await page.goto(start);
  await page.click("summary:text-is('As a table')");
  await page.click("[aria-label='Table of days'] tbody tr:has-text('hardly anything reported so far') >> nth=0 >> a");
  await page.waitForURL("**from=**");
  assert.equal(asked(page).from, asked(page).to);
  watched.clean();
});
