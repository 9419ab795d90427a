"use strict";

// Shows what /stats says, every two seconds while somebody looks. docs/page.md says what stands in it.
// What callers or a policy file can choose gets onto the page as text only.

const POLL_MS = 2000;
const PATIENCE_MS = 4000;

// From the bottom of the chart upwards.
const VERDICTS = ["pass", "no_bid", "not_evaluated", "fail", "error"];
const QUANTILES = [["p50", "p50_ns"], ["p99", "p99_ns"], ["p999", "p999_ns"]];
const QUANTILE_NAMES = { p50: "p50", p99: "p99", p999: "p99.9" };

const GONE = "gone";
const NONE = "\u2013";
const THIN = "\u202f";

let heard = null;
let heardAt = 0;
let asking = false;
let next = 0;

async function ask() {
  clearTimeout(next);
  if (asking || document.hidden) return;
  asking = true;
  const stats = await fetchStats();
  asking = false;
  if (stats) show(stats);
  else lose();
  next = setTimeout(ask, POLL_MS);
}

// Null when there was no answer, or none that could be read.
async function fetchStats() {
  try {
    const answer = await fetch("stats", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function show(stats) {
  heard = stats;
  heardAt = Date.now();
  const history = new History(stats.history);
  showHeadline(stats, history);
  showFacts(stats, history);
  showTiles(stats, history);
  for (const chart of charts) chart.draw(history, stats);
  showFailures(stats.recent);
  showCallers(stats.recent, stats.listeners);
  showPolicy(stats.policy);
  showTelemetry(stats.telemetry);
  showRefusals(stats.totals);
}

// What was last heard stays, and is marked as old.
function lose() {
  document.body.dataset.state = GONE;
  document.title = "no answer \u00b7 bidgate";
  put(at("state"), "No answer from the sidecar");
  put(at("remark"), heard ? `This is how it was at ${clockTime(heardAt)}, ${span((Date.now() - heardAt) / 1000)} ago.` : "");
}

// The points of the last minutes, oldest first, each of them an interval.
class History {
  constructor(columns) {
    this.columns = columns;
    this.length = columns.elapsed_ms.length;
    this.interval = columns.interval_ms / 1000;
    const seconds = this.length * this.interval;
    this.seconds = [60, 120, 300, 600].find(step => step >= seconds) ?? seconds;
    this.slots = Math.round(this.seconds / this.interval);
    this.judged = columns.elapsed_ms.map((_, point) => sum(VERDICTS.map(verdict => columns.verdicts[verdict][point])));
  }

  // A second, at one point.
  rate(verdict, point) {
    return 1000 * this.columns.verdicts[verdict][point] / this.columns.elapsed_ms[point];
  }

  rateOfAll(point) {
    return this.length ? 1000 * this.judged[point] / this.columns.elapsed_ms[point] : 0;
  }

  get last() {
    return this.length - 1;
  }

  get lastMinute() {
    return Math.max(0, this.length - Math.round(60 / this.interval));
  }

  ofLastMinute(verdict) {
    return sum(this.columns.verdicts[verdict].slice(this.lastMinute));
  }

  judgedInLastMinute() {
    return sum(this.judged.slice(this.lastMinute));
  }

  // The latest of the last minute that was measured; null if nothing was.
  latest(series) {
    return series.slice(this.lastMinute).findLast(value => value !== null) ?? null;
  }

  // Which point stands in a slot of the chart; -1 if none.
  pointAt(slot) {
    return slot - (this.slots - this.length);
  }

  // How far it goes back.
  get window() {
    return span(this.length * this.interval);
  }
}

// ---- The line at the top ----

function showHeadline(stats, history) {
  const troubles = troublesOf(stats, history);
  const state = !stats.ready ? "not-ready" : troubles.length ? "caution" : "serving";
  document.body.dataset.state = state;
  put(at("state"), stats.ready ? "Serving" : `Not ready: ${stats.not_ready_reason}`);
  put(at("remark"), troubles.join("; ") || allIsWell(history));
  document.title = `${rate(history.rateOfAll(history.last))}/s \u00b7 bidgate`;
}

function allIsWell(history) {
  return history.length ? `nothing shed, turned away or lost in the last ${history.window}` : "";
}

function troublesOf(stats, history) {
  const { columns } = history;
  const judged = history.judgedInLastMinute();
  const p99 = history.latest(columns.evaluation.p99_ns);
  const troubles = [];
  if (stats.policy.refused) troubles.push("a policy was refused, the one before judges on");
  if (sum(columns.shed)) troubles.push(`${count(sum(columns.shed))} shed in the last ${history.window}`);
  if (p99 > stats.policy.budget_ns) troubles.push("evaluations take longer than their budget");
  for (const [verdict, words] of [["not_evaluated", "came too late to be evaluated"], ["error", "could not be judged"]]) {
    const part = history.ofLastMinute(verdict);
    if (part > judged / 100) troubles.push(`${percent(part, judged)} ${words}`);
  }
  if (sum(columns.turned_away)) troubles.push(`${count(sum(columns.turned_away))} turned away`);
  if (sum(columns.lost)) troubles.push(`${count(sum(columns.lost))} telemetry events lost`);
  return troubles;
}

function showFacts(stats, history) {
  put(at("uptime"), span(stats.uptime_s));
  put(at("version"), stats.version);
  put(at("memory"), bytes(stats.process.resident_memory_bytes));
  put(at("connections"), count(stats.connections_open));
  const { cpu_ms: cpu, elapsed_ms: elapsed } = history.columns;
  const busy = history.length ? cpu[history.last] / elapsed[history.last] : 0;
  put(at("cpu"), `${busy.toFixed(2)} cores`);
}

// ---- Tiles ----

function showTiles(stats, history) {
  const { columns } = history;
  const judged = history.judgedInLastMinute();
  const failing = history.ofLastMinute("fail");
  tile("throughput", rate(history.rateOfAll(history.last)), "/ s", `${count(sum(Object.values(stats.totals.verdicts)))} since the start`);
  tile("failing", judged ? percentNumber(failing, judged) : NONE, "%", judged ? `${percent(history.ofLastMinute("pass"), judged)} pass, last minute` : "no call in the last minute");
  showLatencyTiles(stats, history);
  const refused = sum(columns.shed) + sum(columns.turned_away);
  tile("load", count(stats.in_flight), `of ${count(stats.max_in_flight)}`, refused ? `${count(refused)} refused in ${history.window}` : "nothing refused", refused ? "caution" : "");
  showTelemetryTile(stats.telemetry, history);
}

function showLatencyTiles(stats, history) {
  const { evaluation, rpc } = history.columns;
  const budget = stats.policy.budget_ns;
  const p99 = history.latest(evaluation.p99_ns);
  const used = p99 === null ? `budget ${duration(budget)}` : `${percent(p99, budget)} of ${duration(budget)} budget`;
  tile("evaluation", ...unit(p99), used, p99 > budget ? "caution" : "");
  const worst = Math.max(...rpc.p99_ns.filter(value => value !== null));
  tile("rpc", ...unit(history.latest(rpc.p99_ns)), Number.isFinite(worst) ? `peak ${duration(worst)} in ${history.window}` : "arrival to reply");
}

function showTelemetryTile(telemetry, history) {
  const settled = telemetry.delivered + unwanted(telemetry);
  const lost = sum(history.columns.lost);
  const notes = `${telemetry.sink}; ${lost ? `${count(lost)} lost in ${history.window}` : "nothing lost"}`;
  if (telemetry.sink === "none") tile("telemetry", "off", "", "no sink is configured");
  else if (settled) tile("telemetry", percentNumber(telemetry.delivered, settled), "% delivered", notes, lost ? "caution" : "");
  else tile("telemetry", NONE, "", `${telemetry.sink}; nothing to deliver yet`);
}

function tile(name, value, unit, note, tone = "") {
  const tile = at(`tile-${name}`);
  tile.className = `tile ${tone}`;
  put(tile.querySelector("b"), value);
  put(tile.querySelector("i"), unit);
  put(tile.querySelector(".note"), note);
}

// ---- Charts: slots of equal width from left to right, the latest point in the last ----

const SIZE = 1000;

class Chart {
  constructor(id, series) {
    this.figure = at(id);
    this.svg = makeSvg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.grid = this.svg.appendChild(makeSvg("path", { class: "grid" }));
    this.paths = series.map(({ key }) => this.svg.appendChild(makeSvg("path", { class: key })));
    this.hair = make("div", "hair");
    this.hair.hidden = true;
    this.quiet = make("span");
    this.ticks = make("div");
    this.plot = make("div", "plot");
    const quiet = make("div", "quiet");
    quiet.append(this.quiet);
    this.plot.append(this.svg, this.ticks, quiet, this.hair);
    this.from = make("span");
    this.when = make("span");
    const times = make("div", "times");
    times.append(this.from, this.when, make("span", "", "now"));
    this.figure.append(this.plot, times);
    this.readings = series.map(entry => this.addLegend(entry));
    this.plot.addEventListener("pointermove", event => point(event.offsetX / this.plot.clientWidth));
    this.plot.addEventListener("pointerleave", () => point(null));
  }

  addLegend({ key, name, swatch }) {
    const reading = make("span", "reading", NONE);
    const entry = make("li");
    entry.append(make("span", `swatch ${swatch} ${key}`), make("span", "", name), reading);
    this.figure.querySelector(".legend").append(entry);
    return reading;
  }

  draw(history, stats) {
    this.history = history;
    this.plotAll(history, stats);
    put(this.from, `${span(history.seconds)} ago`);
    put(this.quiet, history.judged.some(Boolean) ? "" : history.length ? `no calls in the last ${history.window}` : "no calls yet");
    this.read();
  }

  // Says the numbers of the point under the pointer, or the latest.
  read() {
    const slot = pointed === null ? this.history.slots - 1 : Math.min(Math.floor(pointed * this.history.slots), this.history.slots - 1);
    const found = this.history.pointAt(slot);
    this.hair.hidden = pointed === null;
    this.hair.style.left = `${100 * (slot + .5) / this.history.slots}%`;
    put(this.when, pointed === null ? "" : `${span((this.history.slots - 1 - slot) * this.history.interval)} ago`);
    this.readings.forEach((reading, series) => put(reading, found >= 0 ? this.reading(series, found) : NONE));
  }

  // Lines across, each with its words at the left.
  scale(lines) {
    this.grid.setAttribute("d", lines.map(({ y }) => `M0 ${y}H${SIZE}`).join(""));
    while (this.ticks.children.length > lines.length) this.ticks.lastChild.remove();
    lines.forEach(({ y, words }, line) => {
      const tick = this.ticks.children[line] ?? this.ticks.appendChild(make("span", "tick"));
      tick.style.bottom = `${100 * (1 - y / SIZE)}%`;
      put(tick, words);
    });
  }
}

class ThroughputChart extends Chart {
  constructor() {
    super("chart-throughput", VERDICTS.map(key => ({ key, name: key.replace("_", " "), swatch: "" })));
  }

  plotAll(history) {
    const step = niceStep(Math.max(4, ...history.judged.map((_, point) => history.rateOfAll(point))));
    const top = 4 * step;
    const below = new Float64Array(history.length);
    this.scale([0, 1, 2, 3, 4].map(line => ({ y: SIZE * (1 - line / 4), words: rate(line * step).replace(/\.0$/, "") })));
    VERDICTS.forEach((verdict, series) => {
      const from = Array.from(below, value => level(value, top));
      below.forEach((_, point) => { below[point] += history.rate(verdict, point); });
      const to = Array.from(below, value => level(value, top));
      this.paths[series].setAttribute("d", band(history, from, to));
    });
  }

  reading(series, point) {
    return rate(this.history.rate(VERDICTS[series], point));
  }
}

// Time is on a scale of powers of ten, always the same: the eye learns where a good day lies.
const FASTEST_NS = 1e3;
const SLOWEST_NS = 5e7;

class LatencyChart extends Chart {
  constructor(id, method, hasBudget) {
    super(id, QUANTILES.map(([key]) => ({ key, name: QUANTILE_NAMES[key], swatch: "line" })));
    this.method = method;
    this.limit = this.svg.appendChild(makeSvg("path", { class: "limit" }));
    this.limitWords = this.plot.appendChild(make("span", "budget"));
    this.hasBudget = hasBudget;
  }

  plotAll(history, stats) {
    this.scale([1e3, 1e4, 1e5, 1e6, 1e7].map(ns => ({ y: height(ns), words: duration(ns) })));
    QUANTILES.forEach(([, column], series) => {
      this.paths[series].setAttribute("d", line(history, history.columns[this.method][column]));
    });
    if (this.hasBudget) this.drawBudget(stats.policy.budget_ns);
  }

  drawBudget(ns) {
    const shown = ns <= SLOWEST_NS;
    const y = height(ns);
    this.limit.setAttribute("d", shown ? `M0 ${y}H${SIZE}` : "");
    this.limitWords.style.bottom = `${100 * (1 - y / SIZE)}%`;
    put(this.limitWords, shown ? `budget ${duration(ns)}` : "");
  }

  reading(series, point) {
    const ns = this.history.columns[this.method][QUANTILES[series][1]][point];
    return ns === null ? NONE : duration(ns);
  }
}

function height(ns) {
  const part = Math.log(ns / FASTEST_NS) / Math.log(SLOWEST_NS / FASTEST_NS);
  return round(SIZE * (1 - Math.min(Math.max(part, 0), 1)));
}

function level(value, top) {
  return round(SIZE * (1 - value / top));
}

// An area in steps, a step a point, between two heights each.
function band(history, from, to) {
  if (to.every((y, point) => y === from[point])) return "";
  const left = point => round(SIZE * (history.slots - history.length + point) / history.slots);
  const over = to.map((y, point) => `V${y}H${left(point + 1)}`).join("");
  const back = from.map((y, point) => `V${y}H${left(point)}`).reverse().join("");
  return `M${left(0)} ${from[0]}${over}${back}Z`;
}

// Where nothing was measured there is a gap. A point by itself is a dot, for lines have round ends.
function line(history, series) {
  let path = "";
  let drawing = false;
  series.forEach((ns, point) => {
    const x = round(SIZE * (history.slots - history.length + point + .5) / history.slots);
    if (ns !== null) path += drawing ? `L${x} ${height(ns)}` : `M${x} ${height(ns)}h.01`;
    drawing = ns !== null;
  });
  return path;
}

// A quarter of the scale: 1, 2, 2.5 or 5 times a power of ten.
function niceStep(top) {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  return power * [1, 2, 2.5, 5, 10].find(step => 4 * step * power >= top);
}

// How far right the pointer is on a chart, 0 to 1; null when it is on none.
let pointed = null;

function point(fraction) {
  pointed = fraction === null ? null : Math.min(Math.max(fraction, 0), 1);
  if (heard) for (const chart of charts) chart.read();
}

// ---- Tables ----

function showFailures(recent) {
  const { failures, judged } = recent;
  const most = Math.max(...failures.map(failure => failure.count));
  fill(at("failures"), failures, ({ reason, status, gate, mode, count: outcomes }, [what, where, how, many, share]) => {
    putTitled(only(what, "reason"), reason || status);
    weigh(what, outcomes / most);
    putTitled(where, gate);
    put(only(how, `mode ${mode}`), mode);
    put(many, count(outcomes));
    put(share, percent(outcomes, judged));
    how.parentNode.className = mode === "enforce" ? "" : "spared";
  });
  const nothing = judged ? "Nothing failed." : "Nothing was judged.";
  put(at("failures").querySelector(".empty"), rest(failures, recent.failures_left_out, nothing));
  sayWindow("failures", recent);
}

function weigh(cell, part) {
  const weight = cell.querySelector(".weight") ?? cell.appendChild(make("span", "weight"));
  weight.style.width = `${100 * part}%`;
}

function showCallers(recent, listeners) {
  fill(at("callers"), recent.callers, ({ agent_id, tool, verdicts }, [who, what, many, mix, failing]) => {
    const judged = sum(Object.values(verdicts));
    putTitled(who, agent_id);
    putTitled(what, tool || NONE);
    put(many, count(judged));
    bar(only(mix, "bar"), VERDICTS.map(verdict => [verdict, verdicts[verdict]]));
    mix.title = VERDICTS.map(verdict => `${verdict.replace("_", " ")} ${percent(verdicts[verdict], judged)}`).join(", ");
    put(failing, percent(verdicts.fail, judged));
  });
  put(at("callers").querySelector(".empty"), rest(recent.callers, recent.callers_left_out, `Nobody called. Calls are served at ${listeners.join(", ")}.`));
  sayWindow("callers", recent);
}

function rest(shown, leftOut, nothing) {
  if (!shown.length) return nothing;
  return leftOut ? `and ${count(leftOut)} more` : "";
}

function sayWindow(id, recent) {
  put(at(id).querySelector(".window"), recent.seconds ? `in the last ${span(recent.seconds)}` : "");
}

// Rows are kept from one answer to the next, so that a text that was selected stays so.
function fill(section, items, write) {
  const body = section.querySelector("tbody");
  const heads = section.querySelectorAll("th");
  while (body.children.length > items.length) body.lastChild.remove();
  items.forEach((item, position) => {
    const row = body.children[position] ?? body.appendChild(emptyRow(heads));
    write(item, [...row.children]);
  });
}

function emptyRow(heads) {
  const row = make("tr");
  for (const head of heads) row.append(make("td", head.className));
  return row;
}

// ---- Policy, telemetry, what was turned away ----

function showPolicy(policy) {
  put(at("policy-version"), policy.version);
  put(at("policy-age"), span(policy.age_s));
  put(at("policy-budget"), duration(policy.budget_ns));
  put(at("policy-reloads"), `${count(policy.reloads)}, ${count(policy.refusals)}`);
  const refused = at("policy-refused");
  refused.hidden = !policy.refused;
  if (!policy.refused) return;
  put(refused.querySelector("p"), `Another was refused at ${clockTime(Date.parse(policy.refused.at))}`);
  refused.querySelector("ul").replaceChildren(...policy.refused.problems.map(problem => make("li", "", problem)));
}

function showTelemetry(telemetry) {
  const { sink, offered, delivered, dropped, in_flight, batches_pending, retries } = telemetry;
  const off = sink === "none";
  put(at("telemetry-sink"), off ? "off" : `to ${sink}`);
  at("telemetry-off").hidden = !off;
  at("telemetry-on").hidden = off;
  bar(at("telemetry-bar"), [["delivered", delivered], ["flying", in_flight], ["dropped", unwanted(telemetry)]]);
  put(at("telemetry-delivered"), `${count(delivered)} of ${count(offered)}`);
  put(at("telemetry-pending"), `${count(in_flight)} events, ${count(batches_pending)} batches`);
  put(at("telemetry-retries"), count(retries));
  const reasons = Object.entries(dropped).filter(([, events]) => events > 0);
  putTitled(at("telemetry-dropped"), reasons.map(([reason, events]) => `${count(events)} ${reason.replaceAll("_", " ")}`).join(", ") || "0");
}

// Events that were lost: leaving some out by the sample rate is what was asked for.
function unwanted({ dropped }) {
  return sum(Object.values(dropped)) - (dropped.sampled_out ?? 0);
}

function showRefusals(totals) {
  put(at("refused-shed"), count(totals.shed));
  put(at("refused-malformed"), count(totals.malformed.message));
  put(at("refused-too-large"), count(totals.too_large));
  put(at("refused-invalid"), count(totals.invalid_argument));
  put(at("refused-connections"), count(totals.connections_refused));
}

// Parts of a whole, side by side.
function bar(element, parts) {
  const shown = parts.filter(([, amount]) => amount > 0);
  while (element.children.length > shown.length) element.lastChild.remove();
  shown.forEach(([name, amount], position) => {
    const part = element.children[position] ?? element.appendChild(make("span"));
    part.className = name;
    part.style.flexGrow = amount;
  });
}

// ---- The document ----

function at(id) {
  return document.getElementById(id);
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function makeSvg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// For texts that may be cut off.
function putTitled(element, text) {
  put(element, text);
  element.title = text;
}

// The first element within another, made if there is none.
function only(parent, className) {
  const child = parent.firstElementChild ?? parent.appendChild(make("span"));
  child.className = className;
  return child;
}

// ---- Numbers in words: three digits say it ----

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function round(number) {
  return Math.round(10 * number) / 10;
}

function count(number) {
  if (number < 100000) return Math.round(number).toLocaleString("en");
  const [unit, size] = [["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12]].findLast(([, size]) => number >= size);
  return `${digits(number / size)}${THIN}${unit}`;
}

function rate(number) {
  return number === 0 || number >= 10 ? count(number) : number.toFixed(1);
}

function digits(number) {
  return number.toFixed(number < 10 ? 2 : number < 100 ? 1 : 0);
}

function percentNumber(part, whole) {
  const percent = 100 * part / whole;
  if (part === 0 || part === whole) return String(percent);
  if (percent < .01) return "<0.01";
  if (percent > 99.99) return ">99.99";
  return percent.toFixed(percent < 1 || percent > 99 ? 2 : 1);
}

function percent(part, whole) {
  return whole ? `${percentNumber(part, whole)}${THIN}%` : NONE;
}

// A duration as number and unit.
function unit(ns) {
  if (ns === null) return [NONE, ""];
  const units = [["ns", 1], ["\u00b5s", 1e3], ["ms", 1e6], ["s", 1e9]];
  const [name, size] = units.findLast(([, size]) => ns >= size) ?? units[0];
  return [digits(ns / size), name];
}

function duration(ns) {
  const [number, name] = unit(ns);
  return `${number.replace(/\.0+$/, "")}${THIN}${name}`;
}

function span(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = Math.max(parts.findIndex(([, size]) => seconds >= size), 0);
  let left = Math.round(seconds);
  const words = parts.map(([name, size]) => {
    const whole = Math.floor(left / size);
    left -= whole * size;
    return whole ? `${whole}${THIN}${name}` : "";
  });
  return words.slice(first, first + 2).filter(Boolean).join(" ") || `0${THIN}s`;
}

function bytes(number) {
  return number === null ? NONE : `${digits(number / 2 ** 20)}${THIN}MiB`;
}

function clockTime(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString("en-GB");
}

const charts = [
  new ThroughputChart(),
  new LatencyChart("chart-evaluation", "evaluation", true),
  new LatencyChart("chart-rpc", "rpc", false),
];
document.addEventListener("visibilitychange", ask);
ask();
