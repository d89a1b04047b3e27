// Dates, sizes and names as text.
/* global config */
/* exported addDays, displayName, formatCount, formatDate, formatDayAndMonth, formatLinkLifetime,
   formatMonth, formatNumber, formatRows, formatSize, formatTime, formatTimestamp, formatWindow,
   toDate, today, weekday, zoneFor */

const MILLISECONDS_PER_DAY = 86_400_000;
const LOCALE = "en-GB";
const SIZE_UNITS = ["B", "kB", "MB", "GB"];

const displayName = (slug) => slug.charAt(0).toUpperCase() + slug.slice(1).replaceAll("_", " ");
const formatNumber = (number) => number.toLocaleString(LOCALE);
const formatCount = (number, noun) => `${formatNumber(number)} ${noun}${number === 1 ? "" : "s"}`;
const formatRows = (rows) => (rows === null ? "rows unknown" : formatCount(rows, "row"));

function formatSize(size) {
  const smallEnough = SIZE_UNITS.findIndex((_, index) => size < 1000 ** (index + 1));
  const power = smallEnough < 0 ? SIZE_UNITS.length - 1 : smallEnough;
  const value = size / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${SIZE_UNITS[power]}`;
}

// Calendar days are handled as midnight UTC, whatever time zone the deployment's days follow.
const toDate = (label) => new Date(`${label.slice(0, 10)}T00:00:00Z`);
const toLabel = (date) => date.toISOString().slice(0, 10);
const addDays = (label, days) =>
  toLabel(new Date(toDate(label).getTime() + days * MILLISECONDS_PER_DAY));
const weekday = (label) => (toDate(label).getUTCDay() + 6) % 7;
const today = (zone) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date());
const zoneFor = (granularity) => (granularity === "hour" ? "UTC" : config.time_zone);

const formatter = (options, zone = "UTC") => {
  const format = new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: zone });
  return (date) => format.format(date);
};
const DATE_PARTS = { day: "numeric", month: "short", year: "numeric" };
const TIME_PARTS = { hour: "2-digit", minute: "2-digit" };
const formatWeekdayAndDate = formatter({ weekday: "short", ...DATE_PARTS });
const formatMonth = formatter({ month: "short" });
const formatDayAndMonth = formatter({ day: "numeric", month: "short" });
const formatDate = formatter(DATE_PARTS);
const formatTime = formatter(TIME_PARTS, config.time_zone);
const formatDateAndTime = formatter(
  { ...DATE_PARTS, ...TIME_PARTS, timeZoneName: "short" },
  config.time_zone,
);
const formatTimestamp = (iso) => formatDateAndTime(new Date(iso));

// Returns for example "Tue 3 Mar 2026" or "Tue 3 Mar 2026, 13:00 to 14:00 UTC".
function formatWindow(start) {
  const day = formatWeekdayAndDate(toDate(start)).replaceAll(",", "");
  if (start.length === 10) return day;
  const hour = start.slice(11, 13);
  const nextHour = String((Number(hour) + 1) % 24).padStart(2, "0");
  return `${day}, ${hour}:00 to ${nextHour}:00 UTC`;
}

function formatLinkLifetime() {
  const seconds = config.link_ttl_seconds;
  return seconds % 60 ? formatCount(seconds, "second") : formatCount(seconds / 60, "minute");
}
