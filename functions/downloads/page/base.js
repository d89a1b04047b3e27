"use strict";
// What the other files share: this deployment, elements, and how things are written.

const config = JSON.parse(document.getElementById("config").textContent);
const byId = (id) => document.getElementById(id);
const DAY = 86_400_000;
const LATEST = "latest";

const STATES = {
  settled: ["final", "It was exported after late data was in."],
  settling: ["late data may follow", "Late data may still arrive; then the file is replaced."],
  open: ["still running", "It was exported while the time it covers still ran; it is replaced after that."],
  missing: ["not exported", ""],
};

function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

const sentence = (slug) => slug.charAt(0).toUpperCase() + slug.slice(1).replaceAll("_", " ");
const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;
const rowsOf = (rows) => (rows === null ? "rows unknown" : count(rows, "row"));

function bytes(size) {
  const unit = ["B", "kB", "MB", "GB"].find((_, index) => size < 1000 ** (index + 1)) ?? "GB";
  const value = size / 1000 ** ["B", "kB", "MB", "GB"].indexOf(unit);
  return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

// Dates are handled as midnights in UTC, whatever time zone the days follow.
const toDate = (label) => new Date(`${label.slice(0, 10)}T00:00:00Z`);
const toLabel = (date) => date.toISOString().slice(0, 10);
const shifted = (label, days) => toLabel(new Date(toDate(label).getTime() + days * DAY));
const weekday = (label) => (toDate(label).getUTCDay() + 6) % 7;
const today = (zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date());
const zoneOf = (granularity) => (granularity === "hour" ? "UTC" : config.time_zone);

const written = (options, zone = "UTC") => {
  const format = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
  return (date) => format.format(date);
};
const writeDay = written({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const writeMonth = written({ month: "short" });
const writeDate = written({ day: "numeric", month: "short", year: "numeric" });
const writeTime = written({ hour: "2-digit", minute: "2-digit" }, config.time_zone);
const writeStamp = written(
  { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    timeZoneName: "short" },
  config.time_zone,
);
const stamp = (iso) => writeStamp(new Date(iso));

// "Tue 3 Mar 2026" or "Tue 3 Mar 2026, 13:00 to 14:00 UTC".
function windowName(start) {
  const day = writeDay(toDate(start)).replaceAll(",", "");
  if (start.length === 10) return day;
  const hour = Number(start.slice(11, 13));
  return `${day}, ${start.slice(11, 13)}:00 to ${String((hour + 1) % 24).padStart(2, "0")}:00 UTC`;
}

function stateMark(state) {
  return h("span", { className: "state" }, h("i", { className: `mark ${state}` }), state);
}

let toastTimer;
function toast(...content) {
  clearTimeout(toastTimer);
  byId("toast").replaceChildren(...content);
  byId("toast").classList.add("shown");
  toastTimer = setTimeout(() => byId("toast").classList.remove("shown"), 8000);
}
