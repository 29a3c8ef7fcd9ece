// Drives the dashboard of a running bridge as an administrator does. The Go test beside it starts the bridge, and plays
// the devices when this script asks: a line "> word" on standard output is a question, the next line of standard input the answer.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import assert from "node:assert/strict";

const { DRAWBRIDGE_URL: url, DRAWBRIDGE_PASSWORD: password, DRAWBRIDGE_SHOTS: shots, DRAWBRIDGE_FLEET: fleetText } = process.env;
const fleet = JSON.parse(fleetText); // devices, ready, strangers
const { chromium } = createRequire(join(process.env.DRAWBRIDGE_PLAYWRIGHT, "node_modules/"))("playwright-core");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(question) {
  console.log("> " + question);
  return (await lines.next()).value;
}

const browser = await chromium.launch({ timeout: 30000, executablePath: process.env.DRAWBRIDGE_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"] });

// visit gives each look its own profile, and fails where a page ran what a device sent, or asked anyone else for anything.
async function visit(options, work) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  const harm = [];
  page.on("dialog", (d) => { harm.push("dialog " + d.message()); d.dismiss(); });
  page.on("pageerror", (e) => harm.push("error " + e.message));
  page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) harm.push("console " + m.text()); });
  page.on("request", (r) => { if (!r.url().startsWith(url) && !/^(data|file):/.test(r.url())) harm.push("request " + r.url()); });
  await work(page);
  assert.deepEqual(harm, [], "what devices sent did something");
  await context.close();
}

async function logIn(page) {
  await page.goto(url + "/");
  await page.waitForURL(/\/login/);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(url + "/");
}

// look takes a picture, and wants the page no wider than the screen.
async function look(page, name) {
  await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
  const [room, width] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(width <= room, `${name} is ${width} wide on a screen of ${room}`);
}

const tile = (page, name) => page.locator(".tiles > div").filter({ hasText: name }).locator("dd").first();

async function overview(page) {
  await page.goto(url + "/");
  assert.equal(await tile(page, "Devices on the bridge").innerText(), String(fleet.devices));
  assert.equal(await tile(page, "Encryption ready").innerText(), String(fleet.ready));
  assert.equal(await tile(page, "Strangers").innerText(), String(fleet.strangers));
  assert.equal(await tile(page, "Without a deadline").innerText(), String(fleet.devices));
  await page.getByText("No device is overdue, failing or not served.").waitFor();
}

const rows = (page) => page.locator("table.devices tbody tr");

// plan is a morning with the inventory.
async function plan(page) {
  await overview(page);
  await look(page, "overview");
  await page.goto(url + "/devices?strangers=all");
  assert.equal(await rows(page).count(), fleet.devices + fleet.strangers);
  await page.getByLabel("Readiness").selectOption("ready");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/readiness=ready/); // which waits until the page has loaded
  assert.equal(await rows(page).count(), fleet.ready, "devices that are ready");

  await page.goto(url + "/devices?q=fax307");
  await page.getByRole("link", { name: "fax307", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "fax307" }).waitFor();
  await page.getByLabel("Stage").selectOption("block");
  await page.getByLabel("Owner").fill("Radiology");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByLabel("Yes, block this device").check(); // it was seen today
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Undo" }).waitFor();
  await page.goto(url + "/devices/127.0.0.1/fax307");
  const history = page.getByRole("region", { name: "History" });
  await history.getByRole("row").filter({ hasText: "Radiology" }).getByText("admin by the dashboard").waitFor();
  assert.match(await ask("fax307 logs in"), /^NO \[CONTACTADMIN\] This device may no longer read mail here/);
  await page.reload();
  await page.getByText("the device was set to stage block").first().waitFor();
  await look(page, "blocked");
  await page.goto(url + "/");
  assert.equal(await tile(page, "Devices on the bridge").innerText(), String(fleet.devices - 1), "a blocked device is on the bridge no more");

  await page.goto(url + "/devices?q=Radiology");
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name: "CSV" }).click();
  const csv = readFileSync(await (await waiting).path(), "utf8");
  assert.match(csv, /127\.0\.0\.1\/fax307.*Radiology/);
  assert.equal(csv.trim().split("\n").length, 2, "the export has the device that is selected, and no other");
}

async function bulkAndMerge(page) {
  await page.goto(url + "/devices?category=backup_archive");
  for (const account of ["archive@contoso.example", "backup@contoso.example"]) await page.getByRole("checkbox", { name: "Select 127.0.0.1/" + account }).check();
  const bulk = page.getByRole("group", { name: "Set for the devices that are ticked" });
  await bulk.getByLabel("Owner").fill("Storage team");
  await bulk.getByLabel("Deadline").fill("2099-12-31");
  await bulk.getByRole("button", { name: "Set" }).click();
  await page.getByText("2 devices changed").waitFor();
  await page.getByRole("cell", { name: "Storage team" }).nth(1).waitFor();
  assert.equal(await page.getByRole("cell", { name: "Storage team" }).count(), 2);

  await page.goto(url + "/devices/127.0.0.1/archive@contoso.example");
  await page.getByLabel("This device is the same as").fill("127.0.0.1/backup@contoso.example");
  await page.getByRole("button", { name: "Merge" }).click();
  await page.getByText("Merged.").waitFor();
  await page.getByRole("heading", { level: 1, name: "backup@contoso.example" }).waitFor();
  await page.getByRole("heading", { level: 2, name: "2 sessions" }).waitFor();
  await page.goto(url + "/");
  await page.getByText("every one was kept").waitFor();
  await look(page, "overview-planned");
}

async function sessionsNow(page) {
  await ask("alarm idles");
  await page.goto(url + "/sessions");
  const live = page.getByRole("region", { name: /Going on: 1/ }).first();
  await live.getByRole("link", { name: "127.0.0.1/alarm" }).waitFor();
  await look(page, "live");
  await ask("alarm leaves");
  await page.reload();
  await page.getByText("No device is connected at the moment.").waitFor();
}

// harmless asserts that nothing that a device sent became an element of a page.
async function harmless(page) {
  const injected = await page.locator("script:not([src^='/assets/']), img:not([src^='/assets/']), [onerror], [onfocus], [onload], a[href^='javascript:'], b, iframe").count();
  assert.equal(injected, 0, "elements were injected into " + page.url());
  assert.doesNotMatch(await page.content(), /[\x1b\x07\x00\u202e]/, "control characters on " + page.url());
}

async function hostile(page) {
  await ask("hostile devices come");
  for (const path of ["/", "/devices", "/sessions", "/devices/127.0.0.1/-", "/devices/127.0.0.1/alarm"]) {
    const response = await page.goto(url + path);
    assert.equal(response.status(), 200, path);
    await harmless(page);
  }
  await page.goto(url + "/devices/127.0.0.1/alarm");
  await page.getByText("<script>alert(1)</script>").first().waitFor(); // shown, as text
  await look(page, "hostile");
}

async function report(page) {
  await page.goto("file://" + await ask("report"));
  await page.getByRole("heading", { level: 1 }).waitFor();
  const styled = await page.evaluate(() => getComputedStyle(document.body).fontFamily);
  assert.doesNotMatch(styled, /^"?Times/, "the report's style is taken");
  assert.equal(await page.locator("script, img, iframe, [onerror], [onload]").count(), 0, "elements were injected into the report");
  await look(page, "report-" + page.viewportSize().width);
}

async function leave(page) {
  await page.goto(url + "/");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login/);
  await page.goto(url + "/devices");
  assert.match(page.url(), /\/login/, "a login that ended shows nothing");
}

try {
  await visit({}, async (page) => { await logIn(page); await plan(page); await bulkAndMerge(page); await sessionsNow(page); await hostile(page); await leave(page); });
  await visit({ javaScriptEnabled: false, colorScheme: "dark", viewport: { width: 390, height: 844 } }, async (page) => {
    await logIn(page);
    for (const path of ["/", "/devices", "/sessions", "/certificates", "/api", "/devices/127.0.0.1/alarm"]) {
      await page.goto(url + path);
      await look(page, "phone-" + (path.slice(1).replaceAll("/", "-") || "overview"));
    }
    await report(page);
  });
  await visit({}, report);
  console.log("all visits went well");
} catch (e) {
  console.error(e);
  process.exitCode = 1;
}
await browser.close();
process.exit(); // standard input is still open
