// The route after the # in the address, where * means any report or region: of the files,
// #/report/region/granularity/start?from=&to=, and of their usage, #/usage/region/day?to=
/* global config */
/* exported ANY, matchingSeries, parseRoute, routeToFile, routeToFilters, routeToUsage */

const ANY = "*";
const USAGE = "usage";
const DATE = /^20\d\d-\d\d-\d\d$/;

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function parseRoute(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [report, region, granularity, start] = path.split("/").map(decodePart);
  const parameters = new URLSearchParams(query);
  const date = (name) => (DATE.test(parameters.get(name)) ? parameters.get(name) : "");
  const valid = (value, choices, fallback) => (choices.includes(value) ? value : fallback);
  const any = (choices) => (choices.length > 1 ? ANY : choices[0]);
  if (report === USAGE) {
    const by = valid(granularity, ["day", "week"], "day");
    const usage = {
      region: valid(region, config.regions, any(config.regions)),
      by,
      to: date("to"),
    };
    return { view: "usage", usage };
  }
  const filters = {
    report: valid(report, config.reports, any(config.reports)),
    region: valid(region, config.regions, any(config.regions)),
    granularity: valid(granularity, ["day", "hour"], config.granularities[0]),
    from: date("from"),
    to: date("to"),
  };
  return { view: "files", filters, file: start ? { report, region, granularity, start } : null };
}

function routeTo(parts, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  return `#/${parts.map(encodeURIComponent).join("/")}${query.size ? `?${query}` : ""}`;
}

const routeToFilters = ({ report, region, granularity, from, to }) =>
  routeTo([report, region, granularity], { from, to });

const routeToUsage = ({ region, by, to }) => routeTo([USAGE, region, by], { to });

const routeToFile = ({ report, region, granularity, start }) =>
  `#/${[report, region, granularity, start].map(encodeURIComponent).join("/")}`;

// Returns the series that match the filters, in the order of the reports.
function matchingSeries({ report, region, granularity }) {
  const reports = report === ANY ? config.reports : [report];
  const regions = region === ANY ? config.regions : [region];
  return reports.flatMap((slug) =>
    regions.map((name) => ({ report: slug, region: name, granularity })),
  );
}
