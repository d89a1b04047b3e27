// The calendars: the state of each window of each series.
/* global actionButton, addDays, createElement, displayName, downloadFile, formatCount,
   formatDate, formatDayAndMonth, formatMonth, formatNumber, formatSize, formatTimestamp,
   formatWindow, hasFile, LATEST, requestJson, routeToFile, STATES, toDate, weekday */
/* exported calendarLayout, coverageCard, findingList, indexWindows */

const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOUR_CALENDAR_DAYS = 31;
const DAY_CALENDAR_WEEKS = 53;

// A calendar of hours has one column for each day and one row for each hour.
function hourLayout(lastDay) {
  const columns = Array.from({ length: HOUR_CALENDAR_DAYS }, (_, index) =>
    addDays(lastDay, index - HOUR_CALENDAR_DAYS + 1),
  );
  return {
    columns,
    rows: HOURS.map((hour, index) => ({
      name: `${hour}:00`,
      label: index % 6 === 0 ? `${hour}h` : "",
    })),
    from: columns[0],
    to: lastDay,
    daysPerPeriod: HOUR_CALENDAR_DAYS,
    windowAt: (column, row) => `${column}T${HOURS[row]}Z`,
    startsGroup: (column) => weekday(column) === 0,
    groupName: (column) => formatDayAndMonth(toDate(column)),
  };
}

// A calendar of days has one column for each week and one row for each weekday.
function dayLayout(lastDay) {
  const lastMonday = addDays(lastDay, -weekday(lastDay));
  const columns = Array.from({ length: DAY_CALENDAR_WEEKS }, (_, index) =>
    addDays(lastMonday, (index - DAY_CALENDAR_WEEKS + 1) * 7),
  );
  return {
    columns,
    rows: WEEKDAYS.map((name, index) => ({
      name,
      label: index % 2 === 0 ? name.slice(0, 3) : "",
    })),
    from: columns[0],
    to: lastDay,
    daysPerPeriod: (DAY_CALENDAR_WEEKS - 1) * 7,
    windowAt: (column, row) => addDays(column, row),
    startsGroup: (column) => Number(column.slice(8)) <= 7,
    groupName: (column) => formatMonth(toDate(column)),
  };
}

const calendarLayout = (granularity, lastDay) =>
  granularity === "hour" ? hourLayout(lastDay) : dayLayout(lastDay);

function groupHeadings({ columns, startsGroup, groupName }) {
  const groups = [];
  for (const column of columns) {
    if (!groups.length || startsGroup(column)) groups.push({ column, span: 0 });
    groups.at(-1).span += 1;
  }
  return groups.map(({ column, span }) =>
    createElement("th", { colSpan: span, scope: "colgroup" }, span > 2 ? groupName(column) : ""),
  );
}

// Windows before the first file of a series are pale and not counted: the export began later, or they
// have expired.
function indexWindows(windows) {
  const first = windows.findIndex(hasFile);
  return new Map(
    windows.map((window, index) => [
      window.start,
      { ...window, early: first < 0 || index < first },
    ]),
  );
}

// Only days have findings.
const findingsOf = ({ findings = [] }) => findings.map(({ text }) => text);
const hasFinding = (window) => findingsOf(window).length > 0;

function describeWindow(window, withFindings = true) {
  const { start, state, early, size, exported_at: exportedAt } = window;
  const facts = size === null ? [] : [formatSize(size), `exported ${formatTimestamp(exportedAt)}`];
  const shownState = state === "missing" && early ? "before the first export" : state;
  const reasons = withFindings ? findingsOf(window) : [];
  return [formatWindow(start), shownState, ...facts, ...reasons].join(" · ");
}

function summarise(windows, granularity) {
  const counted = [...windows.values()].filter(({ early }) => !early);
  if (!counted.length) return "No exports in this period.";
  const parts = Object.keys(STATES)
    .map((state) => ({ state, number: counted.filter((each) => each.state === state).length }))
    .filter(({ number }) => number)
    .map(({ state, number }) => `${formatNumber(number)} ${state}`);
  const since = formatDate(toDate(counted[0].start));
  const doubtful = counted.filter(hasFinding).length;
  const findings = doubtful ? `. ${formatNumber(doubtful)} with a finding` : "";
  return `${formatCount(counted.length, granularity)} since ${since}: ${parts.join(", ")}${findings}`;
}

function calendarCell(window) {
  if (!window) return createElement("td", { role: "gridcell" });
  return createElement("td", {
    role: "gridcell",
    tabIndex: -1,
    className: ["mark", window.state, window.early && "early", hasFinding(window) && "finding"]
      .filter(Boolean)
      .join(" "),
    "data-start": window.start,
    "aria-label": describeWindow(window),
  });
}

function calendarTable(series, layout, windows) {
  const rowHeading = ({ name, label }) =>
    createElement(
      "th",
      { scope: "row" },
      createElement("span", { "aria-hidden": "true" }, label),
      createElement("span", { className: "visually-hidden" }, name),
    );
  const row = (heading, index) =>
    createElement(
      "tr",
      {},
      rowHeading(heading),
      layout.columns.map((column) => calendarCell(windows.get(layout.windowAt(column, index)))),
    );
  const title = `${displayName(series.report)}, ${series.region}`;
  return createElement(
    "table",
    { role: "grid", "aria-label": `Coverage of ${title}`, className: series.granularity },
    createElement("thead", {}, createElement("tr", {}, createElement("td"), groupHeadings(layout))),
    createElement("tbody", {}, layout.rows.map(row)),
  );
}

function calendarGrid(series, layout, windows, { readout, reasons }) {
  const table = calendarTable(series, layout, windows);
  const cells = [...table.querySelectorAll("[data-start]")];
  const newest = [...windows.keys()].at(-1);
  const tabStop = cells.find((cell) => cell.dataset.start === newest);
  if (tabStop) tabStop.tabIndex = 0;
  const showReadout = ({ target }) => {
    const { start } = target.dataset;
    if (!start) return;
    readout.textContent = describeWindow(windows.get(start), false);
    reasons.textContent = findingsOf(windows.get(start)).join(" · ");
  };
  const openFile = ({ target }) => {
    const { start } = target.dataset;
    if (start) location.hash = routeToFile({ ...series, start });
  };
  table.addEventListener("mouseover", showReadout);
  table.addEventListener("focusin", showReadout);
  table.addEventListener("click", openFile);
  table.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") openFile(event);
    else if (!moveFocus(event.target, event.key, cells)) return;
    event.preventDefault();
  });
  return table;
}

const ARROW_STEPS = {
  ArrowLeft: { columns: -1, rows: 0 },
  ArrowRight: { columns: 1, rows: 0 },
  ArrowUp: { columns: 0, rows: -1 },
  ArrowDown: { columns: 0, rows: 1 },
};

function firstOrLastInRow(cell, key, cells) {
  const row = cells.filter((each) => each.parentElement === cell.parentElement);
  return row.at(key === "Home" ? 0 : -1);
}

// Returns the next cell in the direction of an arrow key, skipping cells without a window.
function nextCell(cell, key) {
  const step = ARROW_STEPS[key];
  let row = cell.parentElement;
  let column = cell.cellIndex;
  let next;
  do {
    column += step.columns;
    if (step.rows) row = step.rows > 0 ? row.nextElementSibling : row.previousElementSibling;
    next = row?.cells[column];
  } while (next && !next.dataset.start);
  return next;
}

// Moves the focus within a calendar. Returns whether the key is one that moves it.
function moveFocus(cell, key, cells) {
  const toEnd = key === "Home" || key === "End";
  if (!toEnd && !(key in ARROW_STEPS)) return false;
  const next = toEnd ? firstOrLastInRow(cell, key, cells) : nextCell(cell, key);
  if (next?.dataset.start) {
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  return true;
}

// Returns a list of the findings of a series, in which each day is a link; or null without any.
function findingList(findings) {
  if (!findings.length) return null;
  const item = ({ series, start, text }) => {
    const href = routeToFile({ ...series, start });
    const link = createElement("a", { href }, formatWindow(start));
    const title = displayName(series.report);
    return createElement("li", {}, link, ` · ${title}: ${text}`);
  };
  return createElement(
    "details",
    { className: "findings" },
    createElement("summary", {}, formatCount(findings.length, "finding")),
    createElement("ul", {}, findings.toReversed().map(item)),
  );
}

// Creates the calendar of a series. Its `load` requests the coverage and fills it.
function coverageCard(series, layout) {
  const { report, region, granularity } = series;
  const name = displayName(report);
  // The reasons are below the calendar: they can be long, and must not move what is pointed at.
  const readout = createElement("p", { className: "readout", "aria-hidden": "true" });
  const reasons = createElement("p", { className: "reasons", "aria-hidden": "true" });
  const readouts = { readout, reasons };
  const summary = createElement("p", { className: "summary" }, "Loading…");
  const placeholder = calendarGrid(series, layout, new Map(), readouts);
  placeholder.classList.add("loading");
  const scroll = createElement("div", { className: "scroll" }, placeholder);
  const findings = createElement("div", {});
  const heading = createElement(
    "h3",
    {},
    name,
    " ",
    createElement("span", { className: "region" }, region),
  );
  const latest = actionButton(
    "Download latest",
    { ...series, start: LATEST },
    downloadFile,
    "quiet",
    `of ${name}, ${region}`,
  );
  const card = createElement(
    "article",
    { className: "series", "aria-busy": "true" },
    createElement("div", { className: "heading" }, heading, latest),
    createElement("div", { className: "status" }, summary, readout),
    scroll,
    reasons,
    findings,
  );
  const load = async (signal) => {
    const range = { from: layout.from, to: addDays(layout.to, 1) };
    const response = await requestJson(
      "coverage",
      { report, region, granularity, ...range },
      signal,
    );
    const windows = indexWindows(response.windows);
    summary.textContent = summarise(windows, granularity);
    scroll.replaceChildren(calendarGrid(series, layout, windows, readouts));
    scroll.scrollLeft = scroll.scrollWidth;
    const found = [...windows.values()].flatMap((window) =>
      findingsOf(window).map((text) => ({ series, start: window.start, text })),
    );
    findings.replaceChildren(...[findingList(found)].filter(Boolean));
    card.removeAttribute("aria-busy");
  };
  return { card, load };
}
