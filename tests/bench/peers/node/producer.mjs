// Accepts reports: a transaction each, then the event, published and acknowledged.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { js, log, now, pool, ready, reports } from "./common.mjs";

const SIDE_BY_SIDE = 8;
const all = readFileSync(reports, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
const connections = pool("reporting");
const sent = log("sent");

async function submit(report) {
  const at = now();
  const body = JSON.stringify(report);
  await connections.query("INSERT INTO report VALUES ($1, $2, $3, $4)", [report.id, report.unit.value, report.round, body]);
  await js.publish("reports.accepted", body, { msgID: report.id });
  sent(report.id, at);
}

async function send(first, count, rate) {
  const wanted = all.slice(first, first + count).values();
  if (!rate) {
    const worker = async () => { for (const report of wanted) await submit(report); };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
    return;
  }
  const started = performance.now();
  const sending = [];
  let number = 0;
  for (const report of wanted) {
    await sleep(Math.max(0, started + (number++ * 1000) / rate - performance.now()));
    sending.push(submit(report));
  }
  await Promise.all(sending);
}

ready("producer");
for await (const line of createInterface({ input: process.stdin })) await send(...JSON.parse(line));
