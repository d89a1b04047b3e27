// The dialog that downloads a range as one file: what it has, the progress, and how it ended.
/* global addDays, ApiError, byId, config, createElement, displayName, formatCount, formatDate,
   formatNumber, formatSize, formatWindow, joinRange, missingRuns, openSink, planRange,
   rangeFileName, showError, toDate, today, zoneFor */
/* exported setUpRangeDialog, showRangeDialog */

const rangeDialog = byId("range");
const DEFAULT_DAYS = { day: 30, hour: 7 };
const SHOWN_RUNS = 12;
// A screen reader would not finish a sentence if the text changed with each file.
const SPOKEN_INTERVAL = 5000;
const EXCEL_MAX_ROWS = 1_048_576;

let planning = new AbortController();
let transfer = null;
let plan = null;

function rangeChoice() {
  const { format, ...choice } = Object.fromEntries(new FormData(byId("range-form")));
  return { ...choice, excel: format === "excel" };
}

function choiceProblem({ from, to }) {
  if (!from || !to) return "Enter the first and the last day.";
  return from > to ? "The first day is after the last day." : "";
}

function formatRun({ first, last, count }, granularity) {
  if (count === 1) return formatWindow(first);
  const number = formatCount(count, granularity);
  if (granularity === "day") {
    return `${formatDate(toDate(first))} to ${formatDate(toDate(last))} (${number})`;
  }
  return `${formatWindow(first)}, and ${formatCount(count - 1, "hour")} after it`;
}

function missingNote(windows, granularity) {
  const runs = missingRuns(windows);
  if (!runs.length) return [];
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  const items = runs.slice(0, SHOWN_RUNS).map((run) => formatRun(run, granularity));
  if (runs.length > SHOWN_RUNS) items.push(`and ${runs.length - SHOWN_RUNS} more gaps`);
  return [
    createElement(
      "p",
      { className: "missing" },
      `${formatCount(count, granularity)} of the range ${count === 1 ? "has" : "have"} no file, so ${count === 1 ? "its" : "their"} rows will be missing:`,
    ),
    createElement(
      "ul",
      {},
      items.map((text) => createElement("li", {}, text)),
    ),
  ];
}

function unsettledNote(files) {
  const count = files.filter(({ state }) => state !== "settled").length;
  if (!count) return [];
  const text =
    count === 1
      ? "1 file is not final yet: late data may still arrive."
      : `${formatNumber(count)} files are not final yet: late data may still arrive.`;
  return [createElement("p", { className: "note" }, text)];
}

function planContent({ windows, files, size }, granularity) {
  if (!files.length) return [createElement("p", {}, "There are no files in this range.")];
  const summary = `${formatCount(files.length, "file")}, ${formatSize(size)}`;
  return [
    createElement("p", {}, createElement("strong", {}, summary)),
    ...missingNote(windows, granularity),
    ...unsettledNote(files),
  ];
}

// Shows what the range has, so that missing windows are known before anything is downloaded.
async function updatePlan() {
  planning.abort();
  planning = new AbortController();
  const { signal } = planning;
  const choice = rangeChoice();
  const problem = choiceProblem(choice);
  plan = null;
  byId("range-start").disabled = true;
  byId("range-transfer").hidden = true;
  byId("range-problem").textContent = problem;
  byId("range-plan").textContent = problem ? "" : "Looking for the files…";
  if (problem) return;
  try {
    const found = await planRange(choice, signal);
    plan = { ...choice, files: found.files };
    byId("range-plan").replaceChildren(...planContent(found, choice.granularity));
    byId("range-start").disabled = found.files.length === 0;
  } catch (error) {
    if (signal.aborted) return;
    byId("range-plan").textContent = "";
    showRangeError(error);
  }
}

function showRangeError(error) {
  if (error.kind === "key") {
    rangeDialog.close();
    showError(error);
  } else if (error instanceof ApiError) byId("range-problem").textContent = error.message;
  else if (error.name === "QuotaExceededError") {
    byId("range-problem").textContent = "There is not enough space on this device for the file.";
  } else {
    byId("range-problem").textContent = "The file could not be written on this device.";
    throw error;
  }
}

function setTransferring(running) {
  byId("range-choice").disabled = running;
  byId("range-start").hidden = running;
  byId("range-cancel").hidden = !running;
  byId("range-close").hidden = running;
  if (running) byId("range-transfer").hidden = false;
  (running ? byId("range-cancel") : byId("range-start")).focus();
}

function timeLeft(done, total, started) {
  if (!done) return "";
  const seconds = Math.ceil((((Date.now() - started) / done) * (total - done)) / 1000);
  if (seconds < 60) return `, about ${formatCount(seconds, "second")} left`;
  return `, about ${formatCount(Math.ceil(seconds / 60), "minute")} left`;
}

// Returns a function that shows the progress, and that has it spoken from time to time.
function progressDisplay(total) {
  const started = Date.now();
  let spoken = started;
  byId("range-progress").max = total;
  return ({ files, bytes, rows }) => {
    byId("range-progress").value = files;
    const counts = `${formatNumber(files)} of ${formatCount(total, "file")}`;
    byId("range-counts").textContent =
      `${counts}, ${formatCount(rows, "row")}, ${formatSize(bytes)}${timeLeft(files, total, started)}`;
    if (Date.now() - spoken >= SPOKEN_INTERVAL) {
      spoken = Date.now();
      byId("range-spoken").textContent = counts;
    }
  };
}

function endNotes(name, { rows, unchecked, otherFilters }, excel) {
  const notes = [`Complete: ${name}, ${formatCount(rows, "row")}.`];
  if (unchecked) {
    notes.push(`${formatCount(unchecked, "file")} had no SHA-256, and could not be checked.`);
  }
  if (otherFilters) {
    notes.push(
      `${formatCount(otherFilters, "file")} had been made with other filters than those that are configured now.`,
    );
  }
  if (excel && rows >= EXCEL_MAX_ROWS) {
    notes.push(
      `Excel shows only the first ${formatNumber(EXCEL_MAX_ROWS)} rows: choose a shorter range.`,
    );
  }
  return notes.join(" ");
}

async function startTransfer() {
  const chosen = plan;
  const name = rangeFileName(chosen);
  const sink = await openSink(name);
  if (sink === null) return;
  transfer = new AbortController();
  const { signal } = transfer;
  byId("range-problem").textContent = "";
  byId("range-spoken").textContent = "The download has begun.";
  setTransferring(true);
  try {
    const done = await joinRange(chosen, sink, signal, progressDisplay(chosen.files.length));
    await sink.close();
    const notes = endNotes(name, done, chosen.excel);
    byId("range-counts").textContent = notes;
    byId("range-spoken").textContent = notes;
  } catch (error) {
    await sink.discard();
    byId("range-transfer").hidden = true;
    if (signal.aborted) byId("range-spoken").textContent = "Cancelled. Nothing was saved.";
    else showRangeError(error);
  } finally {
    transfer = null;
    setTransferring(false);
  }
}

// Opens the dialog for the series and the days that the filters of the page show.
function showRangeDialog(filters) {
  const { elements } = byId("range-form");
  const one = (value, choices) => (choices.includes(value) ? value : choices[0]);
  const granularity = one(filters.granularity, config.granularities);
  const yesterday = addDays(today(zoneFor(granularity)), -1);
  elements.report.value = one(filters.report, config.reports);
  elements.region.value = one(filters.region, config.regions);
  elements.granularity.value = granularity;
  elements.to.value = filters.to || yesterday;
  elements.from.value = filters.from || addDays(elements.to.value, 1 - DEFAULT_DAYS[granularity]);
  byId("range-spoken").textContent = "";
  rangeDialog.showModal();
  updatePlan();
}

function addRangeOptions(id, values, labels) {
  byId(id).append(
    ...values.map((value, index) => createElement("option", { value }, labels[index])),
  );
}

function setUpRangeDialog() {
  addRangeOptions("range-report", config.reports, config.reports.map(displayName));
  addRangeOptions("range-region", config.regions, config.regions);
  addRangeOptions("range-granularity", config.granularities, config.granularities);
  byId("range-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (plan && !transfer) startTransfer();
  });
  byId("range-choice").addEventListener("change", updatePlan);
  byId("range-cancel").addEventListener("click", () => transfer?.abort());
  byId("range-close").addEventListener("click", () => rangeDialog.close());
  rangeDialog.addEventListener("cancel", (event) => {
    // Escape does not throw away what may have taken minutes. The button Cancel does.
    if (transfer) event.preventDefault();
  });
  rangeDialog.addEventListener("close", () => {
    transfer?.abort();
    planning.abort();
  });
  addEventListener("beforeunload", (event) => {
    if (transfer) event.preventDefault();
  });
}
