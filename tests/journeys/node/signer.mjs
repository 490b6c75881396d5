// A partner that signs, with node:crypto and nothing of ours: events through both doors, right ones and such as somebody tampered with.
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";

const given = JSON.parse(process.argv[2]);
const own = createPrivateKey(given.pem);
const structured = { "content-type": "application/cloudevents+json" };

const signed = (id, body, key = own, age = 0) => {
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const signature = sign(null, Buffer.from(`${id}.${timestamp}.${body}`), key).toString("base64");
  return { ...structured, "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1a,${signature}` };
};

const cases = (door) => {
  const event = (name) => {
    const id = `js-${door}-${name}`;
    return [id, JSON.stringify({ ...given.event, id })];
  };
  const good = event("good");
  const right = [signed(...good), good[1]];
  const [altered, old, foreign, unsigned] = ["altered", "old", "foreign", "unsigned"].map(event);
  return [
    right,
    right,
    [signed(...altered), altered[1].replace('"30"', '"99"')],
    [signed(...old, own, 400), old[1]],
    [signed(...foreign, generateKeyPairSync("ed25519").privateKey), foreign[1]],
    [structured, unsigned[1]],
  ];
};

for (const [mode, body] of cases("http")) {
  const shown = { ...mode, authorization: `Bearer ${given.key}` };
  const answer = await fetch(`${given.web}/reporting/api/events`, { method: "POST", headers: shown, body });
  if (answer.status !== 202) throw new Error(await answer.text());
}
const connection = await connect({ servers: given.nats, authenticator: nkeyAuthenticator(new TextEncoder().encode(given.seed)) });
for (const [mode, body] of cases("nats")) {
  const set = headers();
  for (const [name, text] of Object.entries(mode)) set.set(name, text);
  await connection.request("inbound.kho-bac.indicator.observed.v1", body, { headers: set, timeout: 5000 });
}
await connection.close();
