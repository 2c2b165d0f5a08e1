// What makes the pages nicer. Without it everything works but copying by a click and dropping files.
"use strict";

document.documentElement.classList.add("scripted");

// Copying.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

// Values of a chart's day, under the pointer and by the arrow keys.
for (const chart of document.querySelectorAll(".chart")) {
  const columns = [...chart.querySelectorAll(".hits rect")];
  if (columns.length === 0) continue;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  // What the arrow keys reach is read out: a picture that takes the focus and says nothing helps nobody.
  const told = document.createElement("p");
  told.className = "hidden";
  told.setAttribute("role", "status");
  chart.append(tip, told);
  chart.tabIndex = 0;
  const links = columns.map((column) => column.closest("a")?.getAttribute("href"));
  const keys = links[0] ? "the arrow keys go from bar to bar, with Shift they choose several, and Enter shows these days alone" : "the arrow keys go from bar to bar";
  chart.setAttribute("aria-label", `${chart.getAttribute("aria-label")}; ${keys}`);
  let at = -1;
  // Where a choice of several bars begins, and whether a pointer is making it.
  let from = -1;
  let isDragged = false;
  let isGivenUp = false;
  // Without a script a browser shows these lines by itself.
  const lines = columns.map((column) => {
    const title = column.querySelector("title");
    title.remove();
    return title.textContent.split("\n");
  });
  const show = (nth) => {
    columns[at]?.classList.remove("at");
    at = nth;
    const column = columns[nth];
    tip.hidden = !column;
    if (!column) return;
    column.classList.add("at");
    tip.replaceChildren(...lines[nth].map((line, place) => Object.assign(document.createElement(place === 0 ? "b" : "span"), { textContent: line })));
    const [outer, inner] = [chart.getBoundingClientRect(), column.getBoundingClientRect()];
    const half = tip.offsetWidth / 2;
    const middle = inner.left + inner.width / 2 - outer.left;
    tip.style.left = `${Math.min(Math.max(middle, half), outer.width - half)}px`;
  };
  const chosen = () => (from < 0 ? [at, at] : [Math.min(from, at), Math.max(from, at)]);
  const markChosen = () => {
    const [first, last] = chosen();
    for (const [nth, column] of columns.entries()) column.classList.toggle("chosen", from >= 0 && nth >= first && nth <= last);
  };
  const giveUp = () => { from = -1; isDragged = false; markChosen(); };
  // From the first day of the first bar to the last day of the last one.
  const open = () => {
    const [first, last] = chosen().map((nth) => new URL(links[nth], document.baseURI));
    first.searchParams.set("to", last.searchParams.get("to"));
    location.assign(first);
  };
  for (const [nth, column] of columns.entries()) {
    column.addEventListener("pointerenter", () => { show(nth); if (isDragged) markChosen(); });
    // A finger scrolls; where it taps, it follows the link.
    column.addEventListener("pointerdown", (event) => {
      isGivenUp = false;
      if (!links[0] || event.pointerType === "touch" || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
      show(nth);
      from = nth;
      isDragged = true;
    });
  }
  // A link would be dragged itself.
  chart.addEventListener("dragstart", (event) => event.preventDefault());
  document.addEventListener("pointerup", () => {
    const isSeveral = isDragged && at >= 0 && at !== from;
    isDragged = false;
    if (isSeveral) open(); else if (from >= 0) giveUp();
  });
  document.addEventListener("pointercancel", giveUp);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || from < 0) return;
    isGivenUp = isDragged;
    giveUp();
  });
  chart.addEventListener("click", (event) => { if (isGivenUp) event.preventDefault(); });
  // Back on this page nothing is chosen.
  addEventListener("pageshow", giveUp);
  chart.addEventListener("pointerleave", () => { if (!isDragged) show(-1); });
  // The focus may go to one of its own bars.
  chart.addEventListener("focusout", (event) => { if (!chart.contains(event.relatedTarget)) { show(-1); giveUp(); } });
  chart.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && at >= 0 && links[0]) return open();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.shiftKey && from < 0) from = at;
    if (!event.shiftKey) from = -1;
    show(at < 0 ? columns.length - 1 : Math.min(Math.max(at + step, 0), columns.length - 1));
    markChosen();
    const [day, ...says] = lines[at];
    const [first, last] = chosen();
    told.textContent = first === last ? `${day}: ${says.join(", ")}` : `${lines[first][0]} to ${lines[last][0]}: ${last - first + 1} bars are chosen`;
  });
}

// The files of a dropped folder, and of those in it.
const FILES_MAX = 10_000;
const filesBelow = async (entries) => {
  const files = [];
  const waiting = [...entries];
  while (waiting.length > 0 && files.length < FILES_MAX) {
    const entry = waiting.shift();
    if (entry.isFile) {
      files.push(await new Promise((done, failed) => entry.file(done, failed)));
      continue;
    }
    // A folder is read a hundred entries at a time, until there are none.
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (some.length === 0) break;
      waiting.push(...some);
    }
  }
  return files;
};

// Uploading by dropping files or folders onto the form.
const upload = document.getElementById("upload-form");
if (upload) {
  for (const kind of ["dragenter", "dragover"]) {
    upload.addEventListener(kind, (event) => { event.preventDefault(); upload.classList.add("over"); });
  }
  upload.addEventListener("dragleave", () => upload.classList.remove("over"));
  upload.addEventListener("drop", async (event) => {
    event.preventDefault();
    upload.classList.remove("over");
    const input = upload.querySelector("#files");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    input.files = event.dataTransfer.files;
    if (entries.some((entry) => entry.isDirectory)) {
      const reading = upload.querySelector("#reading");
      reading.textContent = "Reading the folder…";
      try {
        const gathered = new DataTransfer();
        for (const file of await filesBelow(entries)) gathered.items.add(file);
        input.files = gathered.files;
        reading.textContent = gathered.files.length === 0 ? "There are no files in it." : "";
      } catch {
        reading.textContent = "The folder could not be read. Choose its files instead.";
        return;
      }
    }
    if (input.files.length > 0) upload.requestSubmit();
  });
}

// The key / goes to the search.
const search = document.getElementById("search");
if (search) {
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
}

// What takes a while says so.
for (const button of document.querySelectorAll("button[data-busy]")) {
  const usual = button.textContent;
  button.form.addEventListener("submit", () => {
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => { button.textContent = usual; button.removeAttribute("aria-busy"); });
}

// Paper.
document.querySelector("button.print")?.addEventListener("click", () => print());
