// The chart of one region: a row of bars for each measure, over the same days or weeks.
/* global createSvg, formatDayAndMonth, formatMonth, formatNumber, MEASURES, measureName, toDate,
   weekday */
/* exported usageChart */

const MARGIN = { left: 46, right: 10, top: 26, bottom: 22 };
const PANEL_HEIGHT = 84;
const PANEL_DISTANCE = 38;
const LABEL_WIDTH = 52;
const SMALLEST_BAR = 1.5;
const FINDING_SIZE = 4;

// Returns 1, 2 or 5 times a power of ten that is not less than the value.
function axisEnd(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((end) => end >= value);
}

const panelTop = (index) => MARGIN.top + index * (PANEL_HEIGHT + PANEL_DISTANCE);

// Stripes differ from a full bar at every width, also without colours.
function stripes(id) {
  const line = { width: 4, height: 2 };
  return createSvg(
    "pattern",
    { id, width: 4, height: 4, patternUnits: "userSpaceOnUse" },
    createSvg("rect", { class: "stripe-back", width: 4, height: 4 }),
    createSvg("rect", { class: "stripe", ...line }),
  );
}

function gapMark(column, base, kind) {
  const band = { x: column.x, width: column.pitch, y: base - PANEL_HEIGHT, height: PANEL_HEIGHT };
  if (["expired", "early", "ahead"].includes(kind)) return [];
  return [
    createSvg("rect", { class: "gap", ...band }),
    createSvg("rect", {
      class: `gap-line ${kind}`,
      x: column.x,
      width: column.pitch,
      y: base - 3,
      height: 3,
    }),
  ];
}

function bar(column, base, { kind, value }, { end, fill }) {
  if (value === null) return gapMark(column, base, kind);
  const height = Math.max((value / end) * PANEL_HEIGHT, SMALLEST_BAR);
  const space = column.pitch > 4 ? 1.5 : 0.5;
  const place = { x: column.x, y: base - height, width: column.pitch - space, height };
  const look = kind === "final" ? { class: "bar" } : { class: "bar uncertain", fill };
  return [createSvg("rect", { ...look, ...place })];
}

function findingMark(column, top) {
  const middle = column.x + column.pitch / 2;
  const points = [
    [middle - FINDING_SIZE, top - 8],
    [middle + FINDING_SIZE, top - 8],
    [middle, top - 1],
  ];
  return createSvg("polygon", { class: "finding", points: points.join(" ") });
}

function panel(index, buckets, columns, { by, width, fill }) {
  const measure = MEASURES[index];
  const [top, base] = [panelTop(index), panelTop(index) + PANEL_HEIGHT];
  const values = buckets.map((bucket) => bucket.values[index]);
  const end = axisEnd(Math.max(0, ...values.map(({ value }) => value ?? 0)));
  const text = (content, x, y, name) => createSvg("text", { x, y, class: name }, content);
  const line = (y, name) =>
    createSvg("line", { class: name, x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y });
  const marked = columns.filter((_, place) =>
    buckets[place].findings.some(({ report }) => report === measure.report),
  );
  return createSvg(
    "g",
    {},
    text(measureName(measure, by), 0, top - 13, "measure"),
    text(formatNumber(end), MARGIN.left - 6, top + 4, "tick"),
    text("0", MARGIN.left - 6, base, "tick"),
    line(top, "grid"),
    line(top + PANEL_HEIGHT / 2, "grid"),
    columns.flatMap((column, place) => bar(column, base, values[place], { end, fill })),
    line(base, "base"),
    marked.map((column) => findingMark(column, top)),
  );
}

// Days are named by their Mondays, weeks by the months in which they begin.
function timeLabels(buckets, columns, { by, width, height }) {
  const starts = ({ label }) => (by === "week" ? Number(label.slice(8)) <= 7 : !weekday(label));
  const name = ({ label }) => (by === "week" ? formatMonth : formatDayAndMonth)(toDate(label));
  let free = 0;
  return buckets.flatMap((bucket, index) => {
    const { x } = columns[index];
    if (!starts(bucket) || x < free || x + LABEL_WIDTH > width) return [];
    free = x + LABEL_WIDTH;
    return [createSvg("text", { x, y: height - 6, class: "time" }, name(bucket))];
  });
}

// Draws the chart. `select` marks a bar, and `indexAt` returns the bar at a distance from the left.
function usageChart(buckets, { by, width, id, label }) {
  const plot = width - MARGIN.left - MARGIN.right;
  const pitch = plot / buckets.length;
  const columns = buckets.map((_, index) => ({ x: MARGIN.left + index * pitch, pitch }));
  const height = panelTop(MEASURES.length - 1) + PANEL_HEIGHT + MARGIN.bottom;
  const cursor = createSvg("rect", {
    class: "cursor",
    y: MARGIN.top,
    width: pitch,
    height: height - MARGIN.top - MARGIN.bottom,
  });
  const options = { by, width, height, fill: `url(#${id})` };
  const svg = createSvg(
    "svg",
    { class: "usage", role: "img", "aria-label": label, width, height },
    createSvg("defs", {}, stripes(id)),
    cursor,
    MEASURES.map((_, index) => panel(index, buckets, columns, options)),
    timeLabels(buckets, columns, options),
  );
  return {
    svg,
    select: (index) => cursor.setAttribute("x", columns[index].x),
    indexAt: (left) =>
      Math.min(buckets.length - 1, Math.max(0, Math.floor((left - MARGIN.left) / pitch))),
  };
}
