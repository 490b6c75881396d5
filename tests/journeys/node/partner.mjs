// A partner's own program: the official CloudEvents SDK and NATS client, and nothing of ours. Prints what it got back, a JSON object a line.
import { CloudEvent, HTTP } from "cloudevents";
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const { nats, web, key, seed, data } = JSON.parse(process.argv[2]);
const type = "inbound.indicator.observed.v1";
const told = (what) => console.log(JSON.stringify(what));
const event = (id, value) =>
  new CloudEvent({ id, source: "//kho-bac.example", type, datacontenttype: "application/json", data: { ...data, value } });

const post = async (id, message) => {
  const given = { ...message.headers, authorization: `Bearer ${key}` };
  const answer = await fetch(`${web}/reporting/api/events`, { method: "POST", headers: given, body: message.body });
  told({ id, status: answer.status, ...(await answer.json()) });
};
await post("js-binary", HTTP.binary(event("js-binary", "30")));
await post("js-structured", HTTP.structured(event("js-structured", "31")));

const connection = await connect({ servers: nats, authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) });
const live = connection.subscribe("reporting.event.rejected.v1.kho-bac", { max: 1, timeout: 10000 });
const send = async (id, value) => {
  const message = HTTP.structured(event(id, value));
  const mode = headers();
  for (const [name, text] of Object.entries(message.headers)) mode.set(name, text);
  told({ id, ...(await connection.request("inbound.kho-bac.indicator.observed.v1", message.body, { headers: mode, timeout: 5000 })).json() });
};
await send("js-nats", "32");
await send("js-bad", "x");
for await (const message of live) told({ live: message.json().event });
const place = await jetstream(connection, { domain: "thidua" }).consumers.get("REPORTING", "partner-kho-bac");
for await (const message of await place.fetch({ max_messages: 1, expires: 5000 })) {
  told({ kept: message.json().event });
  message.ack();
}
await connection.close();
