// What makes the pages nicer. Without it everything works but copying by a click and dropping files.
"use strict";

document.documentElement.classList.add("scripted");

// Times in the viewer's own zone, with UTC on hover.
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const hour = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
// On a narrow screen the line may break between the two, not within the hour.
const local = (at) => `${day.format(at)}, ${hour.format(at).replaceAll(/\s/g, "\u00a0")}`;
for (const time of document.querySelectorAll("time[data-local]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.textContent = local(at);
}

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
  chart.append(tip);
  chart.tabIndex = 0;
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
  });
}

// Uploading: to the domain that is chosen, also by dropping files.
const upload = document.getElementById("upload-form");
if (upload) {
  const domain = upload.querySelector("#domain");
  const aim = () => { upload.action = `/view/${domain.value}/upload?form_token=${upload.dataset.token}`; };
  domain.addEventListener("change", aim);
  aim();
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
