// The flow of the page: sign in with a key, then show what the route in the address names.
/* global addDays, ANY, ApiError, apiKey, byId, calendarLayout, config, coverageCard,
   createElement, dialog, displayName, fileList, FINDING_MEANING, forgetKey, forgetUsage, formatDate,
   formatLinkLifetime, matchingSeries, parseRoute, requestJson, routeToFilters, routeToUsage,
   selectView, setUpRangeDialog, setUpUsage, setUpViews, showDetail, showExamples, showRangeDialog,
   showToast, shownUsage, showUsage, stateMark, STATES, storedKey, storeKey, toDate, today, useKey,
   zoneFor */
/* exported showError */

let shown = null;
let periodOffset = 0;
let loading = new AbortController();

function showSignIn(problem = "") {
  loading.abort();
  shown = null;
  forgetUsage();
  setSignedIn(false);
  byId("key").value = "";
  byId("key-problem").textContent = problem;
  byId("key").setAttribute("aria-invalid", String(Boolean(problem)));
  byId("key").focus();
}

function setSignedIn(signedIn) {
  byId("sign-in").hidden = signedIn;
  for (const id of ["reports", "forget", "zone"]) byId(id).hidden = !signedIn;
}

function keyProblem(key) {
  if (!key) return "Enter the API key.";
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return "";
  return "This does not look like an API key. A key has letters, digits and punctuation, but no spaces.";
}

async function signIn(key) {
  const problem = keyProblem(key);
  if (problem) {
    showSignIn(problem);
    return;
  }
  const button = byId("key-form").querySelector("button");
  button.setAttribute("aria-busy", "true");
  byId("key-problem").textContent = "";
  useKey(key);
  try {
    await requestJson("exports", { limit: 1 });
  } catch (error) {
    useKey(null);
    const advice = error.kind === "key" ? " Check that you copied all of it." : "";
    showSignIn(`${error.message}${advice}`);
    return;
  } finally {
    button.removeAttribute("aria-busy");
  }
  storeKey(key);
  showRoute();
  if (!dialog.open) byId("main").focus();
}

// Shows an error in the place that fits its kind. Errors of the program itself are thrown again.
function showError(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof ApiError)) throw error;
  if (error.kind === "key") {
    forgetKey();
    showSignIn("The key is no longer accepted: it expired or was revoked. Ask for a new key.");
  } else if (error.kind === "missing") showToast(error.message);
  else showBanner(error);
}

function showBanner(error) {
  const retry = createElement("button", { type: "button" }, "Try again");
  retry.addEventListener("click", reload);
  const banner = byId("banner");
  banner.className = `banner ${error.kind}`;
  banner.replaceChildren(createElement("span", {}, error.message), retry);
  banner.hidden = false;
  for (const busy of document.querySelectorAll("#reports [aria-busy='true']")) {
    if (!busy.matches("button")) busy.setAttribute("aria-busy", "false");
    const text = busy.matches(".empty") ? busy : busy.querySelector(".summary");
    if (text) text.textContent = "Not loaded.";
  }
}

function reload() {
  shown = null;
  forgetUsage();
  showRoute();
}

function showRoute() {
  if (apiKey === null) return;
  setSignedIn(true);
  const { view, usage, filters, file } = parseRoute(location.hash);
  selectView(view);
  if (view === "usage") {
    if (dialog.open) dialog.close();
    showUsage(usage);
    return;
  }
  // A file's route has no dates: the reports behind the dialog stay as they are.
  if (!file || !shown) showReports(filters);
  if (file) showDetail(file);
  else if (dialog.open) dialog.close();
}

// Opens a view as it was left, or in the region that the other one shows.
function openView(view) {
  if (view === "usage") {
    const usage = { region: shown?.filters.region ?? ANY, by: "day", to: "" };
    location.hash = shownUsage?.route ?? routeToUsage(usage);
  } else {
    const region = shownUsage?.region ?? ANY;
    location.hash = shown?.route ?? routeToFilters({ ...parseRoute("").filters, region });
  }
}

function showReports(filters) {
  const route = routeToFilters(filters);
  if (route === shown?.route) return;
  shown = { route, filters };
  for (const [name, value] of Object.entries(filters)) byId("filters").elements[name].value = value;
  byId("banner").hidden = true;
  loading.abort();
  loading = new AbortController();
  showExamples(filters);
  const loadMore = fileList(filters, loading.signal);
  byId("more").onclick = () => loadMore().catch(showError);
  Promise.all([loadMore(), showCalendars()]).catch(showError);
}

function showCalendars() {
  const { filters } = shown;
  const { signal } = loading;
  const lastDay = filters.to || today(zoneFor(filters.granularity));
  const { daysPerPeriod } = calendarLayout(filters.granularity, lastDay);
  const layout = calendarLayout(
    filters.granularity,
    addDays(lastDay, periodOffset * daysPerPeriod),
  );
  byId("period").textContent =
    `${formatDate(toDate(layout.from))} to ${formatDate(toDate(layout.to))}`;
  byId("later").disabled = periodOffset >= 0;
  const calendars = matchingSeries(filters).map((series) => coverageCard(series, layout));
  byId("calendars").replaceChildren(...calendars.map(({ card }) => card));
  for (const scroll of document.querySelectorAll(".scroll")) scroll.scrollLeft = scroll.scrollWidth;
  return Promise.all(calendars.map(({ load }) => load(signal)));
}

function movePeriod(step) {
  periodOffset = Math.min(0, periodOffset + step);
  showCalendars().catch(showError);
}

function addOptions(name, values, labels, anyLabel) {
  const options = values.map((value, index) => createElement("option", { value }, labels[index]));
  if (anyLabel && values.length > 1) {
    options.unshift(createElement("option", { value: ANY }, anyLabel));
  }
  byId("filters").elements[name].append(...options);
}

function applyFilters(filters) {
  if (filters.from && filters.to && filters.from > filters.to) {
    showToast("“From” is after “To”.");
    return;
  }
  periodOffset = 0;
  location.hash = routeToFilters(filters);
}

function showConfiguration() {
  addOptions("report", config.reports, config.reports.map(displayName), "All reports");
  addOptions("region", config.regions, config.regions, "All regions");
  addOptions("granularity", config.granularities, config.granularities, null);
  const hours = config.granularities.includes("hour") ? " Hours are in UTC." : "";
  byId("zone").textContent = `Days and times are in the time zone ${config.time_zone}.${hours}`;
  byId("ttl").textContent = formatLinkLifetime();
  const legendItem = ([state, { meaning }]) => createElement("li", {}, stateMark(state), meaning);
  const finding = createElement("i", { className: "key finding" });
  byId("legend").append(
    ...Object.entries(STATES).map(legendItem),
    createElement("li", {}, finding, FINDING_MEANING),
  );
}

function addListeners() {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(byId("key").value.trim());
  });
  byId("forget").addEventListener("click", () => {
    forgetKey();
    showSignIn();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("change", () =>
    applyFilters(Object.fromEntries(new FormData(byId("filters")))),
  );
  byId("clear").addEventListener("click", () => applyFilters(parseRoute("").filters));
  byId("open-range").addEventListener("click", () => showRangeDialog(shown.filters));
  byId("earlier").addEventListener("click", () => movePeriod(-1));
  byId("later").addEventListener("click", () => movePeriod(1));
  dialog.addEventListener("close", () => {
    if (shown && parseRoute(location.hash).file) location.hash = shown.route;
  });
  addEventListener("hashchange", showRoute);
  addEventListener("online", () => {
    if (byId("banner").matches(".network:not([hidden])")) reload();
  });
}

showConfiguration();
addListeners();
setUpRangeDialog();
setUpUsage();
setUpViews(openView);
useKey(storedKey());
if (apiKey === null) showSignIn();
else showRoute();
