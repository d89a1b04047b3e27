"use strict";
// The calendars: for each series, which windows are there and how final they are.

const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

// A year of days has a column for each week; a month of hours has one for each day.
function layoutOf(granularity, anchor) {
  if (granularity === "hour") {
    const columns = Array.from({ length: 31 }, (_, index) => shifted(anchor, index - 30));
    return {
      columns, from: columns[0], to: anchor, step: 31,
      rows: HOURS.map((hour, index) => ({ name: `${hour}:00`, shown: index % 6 ? "" : `${hour}h` })),
      label: (column, row) => `${column}T${HOURS[row]}Z`,
      breaks: (column) => weekday(column) === 0,
      head: (column) => writeDate(toDate(column)).slice(0, -5),
    };
  }
  const monday = shifted(anchor, -weekday(anchor) - 52 * 7);
  const columns = Array.from({ length: 53 }, (_, index) => shifted(monday, index * 7));
  return {
    columns, from: monday, to: anchor, step: 364,
    rows: WEEKDAYS.map((name, index) => ({ name, shown: index % 2 ? "" : name.slice(0, 3) })),
    label: (column, row) => shifted(column, row),
    breaks: (column) => Number(column.slice(8)) <= 7,
    head: (column) => writeMonth(toDate(column)),
  };
}

function monthHeads({ columns, breaks, head }) {
  const groups = [];
  for (const column of columns) {
    if (!groups.length || breaks(column)) groups.push({ column, span: 0 });
    groups.at(-1).span += 1;
  }
  return groups.map(({ column, span }) =>
    h("th", { colSpan: span, scope: "colgroup" }, span > 2 ? head(column) : ""),
  );
}

// Windows before a series' first file were not asked for yet: they are pale, and not counted.
function describeWindows(windows) {
  const first = windows.findIndex(({ state }) => state !== "missing");
  return new Map(windows.map((window, index) => [
    window.start, { ...window, early: first < 0 || index < first },
  ]));
}

function windowText({ start, state, early, size, exported_at: exported }) {
  const facts = size === null ? [] : [bytes(size), `exported ${stamp(exported)}`];
  const told = state === "missing" && early ? "nothing exported yet" : state;
  return [windowName(start), told, ...facts].join(" · ");
}

function summary(found, granularity) {
  const counted = [...found.values()].filter(({ early }) => !early);
  if (!counted.length) return "Nothing was exported in this time.";
  const parts = Object.keys(STATES)
    .map((state) => [counted.filter((window) => window.state === state).length, state])
    .filter(([number]) => number)
    .map(([number, state]) => `${number.toLocaleString("en-GB")} ${state}`);
  const from = counted[0].start;
  return `${count(counted.length, granularity)} since ${writeDate(toDate(from))}: ${parts.join(", ")}`;
}

function grid(series, layout, found, readout) {
  const name = `${sentence(series.report)}, ${series.region}`;
  const cell = (column, row) => {
    const window = found.get(layout.label(column, row));
    if (!window) return h("td", { role: "gridcell" });
    return h("td", {
      role: "gridcell", tabIndex: -1, className: `mark ${window.state}${window.early ? " early" : ""}`,
      "data-start": window.start, "aria-label": windowText(window),
    });
  };
  const table = h("table", { role: "grid", "aria-label": `Coverage of ${name}`, className: series.granularity },
    h("thead", {}, h("tr", {}, h("td"), monthHeads(layout))),
    h("tbody", {}, layout.rows.map((row, index) => h("tr", {},
      h("th", { scope: "row" }, h("span", { "aria-hidden": "true" }, row.shown), h("span", { className: "unseen" }, row.name)),
      layout.columns.map((column) => cell(column, index)),
    ))),
  );
  const cells = [...table.querySelectorAll("[data-start]")];
  const last = [...found.keys()].at(-1);
  const entry = cells.find((each) => each.dataset.start === last);
  if (entry) entry.tabIndex = 0;
  const tell = (event) => {
    const start = event.target.dataset?.start;
    if (start) readout.textContent = windowText(found.get(start));
  };
  const open = (target) => {
    const { start } = target.dataset;
    if (start) location.hash = routeOfFile({ ...series, start });
  };
  table.addEventListener("mouseover", tell);
  table.addEventListener("focusin", tell);
  table.addEventListener("click", (event) => open(event.target));
  table.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(event.target);
    } else if (walk(event.target, event.key, cells)) event.preventDefault();
  });
  return table;
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Moves the focus over the grid, past cells that have no window.
function walk(cell, key, cells) {
  let next;
  if (key === "Home" || key === "End") next = cells.filter((each) => each.parentElement === cell.parentElement).at(key === "Home" ? 0 : -1);
  else if (key in STEPS) {
    const [right, down] = STEPS[key];
    let [row, index] = [cell.parentElement, cell.cellIndex];
    do {
      index += right;
      if (down) row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
      next = row?.cells[index];
    } while (next && !next.dataset.start);
  } else return false;
  if (next?.dataset.start) {
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  return true;
}

function calendar(series, layout) {
  const readout = h("p", { className: "readout", "aria-hidden": "true" });
  const told = h("p", { className: "summary" }, "Loading…");
  const scroll = h("div", { className: "scroll" });
  const skeleton = grid(series, layout, new Map(), readout);
  skeleton.classList.add("loading");
  scroll.append(skeleton);
  const latest = action("Download latest", { ...series, start: LATEST }, download, "quiet",
    `of ${sentence(series.report)}, ${series.region}`);
  const card = h("article", { className: "series", "aria-busy": "true" },
    h("div", { className: "heading" },
      h("h3", {}, sentence(series.report), " ", h("span", { className: "region" }, series.region)), latest),
    h("div", { className: "told" }, told, readout), scroll);
  const load = async (signal) => {
    const { report, region, granularity } = series;
    const answer = await ask("coverage",
      { report, region, granularity, from: layout.from, to: shifted(layout.to, 1) }, signal);
    const found = describeWindows(answer.windows);
    told.textContent = summary(found, granularity);
    scroll.replaceChildren(grid(series, layout, found, readout));
    scroll.scrollLeft = scroll.scrollWidth;
    card.removeAttribute("aria-busy");
  };
  return { card, load };
}
