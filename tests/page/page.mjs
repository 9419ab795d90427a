// Opens the overview page of a real sidecar in a real browser, under real calls, and looks.
//
// usage: node page.mjs BIDGATE CHROMIUM SCREENSHOTS
//
// playwright-core is found below the folder in the variable PAGE_TOOLS.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

const [BIDGATE, CHROMIUM, SCREENSHOTS] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(process.env.PAGE_TOOLS, "package.json"))("playwright-core");

const LAPTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const PATIENCE_MS = 20_000;
const SECOND_MS = 1000;
const HOSTILE = "<img src=x onerror=alert(1)>";
// What a browser does by itself would be told from what the page does.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

async function main() {
  await mkdir(SCREENSHOTS, { recursive: true });
  const folder = await mkdtemp(path.join(tmpdir(), "bidgate-page-"));
  const sidecar = new Sidecar(folder, await freePort(), await freePort());
  await sidecar.start();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const load = new Load(sidecar);
  try {
    const visit = await Visit.open(browser, sidecar, LAPTOP, "light");
    await step("a sidecar that nobody calls says so", () => nobodyCalls(visit));
    load.start();
    await step("numbers change, and are those of /metrics", () => numbersAreThoseOfMetrics(visit, sidecar));
    await step("telemetry is told as it is", () => telemetryIsThatOfMetrics(visit, sidecar));
    await step("charts are drawn, and read under the pointer", () => chartsAreDrawn(visit));
    await step("what callers choose is shown as text", () => callersAreText(visit));
    await step("all of it is above the fold of a laptop", () => aboveTheFold(visit));
    await step("dark and light differ, and both can be read", () => darkAndLight(browser, sidecar));
    await step("a phone shows it without scrolling sideways", () => onAPhone(browser, sidecar));
    await step("a hidden page asks for nothing", () => hiddenIsQuiet(visit));
    await step("a policy that is refused is told, as text", () => refusedPolicy(visit, sidecar));
    await step("calls that are shed and turned away are told", () => refusedCalls(visit, sidecar));
    await load.stop();
    assert.deepEqual(load.errors, []);
    visit.assertClean();
    await step("a sidecar that is gone is seen to be gone, and to be back", () => goneAndBack(visit, sidecar));
    await step("the page of the demo is alive", () => demoIsAlive(browser));
  } finally {
    await load.stop();
    await browser.close();
    await sidecar.stop();
    await rm(folder, { recursive: true });
  }
}

async function step(name, run) {
  await run();
  console.log(`page: ${name}`);
}

// ---- What must hold ----

async function nobodyCalls({ page }) {
  await waitFor(page, () => document.body.dataset.state === "serving");
  await waitForText(page, "#callers .empty", /Nobody called. Calls are served at 127\.0\.0\.1:\d+/);
  await waitForText(page, "#failures .empty", /Nothing was judged/);
  await waitForText(page, "#tile-throughput b", /^0$/);
  await shot(page, "quiet");
}

async function numbersAreThoseOfMetrics({ page }, sidecar) {
  const total = () => text(page, "#tile-throughput .note");
  await waitForText(page, "#tile-throughput .note", /^[1-9][\d,.]*\S* since the start$/);
  const before = await total();
  await waitFor(page, before => document.querySelector("#tile-throughput .note").textContent !== before, before);
  // Between two scrapes, as calls go on meanwhile.
  const [low, shown, high] = [await sidecar.metric("bidgate_evaluations_total"), (await sidecar.stats()).totals.verdicts, await sidecar.metric("bidgate_evaluations_total")];
  for (const verdict of Object.keys(shown)) {
    const label = `{verdict="${verdict}"}`;
    assert.ok(low[label] <= shown[verdict] && shown[verdict] <= high[label], `${verdict}: ${low[label]} ${shown[verdict]} ${high[label]}`);
  }
  await waitForText(page, "#tile-evaluation b", /^[\d.]+$/);
  await waitForText(page, "#tile-rpc b", /^[\d.]+$/);
  await waitForText(page, "#tile-failing b", /^[\d.]+$/);
  const since = Number((await total()).split(" ")[0].replace(/,/g, ""));
  const counted = sum(Object.values(await sidecar.metric("bidgate_evaluations_total")));
  assert.ok(since > 0 && since <= counted, `${since} of ${counted}`);
  const version = Object.keys(await sidecar.metric("bidgate_policy_info"))[0];
  assert.equal(version, `{version="${await text(page, "#policy-version")}"}`);
  await waitForText(page, "#failures tbody", /impid_unknown.*creative_id_missing/s);
  const rows = await page.locator("#failures tbody tr").allInnerTexts();
  const told = rows.map(row => row.split(/\s+/).slice(0, 3).join(" "));
  const outcomes = Object.keys(await sidecar.metric("bidgate_gate_outcomes_total"));
  for (const row of told) {
    const [reason, gate, mode] = row.split(" ");
    assert.ok(outcomes.includes(`{gate="${gate}",status="failed",reason="${reason}",mode="${mode}"}`), row);
  }
  assert.ok(told.includes("impid_unknown impidMatch enforce"), told.join("\n"));
  assert.ok(told.some(row => row.endsWith(" warn")), told.join("\n"));
}

async function telemetryIsThatOfMetrics({ page }, sidecar) {
  await waitForText(page, "#tile-telemetry .note", /^file; nothing lost$/);
  await waitForText(page, "#tile-telemetry .value", /^100 % delivered$/);
  await waitForText(page, "#telemetry-sink", /^to file$/);
  const { offered, delivered, dropped, in_flight } = (await sidecar.stats()).telemetry;
  assert.equal(offered, delivered + sum(Object.values(dropped)) + in_flight);
  assert.ok(delivered > 0, `${delivered} of ${offered}`);
  assert.deepEqual(await sidecar.metric("bidgate_telemetry_info"), { '{sink="file"}': 1 });
}

async function chartsAreDrawn({ page }) {
  await page.waitForTimeout(6 * SECOND_MS);
  for (const [chart, path] of [["throughput", "pass"], ["throughput", "fail"], ["evaluation", "p50"], ["evaluation", "p99"], ["evaluation", "p999"], ["rpc", "p99"]]) {
    const drawn = await page.locator(`#chart-${chart} path.${path}`).getAttribute("d");
    assert.ok((drawn.match(/[HVL]/g) ?? []).length >= 2, `${chart} ${path}: ${drawn}`);
    assert.doesNotMatch(drawn, /NaN|Infinity/);
  }
  await waitForText(page, "#chart-evaluation .budget", /^budget 1\ss$|^$/);
  const plot = await page.locator("#chart-rpc .plot").boundingBox();
  await page.mouse.move(plot.x + plot.width - 2, plot.y + plot.height / 2);
  await waitForText(page, "#chart-throughput .times span:nth-child(2)", /^0\ss ago$/);
  await waitForText(page, "#chart-throughput .reading >> nth=0", /^[\d.]+/);
  await page.mouse.move(plot.x + plot.width - 12, plot.y + plot.height / 2);
  await waitForText(page, "#chart-throughput .times span:nth-child(2)", /^[1-9]\d?\ss ago$/);
  await page.mouse.move(1, 1);
  await waitForText(page, "#chart-throughput .times span:nth-child(2)", /^$/);
}

async function callersAreText({ page }) {
  await waitForText(page, "#callers tbody", new RegExp(HOSTILE.replace(/[()]/g, "\\$&")));
  assert.equal(await page.locator("#callers img").count(), 0);
  assert.equal(await page.locator("#callers b").count(), 0);
}

async function aboveTheFold({ page }) {
  await shot(page, "laptop-light");
  const { bottom, width } = await page.evaluate(() => ({
    bottom: document.querySelector("main").getBoundingClientRect().bottom,
    width: document.documentElement.scrollWidth,
  }));
  assert.ok(bottom <= LAPTOP.height, `the page ends at ${bottom}`);
  assert.equal(width, LAPTOP.width);
  await nothingJumps(page);
}

// Where things stand stays the same while what they say changes.
async function nothingJumps(page) {
  const places = () => page.evaluate(() => {
    const things = document.querySelectorAll(".tile, .card, .plot, .legend li, h2");
    return JSON.stringify([...things].map(thing => {
      const { x, y, width, height } = thing.getBoundingClientRect();
      return thing.matches("h2") ? [x, y] : [x, y, width, height];
    }));
  });
  const before = await places();
  await page.waitForTimeout(5 * SECOND_MS);
  assert.equal(await places(), before);
}

async function darkAndLight(browser, sidecar) {
  const grounds = [];
  for (const scheme of ["light", "dark"]) {
    const visit = await Visit.open(browser, sidecar, LAPTOP, scheme);
    await waitFor(visit.page, () => document.body.dataset.state !== "waiting");
    grounds.push(await visit.page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await contrasts(visit.page);
    await shot(visit.page, `laptop-${scheme}`);
    await visit.close();
  }
  assert.notEqual(grounds[0], grounds[1]);
}

// Text and what is behind it: at least 4.5 to 1.
async function contrasts(page) {
  const faint = await page.evaluate(() => {
    const channels = colour => colour.match(/[\d.]+/g).map(Number);
    const luminance = colour => channels(colour).slice(0, 3)
      .map(channel => channel / 255)
      .map(part => (part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4))
      .reduce((total, part, place) => total + part * [.2126, .7152, .0722][place], 0);
    const behind = element => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (channels(colour)[3] !== 0) return colour;
      }
      return "rgb(255, 255, 255)";
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      const says = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
      if (!says || !element.checkVisibility()) continue;
      const [text, ground] = [getComputedStyle(element).color, behind(element)].map(luminance);
      const ratio = (Math.max(text, ground) + .05) / (Math.min(text, ground) + .05);
      if (ratio < 4.5) found.push(`${element.outerHTML.slice(0, 60)}: ${ratio.toFixed(2)}`);
    }
    return found;
  });
  assert.deepEqual(faint, []);
}

async function onAPhone(browser, sidecar) {
  for (const scheme of ["light", "dark"]) {
    const visit = await Visit.open(browser, sidecar, PHONE, scheme);
    await waitForText(visit.page, "#callers tbody", /bidder/);
    const sideways = await visit.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(sideways, PHONE.width);
    await shot(visit.page, `phone-${scheme}`, true);
    visit.assertClean();
    await visit.close();
  }
}

async function hiddenIsQuiet(visit) {
  const hide = hidden => visit.page.evaluate(hidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await visit.page.waitForTimeout(SECOND_MS);
  const before = visit.requests.length;
  await visit.page.waitForTimeout(5 * SECOND_MS);
  assert.equal(visit.requests.length, before);
  await hide(false);
  await visit.page.waitForTimeout(SECOND_MS);
  assert.ok(visit.requests.length > before);
}

async function refusedPolicy({ page }, sidecar) {
  await writeFile(sidecar.policy, "\"<img src=x onerror=alert(1)>\": 1\n");
  sidecar.process.kill("SIGHUP");
  await waitForText(page, "#policy-refused li", /<img src=x onerror=alert\(1\)>/);
  await waitForText(page, "#remark", /a policy was refused, the one before judges on/);
  assert.equal(await page.evaluate(() => document.body.dataset.state), "caution");
  assert.equal(await page.locator("#policy-refused img").count(), 0);
}

async function refusedCalls({ page }, sidecar) {
  const refused = await Promise.all(Array.from({ length: 3 }, () => sidecar.call({ agent_id: "" })));
  assert.deepEqual(refused.map(answer => answer.status), [400, 400, 400]);
  await waitForText(page, "#remark", /3 turned away/);
  await waitForText(page, "#refused-invalid", /^3$/);
  await shot(page, "caution");
}

async function goneAndBack(visit, sidecar) {
  const { page } = visit;
  await sidecar.stop();
  await waitForText(page, "#state", /^No answer from the sidecar$/);
  await waitForText(page, "#remark", /^This is how it was at \d\d:\d\d:\d\d, .* ago\.$/);
  assert.equal(await page.evaluate(() => document.body.dataset.state), "gone");
  assert.match(await page.title(), /^no answer/);
  await page.waitForTimeout(SECOND_MS);
  await shot(page, "gone");
  await writeFile(sidecar.policy, POLICY);
  await sidecar.start();
  await waitForText(page, "#state", /^Serving$/);
  await waitForText(page, "#tile-throughput .note", /^0 since the start$/);
  assert.deepEqual(visit.foreign(), []);
  assert.deepEqual(visit.violations, []);
}

// What a newcomer sees first.
async function demoIsAlive(browser) {
  const demo = start(["demo"], "pipe");
  try {
    const origin = await told(demo, /^ +page +(http:\S+)\/$/m);
    for (const [viewport, scheme] of [[LAPTOP, "light"], [LAPTOP, "dark"], [PHONE, "light"]]) {
      const visit = await Visit.open(browser, { origin }, viewport, scheme);
      await waitFor(visit.page, () => document.body.dataset.state === "serving");
      const before = await text(visit.page, "#tile-throughput .note");
      await visit.page.waitForTimeout(6 * SECOND_MS);
      assert.notEqual(await text(visit.page, "#tile-throughput .note"), before);
      await shot(visit.page, `demo-${viewport === PHONE ? "phone-" : ""}${scheme}`);
      visit.assertClean();
      await visit.close();
    }
  } finally {
    await end(demo, "SIGINT");
  }
  assert.equal(demo.exitCode, 0);
}

// What a process says on standard output, once it says it. It is read to its end, or the process could not go on.
function told(child, pattern) {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stdout.on("data", chunk => {
      said += chunk;
      const found = said.match(pattern);
      if (found) resolve(found[1]);
    });
    child.stdout.on("end", () => reject(new Error(`${pattern} is not in\n${said}`)));
  });
}

// A process that does not outlive this one.
function start(args, stdout) {
  const child = spawn(BIDGATE, args, { stdio: ["ignore", stdout, "inherit"] });
  process.on("exit", () => child.kill("SIGKILL"));
  return child;
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit", { signal: AbortSignal.timeout(PATIENCE_MS) });
  child.kill(signal);
  await ended.finally(() => child.kill("SIGKILL"));
}

// ---- A page that is looked at ----

class Visit {
  static async open(browser, sidecar, viewport, colorScheme) {
    const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: 2 });
    const page = await context.newPage();
    const visit = new Visit(context, page, sidecar.origin);
    await page.goto(`${sidecar.origin}/`);
    return visit;
  }

  constructor(context, page, origin) {
    Object.assign(this, { context, page, origin, requests: [], errors: [], violations: [] });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("request", request => this.requests.push(request.url()));
    page.on("pageerror", error => this.errors.push(String(error)));
    page.on("dialog", dialog => this.errors.push(`a dialog: ${dialog.message()}`));
    page.on("console", message => {
      if (message.text().includes("Content Security Policy")) this.violations.push(message.text());
      if (["error", "warning"].includes(message.type())) this.errors.push(message.text());
    });
  }

  // Requests to anywhere else, or for anything but the page and its numbers.
  foreign() {
    const own = [`${this.origin}/`, `${this.origin}/stats`];
    return this.requests.filter(url => !own.includes(url) && !url.startsWith("data:"));
  }

  assertClean() {
    assert.deepEqual(this.errors, []);
    assert.deepEqual(this.violations, []);
    assert.deepEqual(this.foreign(), []);
  }

  async close() {
    await this.context.close();
  }
}

async function waitFor(page, condition, argument) {
  await page.waitForFunction(condition, argument, { timeout: PATIENCE_MS });
}

async function waitForText(page, selector, pattern) {
  const since = Date.now();
  for (;;) {
    const found = await text(page, selector);
    if (pattern.test(found)) return;
    assert.ok(Date.now() - since < PATIENCE_MS, `${selector} says ${JSON.stringify(found)}, not ${pattern}`);
    await page.waitForTimeout(SECOND_MS / 10);
  }
}

async function text(page, selector) {
  return (await page.locator(selector).first().textContent({ timeout: PATIENCE_MS })).replaceAll("\u202f", " ").trim();
}

async function shot(page, name, fullPage = false) {
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage });
}

// ---- A sidecar, and those who call it ----

// The time budget is for a release build on a machine of its own; this is neither.
const POLICY = `
timeout_ms: 1000
fail_fast: false
gates:
  - { name: tmaxGuard }
  - { name: impidMatch }
  - { name: adomainVerify }
  - { name: bidSanity }
  - { name: audienceSafety }
  - { name: bcatCompliance }
  - { name: creativeIdentity, mode: warn }
`;

class Sidecar {
  constructor(folder, port, admin) {
    this.policy = path.join(folder, "policy.yaml");
    this.arguments = [
      "serve", "--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${admin}`, "--rest", "true",
      "--policy-file", this.policy, "--shutdown-drain-delay-ms", "0", "--log-level", "off",
      "--telemetry-sink", "file", "--telemetry-file", path.join(folder, "telemetry.ndjson"), "--telemetry-max-age-ms", "500",
    ];
    this.origin = `http://127.0.0.1:${admin}`;
  }

  async start() {
    await writeFile(this.policy, POLICY);
    this.process = start(this.arguments, "inherit");
    const since = Date.now();
    while (!(await this.isReady())) {
      assert.ok(this.process.exitCode === null && Date.now() - since < PATIENCE_MS, "the sidecar did not serve");
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  async isReady() {
    return fetch(`${this.origin}/health/ready`).then(answer => answer.ok, () => false);
  }

  async stop() {
    await end(this.process, "SIGTERM");
  }

  async stats() {
    return (await fetch(`${this.origin}/stats`)).json();
  }

  // The samples of a family, by their labels as they are written.
  async metric(family) {
    const page = await (await fetch(`${this.origin}/metrics`)).text();
    const samples = page.split("\n").filter(line => line.startsWith(`${family}{`));
    return Object.fromEntries(samples.map(line => {
      const [labels, value] = line.slice(family.length).split(/ (?=\S+$)/);
      return [labels, Number(value)];
    }));
  }

  async call(call) {
    const body = JSON.stringify({ input: REQUEST, output: answer({}), ...call });
    const headers = { "content-type": "application/json" };
    return fetch(`${this.origin}/v1/evaluate`, { method: "POST", headers, body });
  }
}

const REQUEST = { id: "r", tmax: 250, imp: [{ id: "1", bidfloor: 0.5 }], bcat: ["IAB7-39"] };

function answer(bid) {
  const good = { id: "b", impid: "1", price: 1.25, adomain: ["juniper-outdoor.com"], cat: ["IAB20-12"], crid: "c", cid: "d", adm: "<p>fresh air</p>" };
  return { id: "r", seatbid: [{ bid: [{ ...good, ...bid }] }] };
}

const CALLS = [
  ...Array(90).fill({ agent_id: "bidder-eu", tool: "exchange-a" }),
  ...Array(40).fill({ agent_id: "bidder-us", tool: "exchange-b" }),
  { agent_id: "bidder-us", tool: "exchange-b", output: { id: "r", seatbid: [] } },
  { agent_id: "bidder-us", tool: "exchange-a", output: answer({ impid: "2" }) },
  { agent_id: "bidder-us", tool: "exchange-a", output: answer({ price: 1400 }) },
  { agent_id: "bidder-eu", tool: "exchange-b", output: answer({ cat: ["IAB7-39"] }) },
  { agent_id: "bidder-eu", tool: "exchange-b", output: answer({ adomain: ["example.com"] }) },
  { agent_id: "bidder-eu", tool: "exchange-b", output: answer({ crid: "" }) },
  { agent_id: "bidder-late", tool: "exchange-c", elapsed_us: 249_000 },
  { agent_id: HOSTILE, tool: "<b>tool</b>" },
];

// A few calls at a time, until it is stopped.
class Load {
  constructor(sidecar) {
    Object.assign(this, { sidecar, going: true, callers: [], errors: [] });
  }

  start() {
    const failed = error => this.errors.push(String(error));
    this.callers = [0, 1, 2].map(first => this.callFrom(first).catch(failed));
  }

  async callFrom(first) {
    for (let turn = first; this.going; turn += 1) {
      const answer = await this.sidecar.call(CALLS[turn % CALLS.length]);
      assert.equal(answer.status, 200);
      await answer.arrayBuffer();
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  async stop() {
    this.going = false;
    await Promise.all(this.callers);
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

// A step waits for one thing at a time, and not for long; this is for what nobody thought of.
setTimeout(() => {
  console.error("page: took too long");
  process.exit(1);
}, 180 * SECOND_MS).unref();
await main();
