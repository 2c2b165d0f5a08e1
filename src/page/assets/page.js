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
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", `${chart.getAttribute("aria-label")}; the arrow keys go from bar to bar`);
  let at = -1;
  const show = (nth) => {
    columns[at]?.classList.remove("at");
    at = nth;
    const column = columns[nth];
    tip.hidden = !column;
    if (!column) return;
    column.classList.add("at");
    const { day, pass, fail } = column.dataset;
    const title = document.createElement("b");
    title.textContent = day;
    tip.replaceChildren(title, `${pass} passed, ${fail} failed`);
    const [outer, inner] = [chart.getBoundingClientRect(), column.getBoundingClientRect()];
    const half = tip.offsetWidth / 2;
    const middle = inner.left + inner.width / 2 - outer.left;
    tip.style.left = `${Math.min(Math.max(middle, half), outer.width - half)}px`;
  };
  for (const [nth, column] of columns.entries()) {
    column.querySelector("title")?.remove();
    column.addEventListener("pointerenter", () => show(nth));
  }
  chart.addEventListener("pointerleave", () => show(-1));
  chart.addEventListener("blur", () => show(-1));
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at < 0 ? columns.length - 1 : Math.min(Math.max(at + step, 0), columns.length - 1));
    const { day, pass, fail } = columns[at].dataset;
    told.textContent = `${day}: ${pass} passed, ${fail} failed`;
  });
}

// Uploading by dropping files onto the form.
const upload = document.getElementById("upload-form");
if (upload) {
  for (const kind of ["dragenter", "dragover"]) {
    upload.addEventListener(kind, (event) => { event.preventDefault(); upload.classList.add("over"); });
  }
  upload.addEventListener("dragleave", () => upload.classList.remove("over"));
  upload.addEventListener("drop", (event) => {
    event.preventDefault();
    upload.classList.remove("over");
    upload.querySelector("#files").files = event.dataTransfer.files;
    if (event.dataTransfer.files.length > 0) upload.requestSubmit();
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
