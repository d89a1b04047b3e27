"use strict";
// What is shown when: the key first, then the reports that the address asks for.

let shown = null;
let anchorShift = 0;
let loading = new AbortController();

function signIn(problem = "") {
  loading.abort();
  shown = null;
  for (const id of ["reports", "forget", "zone"]) byId(id).hidden = true;
  byId("sign-in").hidden = false;
  byId("key").value = "";
  byId("key-problem").textContent = problem;
  byId("key").setAttribute("aria-invalid", String(Boolean(problem)));
  byId("key").focus();
}

async function tryKey(key) {
  const button = byId("key-form").querySelector("button");
  if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
    return signIn(key ? "This does not look like an API key: it has letters, digits and signs, without spaces." : "Paste the key first.");
  }
  heldKey = key;
  button.setAttribute("aria-busy", "true");
  byId("key-problem").textContent = "";
  try {
    await ask("exports", { limit: 1 });
  } catch (error) {
    heldKey = null;
    return signIn(error.kind === "key" ? "This key is not accepted. Was all of it copied?" : error.message);
  } finally {
    button.removeAttribute("aria-busy");
  }
  holdKey(key);
  follow();
  if (!dialog.open) byId("main").focus();
}

// Every failure ends here, unless there is a better place to say it.
function report(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Failure)) throw error;
  if (error.kind === "key") {
    holdKey(null);
    signIn("The key is not accepted any more: it has expired or was withdrawn. Ask for a new one.");
    return;
  }
  if (error.kind === "missing") return toast(error.message);
  const again = h("button", { type: "button" }, "Try again");
  again.addEventListener("click", refresh);
  byId("banner").className = `banner ${error.kind}`;
  byId("banner").replaceChildren(h("span", {}, error.message), again);
  byId("banner").hidden = false;
  for (const busy of document.querySelectorAll("#reports [aria-busy='true']")) {
    if (!busy.matches("button")) busy.setAttribute("aria-busy", "false");
    const told = busy.matches(".empty") ? busy : busy.querySelector(".summary");
    if (told) told.textContent = "Not loaded.";
  }
}

function refresh() {
  shown = null;
  follow();
}

// Shows what the address asks for.
function follow() {
  if (heldKey === null) return;
  byId("sign-in").hidden = true;
  for (const id of ["reports", "forget", "zone"]) byId(id).hidden = false;
  const { filters, file } = parseRoute(location.hash);
  // A file is shown over whatever is there.
  if (!file || !shown) showReports(filters);
  if (file) openDetail(file);
  else if (dialog.open) dialog.close();
}

function showReports(filters) {
  const route = routeOf(filters);
  if (route === shown?.route) return;
  shown = { route, filters };
  for (const [name, value] of Object.entries(filters)) byId("filters").elements[name].value = value;
  byId("banner").hidden = true;
  loading.abort();
  loading = new AbortController();
  showConnect(filters);
  const next = listing(filters, loading.signal);
  byId("more").onclick = () => next().catch(report);
  Promise.all([next(), showCalendars()]).catch(report);
}

function showCalendars() {
  const { filters } = shown;
  const { signal } = loading;
  const end = filters.to || today(zoneOf(filters.granularity));
  const { step } = layoutOf(filters.granularity, end);
  const layout = layoutOf(filters.granularity, shifted(end, anchorShift * step));
  byId("period").textContent =
    `${writeDate(toDate(layout.from))} to ${writeDate(toDate(layout.to))}`;
  byId("later").disabled = anchorShift >= 0;
  const calendars = seriesOf(filters).map((series) => calendar(series, layout));
  byId("calendars").replaceChildren(...calendars.map(({ card }) => card));
  for (const scroll of document.querySelectorAll(".scroll")) scroll.scrollLeft = scroll.scrollWidth;
  return Promise.all(calendars.map(({ load }) => load(signal)));
}

function shiftPeriod(by) {
  anchorShift = Math.min(0, anchorShift + by);
  showCalendars().catch(report);
}

function choices(name, values, labels, any) {
  const options = values.map((value, index) => h("option", { value }, labels[index]));
  if (any && values.length > 1) options.unshift(h("option", { value: ANY }, any));
  byId("filters").elements[name].append(...options);
}

function begin() {
  choices("report", config.reports, config.reports.map(sentence), "All reports");
  choices("region", config.regions, config.regions, "All regions");
  choices("granularity", config.granularities, config.granularities, null);
  const zones = [["day", `Days and times are those of ${config.time_zone}`], ["hour", "hours are UTC"]];
  byId("zone").textContent =
    `${zones.filter(([name]) => name === "day" || config.granularities.includes(name)).map(([, text]) => text).join("; ")}.`;
  byId("ttl").textContent = lifetime();
  byId("legend").append(...Object.entries(STATES).map(([state, [meaning]]) =>
    h("li", {}, stateMark(state), meaning)));

  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tryKey(byId("key").value.trim());
  });
  byId("forget").addEventListener("click", () => {
    holdKey(null);
    signIn();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("change", () => {
    const filters = Object.fromEntries(new FormData(byId("filters")));
    if (filters.from && filters.to && filters.from > filters.to) {
      return toast("“From” is after “To”.");
    }
    anchorShift = 0;
    location.hash = routeOf(filters);
  });
  byId("clear").addEventListener("click", () => {
    anchorShift = 0;
    location.hash = routeOf(parseRoute("").filters);
  });
  byId("earlier").addEventListener("click", () => shiftPeriod(-1));
  byId("later").addEventListener("click", () => shiftPeriod(1));
  dialog.addEventListener("close", () => {
    if (shown && parseRoute(location.hash).file) location.hash = shown.route;
  });
  addEventListener("hashchange", follow);
  addEventListener("online", () => byId("banner").matches(".network:not([hidden])") && refresh());

  heldKey = storedKey();
  if (heldKey === null) signIn();
  else follow();
}

begin();
