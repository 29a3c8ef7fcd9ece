// Drives the dashboard as a person does. The Go test beside it starts the server and says by environment where it is.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";

const { DRAWBRIDGE_URL: clean, DRAWBRIDGE_HOSTILE_URL: infested, DRAWBRIDGE_PASSWORD: password, DRAWBRIDGE_SHOTS: shots, DRAWBRIDGE_CHROMIUM: chromium } = process.env;
const { chromium: playwright } = createRequire(join(process.env.DRAWBRIDGE_PLAYWRIGHT, "node_modules/"))("playwright-core");
let url = clean;
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// visit opens a browser with an empty profile, and fails where a page ran a script of a stranger's or opened a dialog.
async function visit(options, work) {
  const profile = mkdtempSync(join(tmpdir(), "drawbridge-browser-"));
  const context = await playwright.launchPersistentContext(profile, { executablePath: chromium, args, acceptDownloads: true, ...options });
  const harm = [];
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    page.on("dialog", (d) => { harm.push("dialog " + d.message()); d.dismiss(); });
    page.on("pageerror", (e) => harm.push("error " + e.message));
    page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) harm.push("console " + m.text()); });
    page.on("request", (r) => { if (!r.url().startsWith(url) && !r.url().startsWith("data:")) harm.push("request " + r.url()); });
    await work(page);
    assert.deepEqual(harm, [], "what devices sent did something");
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function shoot(page, name) {
  const { width, height } = await page.evaluate(() => ({ width: innerWidth, height: document.documentElement.scrollHeight }));
  await page.screenshot({ path: join(shots, name + ".png"), fullPage: true, clip: { x: 0, y: 0, width, height: Math.min(height, 2600) } });
  // No page may be wider than the screen: wide tables scroll inside their own region.
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return "";
    const over = [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > room && !e.closest(".scroll, pre"));
    return over.slice(0, 3).map((e) => e.outerHTML.slice(0, 200)).join("\n") || "something";
  });
  assert.equal(wide, "", name + " is wider than the screen");
}

async function logIn(page) {
  await page.goto(url + "/devices");
  await page.waitForURL(/\/login/);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(url + "/devices");
}

// harmless asserts that no markup of a device became an element of a page.
async function harmless(page) {
  const injected = await page.locator("script:not([src^='/assets/']), img:not([src^='/assets/']), svg[onload], [onerror], [onfocus], [onload], a[href^='javascript:']").count();
  assert.equal(injected, 0, "elements were injected into " + page.url());
}

// work is a morning with the inventory: filter, plan, look, export, leave.
async function work(page, name) {
  await page.goto(url + "/login");
  await page.getByLabel("Password").fill("wrong password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Wrong password.").waitFor();
  await shoot(page, name + "-login");
  await logIn(page);

  await page.getByLabel("Search").fill("scanner");
  await page.getByLabel("Readiness").selectOption("legacy");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/q=scanner/);
  assert.ok(await page.getByRole("row").count() > 5, "the filter finds scanners");
  await shoot(page, name + "-devices-filtered");

  await page.getByRole("link", { name: "scanner7", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "scanner7" }).waitFor();
  await page.getByLabel("Stage").selectOption("warn");
  await page.getByLabel("Owner").fill("Radiology " + name);
  await page.getByLabel("Cost estimate").fill("a lot");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Write a number such as 1200.50").waitFor();
  assert.equal(await page.getByLabel("Owner").inputValue(), "Radiology " + name, "what was typed is kept");
  await page.getByLabel("Cost estimate").fill("1200.50");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const history = page.getByRole("region", { name: "History" }).getByRole("table");
  await history.getByText("Radiology " + name).first().waitFor();
  await history.getByText("admin by the dashboard").first().waitFor();
  await shoot(page, name + "-device");

  await page.goto(url + "/devices?q=Radiology");
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name: "CSV" }).click();
  const csv = readFileSync(await (await waiting).path(), "utf8");
  assert.match(csv, /^10\.20\.0\.8\/scanner7,Radiology/, "the export has what is selected");

  await page.goto(url + "/devices?q=fax");
  for (const box of await page.getByRole("checkbox", { name: /Select 10/ }).all()) await box.check();
  await page.getByRole("group", { name: /Set for the devices/ }).getByLabel("Owner").fill("Front office");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByText(/\d+ devices changed/).waitFor();
  await page.getByRole("cell", { name: "Front office" }).nth(3).waitFor(); // the ticked devices have the owner
}

// migrate moves a wave of ten devices: choose, preview, apply, look at the history, block with a second thought, undo.
async function migrate(page, name) {
  await logIn(page);
  await page.goto(url + "/migration");
  await page.getByRole("heading", { level: 1, name: "Migration" }).waitFor();
  await shoot(page, name + "-migration");
  await page.getByLabel("Search").fill("outlook");
  await page.getByRole("button", { name: "Show devices" }).click();
  await page.waitForURL(/q=outlook/);
  const boxes = await page.getByRole("checkbox", { name: /Select 10/ }).all();
  for (const box of boxes.slice(0, 10)) await box.check();
  await page.getByLabel("Stage").last().selectOption("brownout");
  await page.getByLabel("Deadline").fill("2027-02-01");
  await shoot(page, name + "-migration-choice");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByRole("heading", { level: 1, name: "Preview" }).waitFor();
  await page.getByText("10 devices will be set to").waitFor();
  await page.getByText(/sessions of the last 7 days, \d+ would have been treated otherwise/).waitFor();
  await shoot(page, name + "-preview");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("10 devices changed.").waitFor();
  await shoot(page, name + "-moved");
  await page.getByRole("link", { name: /^10\..*outlook/ }).first().click();
  const history = page.getByRole("region", { name: "History" }).getByRole("table");
  await history.getByText("brownout").first().waitFor();
  await history.getByText("2027-02-01").first().waitFor();
  await page.getByRole("region", { name: "What the rules decide" }).first().getByText("set by hand").waitFor();
  await shoot(page, name + "-moved-device");

  await page.goto(url + "/migration?q=backup&tick=all");
  await page.getByLabel("Stage").last().selectOption("block");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByLabel(/Yes, block these/).check();
  await shoot(page, name + "-preview-block");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText(/Undone: \d+ devices set back/).waitFor();
}

async function hostile(page) {
  await logIn(page);
  await page.goto(url + "/devices?q=10.66.0.1");
  const links = await page.locator("tbody th a").evaluateAll((all) => all.map((a) => a.href));
  assert.ok(links.length > 8, "the hostile devices are listed");
  await harmless(page);
  for (const link of [url + "/sessions", url + "/", url + "/migration?q=10.66&tick=all", ...links]) {
    const response = await page.goto(link);
    assert.equal(response.status(), 200, link);
    await harmless(page);
  }
}

async function tour(page, name) {
  for (const path of ["/", "/devices", "/migration", "/sessions", "/certificates", "/api"]) {
    await page.goto(url + path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await shoot(page, `${name}-${path.slice(1) || "overview"}`);
  }
  await page.goto(url + "/devices/10.20.0.8/scanner7");
  await shoot(page, name + "-device");
}

async function leave(page) {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login/);
  await page.goto(url + "/devices");
  assert.match(page.url(), /\/login/, "a login that ended shows nothing");
}

async function keyboard(page) {
  await page.goto(url + "/devices");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const all = page.getByRole("checkbox", { name: "Select all devices of this page" });
  await all.check();
  assert.equal(await page.locator("form.list input[name=id]:not(:checked)").count(), 0, "select all ticks all");
}

const desktop = { viewport: { width: 1366, height: 860 }, colorScheme: "light" };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

if (process.env.DRAWBRIDGE_VISIT === "migration") {
  await visit(desktop, (page) => migrate(page, "light"));
  await visit({ ...desktop, javaScriptEnabled: false }, (page) => migrate(page, "noscript"));
  await visit({ ...phone, colorScheme: "dark" }, (page) => migrate(page, "phone-dark"));
  console.log("all moves went well");
  process.exit(0);
}
await visit(desktop, async (page) => { await work(page, "light"); await keyboard(page); await tour(page, "light"); await leave(page); });
await visit({ ...desktop, javaScriptEnabled: false }, async (page) => { await work(page, "noscript"); await leave(page); });
await visit({ ...desktop, colorScheme: "dark" }, async (page) => { await logIn(page); await tour(page, "dark"); });
await visit({ ...phone, colorScheme: "light" }, async (page) => { await work(page, "phone"); await tour(page, "phone"); await leave(page); });
await visit({ ...phone, colorScheme: "dark" }, async (page) => { await logIn(page); await tour(page, "phone-dark"); });
url = infested;
await visit(desktop, hostile);
await visit(phone, hostile);
console.log("all visits went well");
