// Writes the report: Markdown for people, and a chart of the day as SVG.
import { chart } from "./chart.js";

/** Puts together what the others found. */
export function report({ visitors, traffic, sessions }) {
  const { hours } = visitors;
  const days = [...new Set([hours[0], hours.at(-1)].map(({ at }) => day(at)))];
  const busiest = Math.max(...hours.map(({ requests }) => requests));
  const answers = Object.entries(traffic.answers).map(([status, count]) => `${count} × ${status}`);
  const markdown = [
    `# Access log of ${days.join(" to ")}`,
    `${traffic.requests} requests of about ${visitors.visitors} visitors (± ${Math.ceil(visitors.error * 100)} %) were answered with ` +
      `${bytes(traffic.sent)}: ${answers.join(", ")}. Lines that could not be read: ${traffic.unreadable}.`,
    `People came ${sessions.sessions} times; half of them stayed ${minutes(sessions.median_seconds)} or less, the longest ` +
      `${minutes(sessions.longest_seconds)}. Robots asked ${sessions.robot_requests} times.`,
    "## By hour (UTC)",
    table(["hour", "requests", "visitors", ""], hours.map(({ at, requests, visitors }) => [
      clock(at), requests, visitors, "▇".repeat(Math.ceil((requests / busiest) * 24)),
    ])),
    "## What was sent",
    table(["path", "requests", "median", "95 % below", "sent"], traffic.pages.map(({ path, requests, median, p95, sent }) => [
      code(path), requests, bytes(median), bytes(p95), bytes(sent),
    ])),
    "## What failed",
    table(["path", "failed", "of"], traffic.failing.map(({ path, failed, asked }) => [code(path), failed, asked])),
    "## Who looked for holes",
    table(["client", "requests", "from", "to", "asked for"], sessions.scanners.map(({ client, requests, first, last, missing }) => [
      code(client), requests, clock(first), clock(last), `${missing.slice(0, 3).map(code).join(", ")} and ${missing.length - 3} more`,
    ])),
  ];
  const bars = hours.map(({ at, ...counts }) => ({ hour: clock(at), ...counts }));
  return { markdown: `${markdown.join("\n\n")}\n`, svg: chart(bars) };
}

const day = (at) => new Date(at * 1000).toISOString().slice(0, 10);
const clock = (at) => new Date(at * 1000).toISOString().slice(11, 16);
const minutes = (seconds) => `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
// What clients sent stays what it is, no markup and no end of a cell, and is not longer than it is worth.
const code = (text) => `\`${text.slice(0, 60).replaceAll("`", "'").replaceAll("|", "\\|")}\``;

function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  const unit = count < 1000 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), units.length - 1);
  return `${(count / 1000 ** unit).toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

/** Columns as wide as what is in them, so that the text reads as a table, too. */
function table(heading, rows) {
  if (!rows.length) return "Nothing.";
  const cells = [heading, ...rows].map((row) => row.map(String));
  const widths = heading.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const isNumber = heading.map((_, column) => /^\d/.test(cells[1][column]));
  const line = (row) => `| ${row.map((cell, at) => (isNumber[at] ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join(" | ")} |`;
  const rule = widths.map((width, at) => (isNumber[at] ? "-".repeat(width - 1) + ":" : "-".repeat(width)));
  return [line(cells[0]), line(rule), ...cells.slice(1).map(line)].join("\n");
}
