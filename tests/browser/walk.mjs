// A walk through all that the page does: node tests/browser/walk.mjs ORIGIN KEY READING_KEY REPORT_FILE BROKEN_FILE
// The domain example.com has reports of 2026-03-22 and earlier; the clock stands on 2026-03-23.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { signIn, withBrowser } from "./browser.mjs";
import { accessible, watch } from "./pages.mjs";

const [origin, key, readingKey, reportFile, brokenFile] = process.argv.slice(2);
const step = (name) => console.log(`-- ${name}`);

// Without movement: colours are looked at, and must not be on their way.
const options = { viewport: { width: 1280, height: 860 }, colorScheme: "light", reducedMotion: "reduce", acceptDownloads: true };
await withBrowser(options, async (context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const page = context.pages()[0];
  const watched = watch(page, origin);
  const check = async (name) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await accessible(page), [], `${name}, ${colorScheme}`);
    }
    watched.clean();
  };
  // What comes next must not look at the page that is left.
  const follow = async (selector) => {
    const loaded = page.waitForEvent("load");
    await page.click(selector);
    await loaded;
  };
  const text = (selector) => page.locator(selector).innerText();
  const figure = async (title) => (await text(`.figures div:has(dt:text-is("${title}")) dd >> nth=0`)).trim();

  step("nobody sees anything before signing in");
  await page.goto(`${origin}/intake`);
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  await check("sign-in");
  await page.fill("#key", `sk_live_${"a".repeat(43)}`);
  await page.click("button[type=submit]");
  assert.match(await text("[role=alert]"), /not known/);

  step("sign in: back to where one wanted to go, with a cookie that no script sees");
  await page.fill("#key", key);
  await page.click("button[type=submit]");
  await page.goto(`${origin}/intake`);
  assert.equal(new URL(page.url()).pathname, "/intake");
  assert.equal(await page.evaluate(() => document.cookie), "");
  const [cookie] = await context.cookies(origin);
  assert.deepEqual(
    [cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path],
    ["__Host-tallymark", true, true, "Strict", "/"],
  );
  await check("intake");

  step("overview");
  await page.goto(`${origin}/`);
  const before = await figure("Messages");
  await check("overview");
  await page.fill("#search", "no-such");
  await follow("text=Find");
  assert.match(await text("main"), /No domain has that/);
  await follow("text=Show all domains");

  step("the first page: sorted, filtered, folded, and searched by a key");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("exam/");
  assert.equal(await page.inputValue("#search"), "exam/", "in a field it is a sign like others");
  for (const title of ["Domain", "Status", "Policy", "Change", "Fail", "Pass", "Last data", "Arrived", "Messages"]) {
    await follow(`#domains >> xpath=../.. >> thead a:text-is('${title}')`);
    assert.match(page.url(), /sort=/);
    assert.equal((await text("th[aria-sort]")).trim(), title);
    const order = await page.locator("th[aria-sort]").getAttribute("aria-sort");
    await follow("th[aria-sort] a");
    assert.notEqual(await page.locator("th[aria-sort]").getAttribute("aria-sort"), order);
  }
  await follow("a:text-is('Folded by organisation')");
  assert.match(page.url(), /fold=organisation/);
  await follow("a:text-is('Every domain')");
  await page.click("summary:has-text('Filters')");
  await page.selectOption("#policy", "quarantine");
  await page.fill("#failing_over", "often");
  await follow("button:text-is('Filter')");
  assert.match(await text("#failing_over-error"), /whole number/);
  assert.equal(await page.inputValue("#failing_over"), "often");
  assert.equal(await page.inputValue("#policy"), "quarantine");
  await check("filters, refused");
  await page.fill("#failing_over", "100");
  await follow("button:text-is('Filter')");
  assert.match(await text(".empty"), /No domain is like that/);
  await follow("text=Remove all filters");
  assert.match(await text("#compared"), /complete days/);

  step("words are explained in their place and on a page");
  await page.click("footer a");
  await page.waitForURL("**/glossary");
  await check("glossary");
  await page.goto(`${origin}/`);
  await page.click("table a:has-text('example.com')");

  step("a range that is in the address");
  await page.waitForURL("**/view/dom_*");
  const view = new URL(page.url()).pathname;
  await check("domain");
  assert.match(await text("#verdict"), /^Not yet |^You may |^Nothing to do/);
  // Answers first: the policy, what fails, who sends; then days, reporters and signers.
  const order = await page.locator("main h2").evaluateAll((all) => all.map((one) => one.id));
  assert.deepEqual(order, ["readiness", "what-fails", "services", "daily", "reporters", "signatures"]);
  const word = page.locator(".figures .term").first();
  await word.focus();
  const bubble = await word.evaluate((one) => getComputedStyle(one, "::after").content);
  assert.match(bubble, /DKIM or SPF passed for the domain/);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/glossary#aligned");
  await page.goBack();
  assert.equal(await page.locator(".checks li").count(), 5);
  // No record is offered for copying while something stands in the way.
  assert.equal(await page.locator("#next-record").count(), (await text("#verdict")).startsWith("You may") ? 1 : 0);
  const month = await figure("Messages");
  await page.click(".segments a:text-is('7 days')");
  await page.waitForURL("**?days=7");
  assert.notEqual(await figure("Messages"), month);
  assert.equal(await page.locator(".chart.wide .hits rect").count(), 7);
  await page.fill("#from", "2026-03-01");
  await page.fill("#to", "2026-03-10");
  await page.click(".range button");
  await page.waitForURL("**?from=2026-03-01&to=2026-03-10");
  assert.equal(await page.locator(".chart.wide .hits rect").count(), 10);

  step("values under the pointer and by the keyboard");
  await page.goto(`${origin}${view}`);
  await page.locator(".chart.wide").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await text(".chart.wide .tip"), /2026-03-23/);
  await page.keyboard.press("ArrowLeft");
  assert.match(await text(".chart.wide .tip"), /2026-03-22[\s\S]*passed/);
  await page.locator(".chart.wide .hits rect").nth(3).hover();
  assert.match(await text(".chart.wide .tip"), /2026-02-25/);

  step("sort, filter, group, drill down to the records");
  await page.click(".tabs a:text-is('Sources')");
  await check("services");
  const services = await page.locator("tbody tr").count();
  for (const [part, word] of [["Forwarded", "forwarded"], ["Unknown", "unknown"], ["To fix", "to_fix"]]) {
    await page.click(`.segments a:text-is('${part}')`);
    await page.waitForURL(`**show=${word}*`);
    assert.equal(await page.locator(".card .segments a[aria-current]").innerText(), part);
    assert.ok((await page.locator("tbody tr").count()) < services, part);
    await check(`services, ${part}`);
  }
  await page.click(".segments a:text-is('All')");
  await page.click("summary:text-is('What the ways mean')");
  await check("services, with the words");
  await page.click("text=Show addresses");
  await page.waitForURL("**group=address*");
  await check("sources");
  const fails = async () => (await page.locator("td[data-label=Fail]").allInnerTexts()).map((number) => Number(number.replaceAll(",", "")));
  await page.click("thead a:text-is('Fail')");
  await page.waitForURL("**sort=fail_count*");
  assert.deepEqual(await fails(), (await fails()).toSorted((a, b) => b - a));
  assert.equal(await page.locator("th[aria-sort=descending]").innerText(), "Fail ↓".replace(" ↓", ""));
  await page.click("thead a:text-is('Fail')");
  await page.waitForURL("**order=asc*");
  assert.deepEqual(await fails(), (await fails()).toSorted((a, b) => a - b));
  const all = (await fails()).length;
  await page.selectOption("#result", "fail");
  await page.click("button:text-is('Filter')");
  await page.waitForURL("**result=fail*");
  const failing = (await fails()).length;
  assert.ok(failing > 0 && failing < all, `${failing} of ${all}`);
  await page.fill("#search", "no such name");
  await page.click("button:text-is('Filter')");
  await page.waitForURL("**search=no*");
  assert.match(await text(".card .empty"), /No sources/);
  await page.click("text=Group by service");
  await page.click("tbody th a:has-text('203.0.113.0/24')");
  await page.waitForURL("**service=203.0.113.0*");
  assert.match(await text("h2 >> nth=0"), /Addresses of 203/);
  await page.click("tbody th a >> nth=0");
  await page.waitForURL("**/sources/203.0.113.*");
  await check("source");
  assert.ok(await page.locator(".records tbody tr").count() > 0);
  await page.click(".records tbody td a >> nth=0");
  await page.waitForURL("**/reports/*");
  await check("report");
  const original = page.waitForEvent("download");
  await page.click("a:text-is('Original')");
  assert.match((await original).suggestedFilename(), /^report-\d+\./);

  step("decide whose senders are, and take it back");
  await page.goto(`${origin}${view}/sources`);
  await decide(page, 2, "Not ours");
  await check("decisions");
  assert.equal(await page.locator("tbody tr").count(), 2);
  await page.click(".crumbs >> nth=1 >> text=Sources");
  assert.equal(await page.locator("tbody th .chip:text-is('Not ours')").count(), 2);
  assert.ok((await page.locator("td[data-label=Way] .chip:text-is('not ours')").count()) > 0);
  await check("services, decided");
  await page.click("text=What was decided");
  await page.selectOption("#kind", "network");
  await page.fill("#subject", "everything");
  await page.fill("#name", "Office <Berlin>");
  await page.fill("#note", "typed");
  await page.click("button:text-is('Save')");
  assert.match(await text("#subject-error"), /is not a network/);
  assert.equal(await page.inputValue("#name"), "Office <Berlin>");
  await check("decisions, refused");
  await page.fill("#subject", "203.0.113.50");
  await page.click("button:text-is('Save')");
  assert.match(await text("tbody"), /Office <Berlin>/);
  await page.goto(`${origin}${view}/sources/203.0.113.50`);
  assert.match(await text("#identity"), /Office <Berlin>/);
  await page.click("summary:has-text('decide whose it is')");
  await check("source, deciding");
  await page.selectOption("#subject", "203.0.113.0/24");
  await page.selectOption("#decision", "forwarder");
  await page.click("button:text-is('Save')");
  assert.equal(await page.locator("tbody tr").count(), 4);
  while ((await page.locator("button:text-is('Take back')").count()) > 0) {
    await page.click("button:text-is('Take back') >> nth=0");
  }
  assert.match(await text(".empty"), /Nothing was decided/);
  await check("no decisions");
  await page.goto(`${origin}${view}`);

  step("the other tables, and all of them as CSV");
  for (const [tab, heading] of [["Reporters", "Reporters"], ["DKIM", "DKIM signatures"], ["Reports", "Reports"]]) {
    await page.click(`.tabs a:text-is('${tab}')`);
    assert.ok((await page.locator(".card h2").allInnerTexts()).includes(heading), heading);
    await check(tab);
    const download = page.waitForEvent("download");
    await page.click("a.csv");
    const lines = readFileSync(await (await download).path(), "utf8").trim().split("\r\n");
    assert.ok(lines.length > 1 && lines[0].includes(","), tab);
  }
  await page.fill("#org", "google.com");
  await page.click("button:text-is('Filter')");
  await page.waitForURL("**org=google.com*");
  assert.ok((await page.locator("tbody tr").count()) > 0);

  step("add a domain, copy a record, verify");
  await page.goto(`${origin}/`);
  await page.click("text=Add a domain");
  await check("add");
  await page.fill("#name", "no domain");
  await page.click("button:text-is('Add')");
  assert.ok(await page.locator("#problem").isVisible());
  await page.fill("#name", "new.example");
  await page.click("button:text-is('Add')");
  await page.waitForURL("**/setup?added=true");
  await check("setup");
  const record = page.locator("[data-purpose=dmarc]");
  const value = await record.locator("code").nth(1).innerText();
  await record.locator("button").nth(1).click();
  await record.locator("button:text-is('Copied')").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), value);
  assert.match(value, /^v=DMARC1; p=none; rua=mailto:/);
  const busy = await page.locator("button.primary[data-busy]").evaluate((button) => {
    button.form.addEventListener("submit", (event) => event.preventDefault(), { once: true });
    button.form.requestSubmit();
    return button.textContent;
  });
  assert.equal(busy, "Asking DNS…");
  await page.goto(page.url());
  assert.equal(await text("button.primary[data-busy]"), "Verify now");
  await page.click("text=Verify now");
  await page.waitForURL("**/setup?verified=true");
  await check("verified");
  assert.equal(await text("[data-purpose=spf] .chip >> nth=0"), "found");
  assert.equal(await text("[data-purpose=dmarc] .chip >> nth=0"), "missing");
  assert.ok((await text("[data-purpose=dmarc] p.bad")).length > 10);

  step("the next DKIM key: made, shown with its record, and forgotten");
  const rotation = page.locator("section:has(#rotation)");
  await rotation.locator("button:text-is('Make the next key')").click();
  await page.waitForURL("**/setup");
  await check("rotation");
  assert.equal(await rotation.locator(".chip").innerText(), "record awaited");
  const next = page.locator("[data-purpose=dkim_rotation]");
  assert.equal(await next.locator(".chip >> nth=0").innerText(), "missing");
  await next.locator("button").nth(1).click();
  await next.locator("button:text-is('Copied')").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^v=DKIM1; k=rsa; p=/);
  // Its record was not seen, so that it cannot be made to sign.
  assert.equal(await page.locator("text=Switch now").count(), 0);
  await rotation.locator("button:text-is('Cancel the change')").click();
  await rotation.locator(".chip:text-is('not under way')").waitFor();
  assert.equal(await next.count(), 0);

  step("empty states say what to do");
  await page.click(".tabs a:text-is('Overview')");
  assert.match(await text(".empty"), /DNS records to publish/);
  await check("empty");

  step("settings, and removing with confirmation");
  await page.click(".tabs a:text-is('Settings')");
  await check("settings");
  await page.check("[name=inbound_enabled]");
  await page.fill("#bimi_logo_url", "https://new.example/logo.svg");
  await page.click("button:text-is('Save')");
  await page.waitForURL("**/settings?saved=true");
  assert.ok(await page.isChecked("[name=inbound_enabled]"));
  await page.fill("#bimi_logo_url", "http://new.example/logo.svg");
  await page.click("button:text-is('Save')");
  assert.match(await text(".notice.bad"), /Nothing was changed/);
  await page.goto(page.url());
  await page.click("text=Remove…");
  await check("remove");
  await page.fill("#name", "other.example");
  await page.click("text=Remove it");
  assert.match(await text("[role=alert]"), /not that of the domain/);
  await page.fill("#name", "new.example");
  await page.click("text=Remove it");
  await page.waitForURL(`${origin}/`);
  assert.equal(await page.locator("a:has-text('new.example')").count(), 0);

  step("upload a report and see the number change");
  await page.goto(`${origin}/intake`);
  await page.setInputFiles("#files", reportFile);
  await page.click("button:text-is('Upload')");
  assert.match(await text("#uploaded"), /1 new report/);
  await check("uploaded");
  await page.goto(`${origin}/`);
  const after = await figure("Messages");
  assert.notEqual(after, before);

  step("what cannot be read is shown with its reason, and can be tried again");
  await page.goto(`${origin}/intake`);
  await page.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File(["<feedback><report_metadata>"], "broken.xml"));
    document.getElementById("upload-form").dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
  });
  await page.waitForURL("**/upload*");
  assert.match(await text("#uploaded"), /1 part could not be read/);
  await page.goto(`${origin}/`);
  assert.match(await text(".attention"), /1 message in quarantine/);
  await page.goto(`${origin}/intake`);
  await check("quarantine");
  await page.click("button:text-is('Try again')");
  await page.waitForURL("**/intake?tried=again");
  assert.match(await text(".notice[role=status]"), /still cannot be read/);

  step("keys and sessions");
  await page.click(".top a:text-is('Keys')");
  await check("keys");
  await page.fill("#name", "robot <1>");
  await page.click("text=Make a key");
  assert.match(await text("#secret"), /^sk_(live|test)_/);
  await check("a new key");
  await page.locator("tr:has-text('robot <1>') summary").click();
  await page.click("tr:has-text('robot <1>') button");
  await page.waitForURL("**/keys?done=revoked");
  assert.equal(await page.locator("tr:has-text('robot <1>')").count(), 0);

  step("alerts: a finding is snoozed with a key, and back");
  await page.click(".top a:text-is('Alerts')");
  assert.match(await text(".findings tbody"), /A service fails for example.com\s+Shop since/);
  await check("alerts");
  await page.focus("button[name=days][value='7']");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/alerts?done=snoozed");
  assert.match(await text("[role=status]"), /is snoozed/);
  await page.click(".segments a:text-is('Snoozed')");
  await check("snoozed");
  await page.click("button:text-is('End the snooze')");
  await page.waitForURL("**/alerts?done=woken");
  assert.match(await text(".findings tbody"), /open/);
  await page.click(".segments a:text-is('History')");
  await check("no history");

  step("a webhook: added, its secret seen once, tested, changed, switched off, removed");
  await page.click("a:text-is('Add a webhook')");
  await check("a new webhook");
  await page.fill("#url", "nonsense <1>");
  await page.click("button:text-is('Add')");
  assert.equal(await page.inputValue("#url"), "nonsense <1>");
  assert.ok((await text("#url-error")).length > 10);
  await check("a new webhook, refused");
  await page.fill("#url", "http://127.0.0.1:9/hook");
  await page.uncheck("[name=events][value='*']");
  await page.check("[name=events][value='tls.failure']");
  await page.click("button:text-is('Add')");
  assert.match(await text("#secret"), /^whsec_/);
  await check("a secret");
  await page.click("a:text-is('To the webhook')");
  await check("a webhook");
  assert.ok(await page.isChecked("[name=events][value='tls.failure']"));
  await page.click("button:text-is('Send a test')");
  assert.match(await text(".notice"), /no answer/);
  await page.fill("#url", "http://127.0.0.1:9/other");
  await page.click("button:text-is('Save')");
  await page.waitForURL("**?done=saved");
  await page.click("button:text-is('Switch off')");
  await page.waitForURL("**?done=off");
  await check("a webhook that is off");
  await page.click("summary:text-is('Remove…')");
  await page.click("button:text-is('Remove it')");
  await page.waitForURL("**/alerts?done=removed");
  await page.click("a:text-is('Telegram')");
  await check("a new channel");

  step("tags");
  await page.goto(`${origin}${view}/settings`);
  await page.fill("#tags", "Shop, de é");
  await page.click("button:text-is('Save')");
  assert.match(await text("#tags-error"), /up to 10 tags/);
  assert.equal(await page.inputValue("#tags"), "Shop, de é");
  await page.fill("#tags", "Shop, de");
  await page.click("button:text-is('Save')");
  await page.waitForURL("**/settings?saved=true");
  assert.equal(await page.inputValue("#tags"), "de shop");
  await page.click("h1 >> .. >> a:text-is('shop')");
  await page.waitForURL("**/?tag=shop");
  assert.equal(await page.locator("tbody tr").count(), 1);
  await check("tagged");

  step("sign out");
  await page.click("text=Sign out");
  await page.waitForURL("**/sign-in");
  await page.goto(`${origin}/`);
  assert.equal(new URL(page.url()).pathname, "/sign-in");

  step("a reading key sees no buttons that change things");
  await signIn(page, origin, readingKey);
  for (const path of ["/", "/intake", "/alerts", view, `${view}/setup`]) {
    await page.goto(origin + path);
    const forms = await page.locator("form[method=post]").evaluateAll((all) => all.map((form) => new URL(form.action).pathname));
    assert.deepEqual(forms, ["/sign-out"], path);
    assert.equal(await page.locator("a:text-is('Add a domain'), .tabs a:text-is('Settings'), .top a:text-is('Keys')").count(), 0, path);
    await check(`reading ${path}`);
  }
  watched.clean();
});

const phone = { width: 390, height: 844 };

/** Chooses the first services of the list that is shown, and says whose they are. */
async function decide(page, services, whose) {
  for (let nth = 0; nth < services; nth++) await page.check(`input.choose >> nth=${nth}`);
  await page.click(`#decide button:text-is('${whose}')`);
  await page.waitForURL("**/decisions");
}

await withBrowser({ viewport: phone, reducedMotion: "reduce" }, async (context) => {
  step("on a phone nothing is wider than the screen");
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  const view = await page.locator("table a[href^='/view/']").first().getAttribute("href");
  const below = ["", "/sources", "/sources?group=address", "/sources/203.0.113.50", "/decisions", "/reporters", "/plausibility", "/receipts", "/receipts?day=2026-03-20", "/dkim", "/spf", "/spf?try=v%3Dspf1%20-all", "/reports", "/setup", "/settings"];
  for (const path of ["/", "/intake", "/add", "/keys", "/alerts", "/alerts/new/webhook", "/alerts/new/telegram", "/glossary", "/find?q=e", ...below.map((rest) => view + rest)]) {
    await page.goto(origin + path);
    const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= shown, `${path} is ${wide} wide on ${shown}`);
    assert.deepEqual(await accessible(page), [], `${path} on a phone`);
  }
  watched.clean();
});

await withBrowser({ viewport: phone, javaScriptEnabled: false }, async (context) => {
  step("without scripts");
  const page = context.pages()[0];
  const watched = watch(page, origin);
  await signIn(page, origin, key);
  await page.click("table a:has-text('example.com')");
  await page.click(".segments a:text-is('7 days')");
  await page.waitForURL("**?days=7");
  assert.ok(await page.locator(".chart.slim").isVisible());
  assert.ok(!(await page.locator(".chart.wide").isVisible()));
  await page.click(".tabs a:text-is('Sources')");
  await decide(page, 1, "Forwarder");
  await page.click("button:text-is('Take back')");
  assert.match(await page.locator(".empty").innerText(), /Nothing was decided/);
  await page.goto(`${origin}/alerts`);
  await page.click("button[name=days][value='1']");
  await page.waitForURL("**/alerts?done=snoozed");
  assert.match(await page.locator("[role=status]").innerText(), /is snoozed/);
  await page.goto(`${origin}/intake`);
  await page.setInputFiles("#files", brokenFile);
  await page.click("button:text-is('Upload')");
  assert.match(await page.locator("#uploaded").innerText(), /0 new reports/);
  watched.clean();
});
