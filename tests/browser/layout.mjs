// What a page looks like when nothing is wrong with it: run in the page, as it is shown.

/** What is wrong with the page that is shown: boxes that cut, tiles that leave a gap, chips and tabs out of place. */
export function looks() {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const edges = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const { clientWidth } = document.documentElement;
  if (document.documentElement.scrollWidth > clientWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide on ${clientWidth}`);
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    if (element.matches(".hidden, .skip, .who > .muted, svg *") || style.display === "none") continue;
    const cuts = [style.overflowX, style.overflowY].some((how) => ["hidden", "clip"].includes(how));
    if (cuts && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1)) say("cut", element);
    if (style.textOverflow === "ellipsis" && !element.matches("input")) say("shortened", element);
  }
  for (const tiles of document.querySelectorAll(".figures")) {
    const outer = tiles.getBoundingClientRect();
    const rows = new Map();
    for (const tile of tiles.children) {
      const box = tile.getBoundingClientRect();
      rows.set(Math.round(box.top), Math.max(rows.get(Math.round(box.top)) ?? 0, box.right));
      const text = edges(tile.querySelector("dd"));
      if (text.right > box.right || text.left < box.left || text.bottom > box.bottom) say("a figure is outside of its tile", tile);
    }
    for (const right of rows.values()) if (outer.right - right > 3) say(`a gap of ${outer.right - right} in the tiles`, tiles);
  }
  for (const chip of document.querySelectorAll(".chip:not(.text), .whole")) {
    const lines = new Set([...chip.getClientRects()].map((box) => Math.round(box.top)));
    const high = chip.getBoundingClientRect().height;
    if (lines.size > 1 || high > 2 * Number.parseFloat(getComputedStyle(chip).fontSize) + 6) say("broken in two", chip);
  }
  for (const tab of document.querySelectorAll(".tabs a[aria-current]")) {
    const box = tab.getBoundingClientRect();
    if (box.left < 0 || box.right > clientWidth || box.width === 0) say("the active tab is out of sight", tab);
  }
  for (const chart of document.querySelectorAll(".chart")) {
    if (getComputedStyle(chart).display === "none") continue;
    const texts = [...chart.querySelectorAll("text")].map((text) => ({ text, box: text.getBoundingClientRect() }));
    for (const { text, box } of texts) {
      if (getComputedStyle(text).fontSize !== "12px" || box.height < 9 || box.height > 20) say("a label is no label of 12 pixels", text);
      if (box.left < 0 || box.right > clientWidth) say("a label is out of sight", text);
      if (text.matches(".number") && !/^\d{1,3}([.,]\d)?[kMGTPE]?$/.test(text.textContent)) say("no short number", text);
      for (const other of texts) {
        const apart = box.right <= other.box.left || other.box.right <= box.left || box.bottom <= other.box.top || other.box.bottom <= box.top;
        if (other.text !== text && !apart) say(`touches "${other.text.textContent}"`, text);
      }
    }
    const highest = Math.min(...[...chart.querySelectorAll(".grid")].map((line) => line.getBoundingClientRect().top));
    for (const bar of chart.querySelectorAll("rect.pass, rect.fail, rect.part")) {
      if (bar.getBoundingClientRect().top < highest - 1) say("higher than the highest label", bar);
    }
    if (chart.querySelectorAll(".date").length === 0) say("no date", chart);
  }
  for (const row of document.querySelectorAll("table tr")) {
    const cells = [...row.children].filter((cell) => cell.checkVisibility() && getComputedStyle(cell).display === "table-cell" && cell.textContent.trim() !== "");
    for (const [nth, cell] of cells.entries()) {
      const apart = nth === 0 ? Infinity : edges(cell).left - edges(cells[nth - 1]).right;
      if (apart < 6) say(`${apart} pixels from the column before`, cell);
    }
  }
  for (const time of document.querySelectorAll("time")) if (!/^[\d./-]{10}( \d\d:\d\d UTC)?$/.test(time.textContent)) say("no day and no time in UTC", time);
  return wrong;
}
