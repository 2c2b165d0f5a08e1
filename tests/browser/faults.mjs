// Faults that pages had once, looked for in a browser. example.com has 25 days of reports up to 2026-03-22; the clock stands on 2026-03-23.
import assert from "node:assert/strict";

/** Looks for each on the pages of a signed-in user; `view` is the address of example.com. */
export async function faults(page, origin, view) {
  const text = (selector) => page.locator(selector).first().innerText();
  const rows = () => page.locator("tbody tr").count();

  // An unknown address is a page with a way on.
  for (const path of ["/no/such", "/view/", "/view/dom_aaaaaaaaaaaaaaaa"]) {
    await page.goto(origin + path);
    assert.doesNotMatch(await text("body"), /^\s*\{/, path);
    assert.ok(await page.locator("header nav a[href='/']").count() > 0, path);
  }
  // A mistake in an address: the tabs stay, the sentence is said once, and the input is still there.
  for (const [path, said] of [
    ["/sources?from=2026-03-20&to=2026-03-01", "must not be after to"], ["/sources?network=abc", undefined],
    ["/sources?sort=foo", "must be one of"], ["?days=abc", "must be a whole number"],
  ]) {
    await page.goto(origin + view + path);
    assert.equal(await page.locator(".tabs").count(), 1, path);
    if (said) assert.equal((await text("main")).split(said).length, 2, `${path} says once: ${said}`);
    else assert.equal(await page.locator("[aria-invalid=true]").inputValue(), "abc");
  }
  await page.goto(`${origin}${view}/sources?from=2026-03-20&to=2026-03-01`);
  assert.equal(await page.inputValue("#from"), "2026-03-20");

  // A form that is refused keeps what was typed, and says it next to the field.
  await page.goto(`${origin}${view}/settings`);
  await page.fill("#tracking_domain", "not a host");
  await page.fill("#custom_return_path", "bounce.example.com");
  await page.click("button:text-is('Save')");
  assert.equal(await page.inputValue("#tracking_domain"), "not a host");
  assert.equal(await page.inputValue("#custom_return_path"), "bounce.example.com");
  assert.equal(await page.locator("#tracking_domain").getAttribute("aria-describedby"), "tracking_domain-error");
  assert.ok(await page.locator("#tracking_domain-error").isVisible());

  // The days go along to a reporter's reports, and to every tab.
  await page.goto(`${origin}${view}?days=7`);
  await page.click("section:has(#reporters) tbody a");
  await page.waitForURL("**/reports?**");
  assert.match(page.url(), /days=7/);
  const week = await rows();
  assert.ok(week > 0 && week <= 7, `${week} reports`);
  for (const tab of ["Sources", "Reporters", "DKIM", "Reports"]) {
    await page.click(`.tabs a:text-is('${tab}')`);
    await page.waitForURL(/days=7/);
  }

  // A page behind the last one says so.
  await page.goto(`${origin}${view}/sources?page=99`);
  assert.match(await text("main"), /There is no page 99/);
  assert.doesNotMatch(await text("main"), /No sources|Page 99 of/);
  await page.click("a:text-is('Last page')");
  assert.ok(await rows() > 0);

  // What is missing is not called wrong, and nothing optional is a must.
  await page.goto(`${origin}${view}/setup`);
  const chips = await page.locator(".record").evaluateAll((all) => all.map((one) => [one.dataset.purpose, [...one.querySelectorAll(".chip")].map((chip) => chip.textContent)]));
  for (const [purpose, words] of chips) {
    if (purpose === "dmarc") assert.deepEqual(words, ["to be changed"]);
    else assert.ok(!words.includes("to be changed"), `${purpose}: ${words}`);
  }
  for (const record of await page.locator(".record:has(.chip:text-is('optional'))").all()) assert.doesNotMatch(await record.innerText(), /must publish/);

  // A name is shown in both forms and found in both.
  await page.goto(`${origin}/add`);
  await page.fill("#name", "münchner.example");
  await page.click("button:text-is('Add')");
  await page.waitForURL("**/setup?added=true");
  assert.match(await text("h1"), /münchner\.example\s+xn--mnchner-n2a\.example/);
  // A search changes the list alone.
  await page.goto(`${origin}/`);
  const [figures, attention] = [await text(".figures"), await text(".attention")];
  for (const [word, found] of [["MÜNCHNER", 1], ["xn--mn", 1], ["example", 2], ["no-such", 0]]) {
    await page.goto(`${origin}/?search=${encodeURIComponent(word)}`);
    assert.equal(await page.locator("tbody a[href^='/view/']").count(), found, word);
    assert.equal(await text(".figures"), figures, word);
    assert.equal(await text(".attention"), attention, word);
  }

  // A file has the name of its domain and its days.
  await page.goto(`${origin}${view}/sources?days=7`);
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("a.csv >> nth=0")]);
  assert.match(file.suggestedFilename(), /^example\.com_\w+_2026-03-17_2026-03-23\.csv$/);
}
