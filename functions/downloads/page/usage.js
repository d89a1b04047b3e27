// The view of usage: a chart, a slider to read it with, and a table for each region.
/* global addDays, ANY, byId, config, createElement, describeBucket, describeValue, findingList,
   FINDING_MEANING,
   formatCount, formatDate, indexWindows, MEASURES, measureName, requestJson, routeToUsage,
   showError, stateOfBucket, toDate, today, usageBuckets, usageChart, usageLayout, VALUE_KINDS,
   zoneFor */
/* exported forgetUsage, setUpUsage, showUsage, shownUsage */

const LEGEND = {
  final: "final",
  provisional: "provisional, or a week that lacks days",
  missing: "no file",
  unknown: "not counted",
};

let shownUsage = null;
let usageLoading = new AbortController();

// Forgets what is shown, so that it is loaded again.
function forgetUsage() {
  usageLoading.abort();
  shownUsage = null;
}

async function loadCoverage(region, layout, signal) {
  const range = { from: layout.from, to: addDays(layout.lastDay, 1) };
  const reports = [...new Set(MEASURES.map(({ report }) => report))];
  const responses = await Promise.all(
    reports.map((report) =>
      requestJson("coverage", { report, region, granularity: "day", ...range }, signal),
    ),
  );
  return new Map(reports.map((report, index) => [report, indexWindows(responses[index].windows)]));
}

function figuresTable(region, by, buckets) {
  const heading = (text) => createElement("th", { scope: "col" }, text);
  const cells = ({ values }) =>
    values.map((value) => createElement("td", { className: "number" }, describeValue(value)));
  const row = (bucket) =>
    createElement(
      "tr",
      {},
      createElement("th", { scope: "row" }, bucket.name),
      cells(bucket),
      createElement("td", {}, bucket.findings.map(({ text }) => text).join(" ")),
    );
  const names = MEASURES.map((measure) => measureName(measure, by));
  const title = `Usage in ${region} by ${by}, newest first`;
  const table = createElement(
    "table",
    { className: "figures" },
    createElement("caption", { className: "visually-hidden" }, title),
    createElement(
      "thead",
      {},
      createElement("tr", {}, heading(by === "week" ? "Week" : "Day"), names.map(heading), [
        heading("Findings"),
      ]),
    ),
    createElement("tbody", {}, buckets.toReversed().map(row)),
  );
  const scroll = { className: "scroll", tabIndex: 0, role: "region", "aria-label": title };
  return createElement(
    "details",
    {},
    createElement("summary", {}, "The figures as a table"),
    createElement("div", scroll, table),
  );
}

function summariseUsage(buckets, by) {
  const counted = buckets
    .map(stateOfBucket)
    .filter((kind) => !["expired", "early", "ahead"].includes(kind));
  if (!counted.length) return "No files in this period.";
  const parts = Object.entries(VALUE_KINDS)
    .map(([kind, text]) => [counted.filter((each) => each === kind).length, text])
    .filter(([number]) => number)
    .map(([number, text]) => `${number} ${text.split(":")[0]}`);
  const uncounted = counted.every((kind) => kind === "unknown");
  const advice = uncounted ? " A direct event over these days counts the files." : "";
  return `${formatCount(counted.length, by)}: ${parts.join(", ")}.${advice}`;
}

function findingsOfRegion(region, buckets) {
  const findings = buckets.flatMap((bucket) => bucket.findings);
  return findingList(
    findings.map(({ start, report, text }) => {
      const series = { report, region, granularity: "day" };
      return { series, start, text };
    }),
  );
}

// Draws the chart as wide as its place, and again when that changes.
function fillPlot(plot, slider, buckets, options) {
  let chart;
  const choose = (index) => {
    slider.value = index;
    slider.dispatchEvent(new Event("input"));
  };
  const draw = () => {
    if (!plot.clientWidth) return;
    chart = usageChart(buckets, { ...options, width: plot.clientWidth });
    chart.select(slider.valueAsNumber);
    plot.replaceChildren(chart.svg);
  };
  const follow = (event) => {
    if (chart) choose(chart.indexAt(event.clientX - plot.getBoundingClientRect().left));
  };
  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
  slider.addEventListener("input", () => chart?.select(slider.valueAsNumber));
  new ResizeObserver(draw).observe(plot);
  draw();
}

function usageSlider(region, by, buckets, readout) {
  const newest = buckets.findLastIndex(({ values }) => values.some(({ value }) => value !== null));
  const slider = createElement("input", {
    type: "range",
    min: 0,
    max: buckets.length - 1,
    "aria-label": `${by === "week" ? "Week" : "Day"} in ${region}`,
  });
  const read = () => {
    const text = describeBucket(buckets[slider.valueAsNumber], by);
    readout.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  };
  slider.value = newest < 0 ? buckets.length - 1 : newest;
  slider.addEventListener("input", read);
  read();
  return slider;
}

// Creates the card of a region. Its `load` requests the counts and draws them.
function usageCard(region, by, layout, number) {
  const readout = createElement("p", { className: "readout", "aria-hidden": "true" });
  const summary = createElement("p", { className: "summary" }, "Loading…");
  const plot = createElement("div", { className: "plot" });
  const content = createElement("div", {});
  const card = createElement(
    "article",
    { className: "series", "aria-busy": "true" },
    createElement("h3", {}, region),
    summary,
    plot,
    content,
  );
  const load = async (signal) => {
    const coverage = await loadCoverage(region, layout, signal);
    const buckets = usageBuckets(by, layout.labels, coverage);
    summary.textContent = summariseUsage(buckets, by);
    const slider = usageSlider(region, by, buckets, readout);
    const parts = [slider, readout, findingsOfRegion(region, buckets)];
    content.replaceChildren(...parts.filter(Boolean), figuresTable(region, by, buckets));
    const label = `Usage in ${region} by ${by}. ${summary.textContent} The slider reads each ${by}, and the table has all figures.`;
    fillPlot(plot, slider, buckets, { by, id: `stripes-${number}`, label });
    card.removeAttribute("aria-busy");
  };
  return { card, load };
}

function showUsage({ region, by, to }) {
  const route = routeToUsage({ region, by, to });
  if (route === shownUsage?.route) return;
  usageLoading.abort();
  usageLoading = new AbortController();
  const lastDay = to || today(zoneFor("day"));
  const layout = usageLayout(by, lastDay);
  shownUsage = { route, region, by, to, layout };
  byId("banner").hidden = true;
  const { elements } = byId("usage-form");
  elements.region.value = region;
  elements.by.value = by;
  elements.to.value = to;
  byId("usage-period").textContent =
    `${formatDate(toDate(layout.first))} to ${formatDate(toDate(lastDay))}`;
  byId("usage-later").disabled = lastDay >= today(zoneFor("day"));
  const regions = region === ANY ? config.regions : [region];
  const cards = regions.map((name, number) => usageCard(name, by, layout, number));
  byId("usage-charts").replaceChildren(...cards.map(({ card }) => card));
  const { signal } = usageLoading;
  Promise.all(cards.map(({ load }) => load(signal))).catch(showError);
}

function moveUsage(step) {
  const { region, by, layout } = shownUsage;
  const to = addDays(layout.lastDay, step * layout.daysPerPeriod);
  const isLatest = to >= today(zoneFor("day"));
  location.hash = routeToUsage({ region, by, to: isLatest ? "" : to });
}

function setUpUsage() {
  const form = byId("usage-form");
  const any = config.regions.length > 1 ? [[ANY, "All regions"]] : [];
  const regions = [...any, ...config.regions.map((name) => [name, name])];
  form.elements.region.append(
    ...regions.map(([value, text]) => createElement("option", { value }, text)),
  );
  const item = ([kind, meaning]) =>
    createElement("li", {}, createElement("i", { className: `key ${kind}` }), meaning);
  const finding = createElement("i", { className: "key finding" });
  byId("usage-legend").append(
    ...Object.entries(LEGEND).map(item),
    createElement("li", {}, finding, FINDING_MEANING),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    location.hash = routeToUsage(Object.fromEntries(new FormData(form)));
  });
  byId("usage-earlier").addEventListener("click", () => moveUsage(-1));
  byId("usage-later").addEventListener("click", () => moveUsage(1));
}
