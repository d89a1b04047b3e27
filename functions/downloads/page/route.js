// The route after the # in the address: #/report/region/granularity/start?from=&to=, where * means
// any report or region.
/* global config */
/* exported ANY, matchingSeries, parseRoute, routeToFile, routeToFilters */

const ANY = "*";
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
  const filters = {
    report: valid(report, config.reports, any(config.reports)),
    region: valid(region, config.regions, any(config.regions)),
    granularity: valid(granularity, ["day", "hour"], config.granularities[0]),
    from: date("from"),
    to: date("to"),
  };
  return { filters, file: start ? { report, region, granularity, start } : null };
}

function routeToFilters({ report, region, granularity, from, to }) {
  const query = new URLSearchParams(Object.entries({ from, to }).filter(([, value]) => value));
  const path = [report, region, granularity].map(encodeURIComponent).join("/");
  return `#/${path}${query.size ? `?${query}` : ""}`;
}

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
