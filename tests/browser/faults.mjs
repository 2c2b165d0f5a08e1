// Faults that pages had once, looked for in a browser. example.com has 25 days of reports up to 2026-03-22; the clock stands on 2026-03-23.
//
// | fault                                                           | where it is looked for                                      |
// |-----------------------------------------------------------------|-------------------------------------------------------------|
// | B10 an unknown address is JSON                                  | here, "An unknown address"                                  |
// | B11 a mistake in an address costs the tabs                      | here, "A mistake in an address"                             |
// | B12 a refused form loses what was typed                         | here, "A form that is refused"                              |
// | B13 the last report is its begin, or its arrival                | many.mjs, "last data and arrival"                           |
// | B14 the range is lost on the way to reports                     | here, "The days go along"                                   |
// | B15 titles, labels and heights of charts                        | looks.mjs, "titles say what a bar is", and layout.mjs       |
// | B16 gaps in tiles, small or cut labels                          | layout.mjs at eight widths, by looks.mjs and levels.mjs     |
// | B17 chips and selectors break inside                            | layout.mjs                                                  |
// | B18 the active tab is out of sight                              | layout.mjs                                                  |
// | B19 dropped records are "no records"; pages behind the last one | many.mjs, "dropped records"; here, "A page behind"          |
// | B20 missing records are "to be changed", optional ones a must   | here, "What is missing"                                     |
// | B21, B22 sentences of commands, a second demo                   | no page: tests/it/cli/told.rs, tests/it/cli/demo.rs         |
// | B23 pass and fail are one grey                                  | looks.mjs, "told apart", in grey and with fewer colours      |
// | B24 nearly all looks like all                                   | looks.mjs, "some never looks like all"                      |
// | B25 no sign-in over plain HTTP                                  | insecure.mjs                                                |
// | B26 attention leaves domains out without saying so              | many.mjs, "every domain that needs attention"               |
// | B27 percentages off the line, columns that touch                | looks.mjs, "a percentage stands on the line"; layout.mjs    |
// | B28 names as xn-- only                                          | here, "A name is shown in both forms"                       |
// | B29 values of the chart are not announced, landmarks            | looks.mjs, "what the arrow keys reach"; levels.mjs          |
// | B30 a search changes the tiles                                  | here, "A search changes the list alone"                     |
// | B31 windows in the viewer's zone                                | looks.mjs, in the zone of Los Angeles                       |
// | B32 names of files; a quarantined item; the session has ended   | here, "A file has the name", "after the session"; answers.mjs |
//
// Of the habits: sorting, busy buttons and tags are in walk.mjs, numbers and dates of the visitor in locales.mjs, every level of axe-core and
// every page in levels.mjs, compression in tests/it/page/compression.rs.
import assert from "node:assert/strict";

/** Looks for each on the pages of a user who signed in with `key`; `view` is the address of example.com. */
export async function faults(page, origin, key, view) {
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

  // A form that is sent after the session has ended says so, and leads back.
  await page.goto(`${origin}${view}/settings`);
  await page.context().clearCookies();
  await page.click("button:text-is('Save')");
  await page.waitForURL("**/sign-in?unsaved=true**");
  assert.match(await text("[role=alert]"), /Nothing was saved/);
  await page.fill("#key", key);
  await page.click("button[type=submit]");
  await page.waitForURL(`${origin}${view}/settings`);
}
