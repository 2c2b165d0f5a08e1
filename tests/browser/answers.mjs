// What a visitor wants to know first, counted in clicks: node tests/browser/answers.mjs ORIGIN KEY FOLDER
// example.com fails most at a service that does not sign for it, publishes a record without our address, and changed it three days
// ago. Three messages could not be read. FOLDER has two reports, one of them in a folder below.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { signIn, withBrowser } from "./browser.mjs";
import { faults } from "./faults.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key, folder] = process.argv.slice(2);
const step = (name) => console.log(`-- ${name}`);

await withBrowser({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", acceptDownloads: true }, async (context) => {
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const text = (selector) => page.locator(selector).first().innerText();
  const check = async (name) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await accessible(page), [], `${name}, ${colorScheme}`);
    }
    watched.clean();
  };
  let clicks = 0;
  const click = async (selector) => {
    clicks += 1;
    const loaded = page.waitForEvent("load");
    await page.click(selector);
    await loaded;
  };
  const begin = async () => {
    await page.goto(`${origin}/`);
    clicks = 0;
  };

  step("which service fails most, and why");
  await begin();
  await click(".attention .to_fix a");
  assert.equal(clicks, 1);
  const first = page.locator("#fails li").first();
  assert.ok(await first.isVisible());
  assert.match(await first.innerText(), /4,000\s+Mailchimp Transactional \(Mandrill\)\s+.*mandrillapp\.com/s);
  assert.ok(await first.evaluate((one) => one.getBoundingClientRect().top < innerHeight), "it is on the screen");

  step("what record is to be published next");
  await begin();
  await click(".attention .records_missing a");
  assert.equal(clicks, 1);
  const record = page.locator(".record[data-purpose=dmarc]");
  assert.match(await record.innerText(), /Yours now\s+v=DMARC1; p=none\s+As it should read\s+v=DMARC1; p=none; rua=mailto:/);
  assert.match(await record.locator("ins").innerText(), /^rua=mailto:/);
  assert.equal(await record.locator("button[data-copy^='v=DMARC1; p=none; rua=']").count(), 1);
  // Which are optional, and which are the operator's.
  const headings = await page.locator("main h2").allInnerTexts();
  assert.ok(headings.includes("What the operator publishes"), `${headings}`);

  step("the history of a record, its words marked");
  assert.equal(await text("#history del"), "p=reject;");
  assert.equal(await text("#history ins"), "p=none;");
  assert.match(await text("#history time"), /^2026-03-20 /);
  await check("set-up");

  step("what changed since last week");
  await begin();
  await click("a:text-is('What changed since last week')");
  assert.equal(clicks, 1);
  assert.match(await text("#compared"), /Compared are complete days: 2026-03-17 to 2026-03-22 with 2026-03-11 to 2026-03-16\./);
  assert.match(await text(".figures div:has(dt:text-is('Fail'))"), /▲ .*fold|▲ \+/);
  assert.equal(await page.locator("a:text-is('What changed since last week')").count(), 0, "here it is");
  await check("last week");

  step("bars are split by the way that mail came and by what receivers did; changes are marked");
  await page.click("table a:has-text('example.com')");
  await page.waitForURL("**/view/dom_*");
  const view = new URL(page.url()).pathname;
  await page.goto(origin + view);
  assert.equal(await page.locator(".chart.wide line.mark").count(), 1);
  assert.match(await text("section:has(#daily)"), /Changed: dmarc record in DNS on 2026-03-20/);
  const splits = [
    ["Way", ["from own hosts", "to fix"]], ["Service", ["Mailchimp Transactional (Mandrill)"]], ["Reporter", ["google.com", "Outlook.com", "Reporter"]],
    ["Disposition", ["delivered", "refused"]], ["Result", ["passed", "failed"]],
  ];
  for (const [title, words] of splits) {
    await click(`section:has(#daily) .segments a:text-is('${title}')`);
    const legend = await text(".legend");
    for (const word of words) assert.ok(legend.includes(word), `${title}: ${legend}`);
    assert.equal(await text("section:has(#daily) .segments a[aria-current]"), title);
    // The parts of each bar are the same messages, however they are split.
    await page.locator("section:has(#daily) details summary").click();
    const rows = await page.locator("section:has(#daily) tbody tr").evaluateAll((all) => all.map((row) =>
      [...row.querySelectorAll("td")].reduce((sum, cell) => sum + Number(cell.textContent.replaceAll(",", "")), 0)));
    assert.equal(rows.length, 26);
    assert.equal(rows[0], 0, "today, of which nothing has come yet");
    assert.equal(rows[2], 15, "a day");
    await check(`split by ${title}`);
  }
  // The range and the split are both in the address.
  await click("section:has(#daily) .segments a:text-is('Way')");
  await click(".range .segments a:text-is('90 days')");
  assert.match(page.url(), /split=flow/);
  assert.match(page.url(), /days=90/);

  step("a domain on one sheet of paper");
  await page.goto(`${origin}${view}`);
  await click("a:text-is('Summary on one page, to print')");
  assert.match(await text("#period"), /2026-03-16 to 2026-03-22, compared with 2026-03-09 to 2026-03-15/);
  assert.match(await text(".sheet"), /fails?: 4,0\d\d messages|of yours/);
  await check("summary");
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  for (const hidden of [".segments", "button.print", "nav", ".screen"]) {
    assert.deepEqual(await page.locator(hidden).evaluateAll((all) => all.filter((one) => one.offsetParent !== null).length), 0, hidden);
  }
  const paper = (await page.pdf({ format: "A4" })).toString("latin1");
  assert.equal([...paper.matchAll(/\/Type\s*\/Page(?![s\w])/g)].length, 1, "one sheet");
  await page.emulateMedia({ media: "screen" });

  step("a message is looked into, saved and removed");
  await page.goto(`${origin}/intake`);
  assert.equal(await page.locator("section:has(#groups) tbody tr").count(), 2);
  await check("groups");
  await click("section:has(#groups) tbody tr:first-child a");
  assert.equal(await text("mark"), "<", "the byte is marked");
  assert.equal((await text("pre")).trim(), "<feedback><report_metadata></wrong>c");
  await check("a message");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("a:text-is('Download')")]);
  assert.match(download.suggestedFilename(), /^message-\d+\.eml$/);
  assert.equal(readFileSync(await download.path(), "utf8"), "<feedback><report_metadata></wrong>c");
  await page.click("summary:text-is('Remove…')");
  await click("button:text-is('Remove it')");
  assert.match(await text("[role=status] >> nth=0"), /was removed/);
  assert.equal(await page.locator("section:has(#aside) tbody tr").count(), 2);

  step("a folder is dropped with what is below it");
  const files = ["a.xml", "below/b.xml"].map((name) => [name, readFileSync(join(folder, name), "utf8")]);
  // A page cannot drop a folder of the disk: its entries are made as a browser makes them.
  await page.evaluate((files) => {
    const file = ([name, content]) => ({ isFile: true, isDirectory: false, file: (done) => done(new File([content], name)) });
    const dir = (entries) => ({
      isFile: false,
      isDirectory: true,
      createReader: () => {
        const parts = [entries, []];
        return { readEntries: (done) => done(parts.shift()) };
      },
    });
    const [a, b] = files;
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const root = dir([file(a), dir([file(b)])]);
    event.dataTransfer = { items: [{ webkitGetAsEntry: () => root }], files: new DataTransfer().files };
    document.getElementById("upload-form").dispatchEvent(event);
  }, files);
  await page.waitForURL("**/upload*");
  // Both were read: they are one report under two ids.
  assert.match(await text("#uploaded"), /^1 new report, 1 was here already, 0 parts/);

  step("faults that pages had once");
  await faults(page, origin, key, view);
  watched.clean();
});

step("without a script");
await withBrowser({ viewport: { width: 390, height: 844 }, javaScriptEnabled: false }, async (context) => {
  const page = context.pages()[0];
  await signIn(page, origin, key);
  await page.click("a:text-is('What changed since last week')");
  await page.waitForURL("**?days=7");
  await page.click("table a:has-text('example.com')");
  await page.click("section:has(#daily) .segments a:text-is('Way')");
  assert.match(page.url(), /split=flow/);
  assert.ok(await page.locator(".chart.slim rect.part").count() > 5);
  await page.click("a:text-is('Summary on one page, to print')");
  assert.equal(await page.locator("button.print").isVisible(), false, "a browser has its own");
  await page.goto(`${origin}/intake`);
  await page.click("a:text-is('Look inside') >> nth=0");
  assert.equal(await page.locator("mark").count(), 1);
});
