// The counts of each day or week, and how sure they are. A gap is never a zero.
/* global addDays, config, formatCount, formatNumber, formatWindow, weekday */
/* exported describeBucket, describeValue, MEASURES, measureName, stateOfBucket, usageBuckets,
   usageLayout, VALUE_KINDS */

const DAYS_PER_WEEK = 7;
const WEEKS_SHOWN = { day: 13, week: 53 };
// How far before the first bar the files are looked at, to tell a lost file from the time before the
// first one.
const WEEKS_BEFORE = 4;

const sum = (values) => values.reduce((total, value) => total + value, 0);
const most = (values) => Math.max(...values);

// A person who comes on two days would count twice in a sum, so a week has its busiest day.
const MEASURES = [
  { field: "sessions", name: "Sessions", sources: ["room_data", "attendees"], combine: sum },
  {
    field: "users",
    name: "People",
    weekName: "People on the busiest day",
    sources: ["attendees"],
    combine: most,
  },
  { field: "minutes", name: "Hours", sources: ["attendees"], combine: sum, divisor: 60 },
]
  .map((measure) => ({
    ...measure,
    report: measure.sources.find((slug) => config.reports.includes(slug)),
  }))
  .filter(({ report }) => report);

// From the most to the least certain. The last five have no value.
const VALUE_KINDS = {
  final: "final",
  provisional: "provisional: late data may follow",
  incomplete: "incomplete: days are missing",
  unknown: "not counted",
  missing: "no file",
  expired: "no longer kept",
  early: "before the first file",
  ahead: "not exported yet",
};
const KINDS = Object.keys(VALUE_KINDS);

// Returns the bars' labels, and the range of days that is needed for them.
function usageLayout(by, lastDay) {
  const lastMonday = addDays(lastDay, -weekday(lastDay));
  const first = addDays(lastMonday, (1 - WEEKS_SHOWN[by]) * DAYS_PER_WEEK);
  const step = by === "week" ? DAYS_PER_WEEK : 1;
  const labels = [];
  for (let label = first; label <= lastDay; label = addDays(label, step)) labels.push(label);
  return {
    labels,
    first,
    lastDay,
    from: addDays(first, -WEEKS_BEFORE * DAYS_PER_WEEK),
    daysPerPeriod: (WEEKS_SHOWN[by] - 1) * DAYS_PER_WEEK,
  };
}

function valueOfDay(window, { field, divisor = 1 }) {
  if (!window) return { kind: "ahead", value: null };
  if (window.state === "expired") return { kind: "expired", value: null };
  if (window.state === "missing") return { kind: window.early ? "early" : "missing", value: null };
  const count = window[field] ?? null;
  if (count === null) return { kind: "unknown", value: null };
  return { kind: window.state === "settled" ? "final" : "provisional", value: count / divisor };
}

function valueOfWeek(days, { combine }) {
  const counted = days.filter((day) => day.value !== null);
  if (!counted.length) {
    const gaps = ["missing", "unknown", "expired", "early", "ahead"];
    return { kind: gaps.find((kind) => days.some((day) => day.kind === kind)), value: null };
  }
  const value = combine(counted.map((day) => day.value));
  const provisional = counted.some(({ kind }) => kind === "provisional");
  if (counted.length < DAYS_PER_WEEK) {
    return { kind: "incomplete", value, days: counted.length, provisional };
  }
  return { kind: provisional ? "provisional" : "final", value };
}

function findingsOfDays(days, coverage) {
  return [...coverage].flatMap(([report, windows]) =>
    days.flatMap((start) =>
      (windows.get(start)?.findings ?? []).map(({ text }) => ({ start, report, text })),
    ),
  );
}

// Returns a bucket for each bar: its value of each measure, and the findings of its days.
function usageBuckets(by, labels, coverage) {
  return labels.map((label) => {
    const length = by === "week" ? DAYS_PER_WEEK : 1;
    const days = Array.from({ length }, (_, index) => addDays(label, index));
    const values = MEASURES.map((measure) => {
      const windows = coverage.get(measure.report);
      const each = days.map((day) => valueOfDay(windows.get(day), measure));
      return by === "week" ? valueOfWeek(each, measure) : each[0];
    });
    const name = by === "week" ? `Week of ${formatWindow(label)}` : formatWindow(label);
    return { label, name, values, findings: findingsOfDays(days, coverage) };
  });
}

// Returns the least certain kind of a bucket's values; one report may have begun before another.
function stateOfBucket({ values }) {
  const kinds = values.map(({ kind }) => kind);
  const within = kinds.filter((kind) => !["expired", "early", "ahead"].includes(kind));
  return KINDS.findLast((kind) => (within.length ? within : kinds).includes(kind));
}

const formatValue = (value) =>
  formatNumber(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));

function describeValue({ kind, value, days, provisional }) {
  if (value === null) return VALUE_KINDS[kind];
  if (kind === "final") return formatValue(value);
  const certainty =
    kind === "incomplete"
      ? `${days} of ${formatCount(DAYS_PER_WEEK, "day")}${provisional ? ", provisional" : ""}`
      : kind;
  return `${formatValue(value)} (${certainty})`;
}

const measureName = (measure, by) => (by === "week" && measure.weekName) || measure.name;

// Returns a bucket in words: its name, then each measure, then its findings.
function describeBucket({ name, values, findings }, by) {
  const parts = values.map(
    (value, index) => `${measureName(MEASURES[index], by)} ${describeValue(value)}`,
  );
  return [name, ...parts, ...findings.map(({ text }) => text)].join(" · ");
}
