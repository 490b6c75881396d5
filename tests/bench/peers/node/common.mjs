// What the three programs share: arguments (database, broker, reports, logs), the connection, pools, and how messages are consumed.
import { appendFileSync, closeSync, openSync } from "node:fs";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import pg from "pg";

export const [database, broker, reports, logs] = process.argv.slice(2);
export const IN_FLIGHT = 10;
export const js = jetstream(await connect({ servers: broker }));

export const pool = (schema) => new pg.Pool({ connectionString: database, max: IN_FLIGHT, options: `-c search_path=${schema}` });

export const log = (name) => {
  const file = openSync(`${logs}/${name}`, "a");
  return (id, at) => appendFileSync(file, `${id} ${at}\n`);
};

export const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));

export const ready = (name) => closeSync(openSync(`${logs}/${name}.ready`, "a"));

export async function transaction(connections, work) {
  const client = await connections.connect();
  try {
    await client.query("BEGIN");
    await work(client);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

// Handles up to IN_FLIGHT messages at a time; each is acknowledged when its handler is done, and comes again when it fails.
export async function consume(stream, durable, handle) {
  const consumer = await js.consumers.get(stream, durable);
  const messages = await consumer.consume({ max_messages: 100 });
  ready(durable);
  const handling = new Set();
  for await (const message of messages) {
    const one = handle(message.json()).then(() => message.ack(), (error) => { console.error(error); message.nak(1000); });
    handling.add(one);
    one.finally(() => handling.delete(one));
    if (handling.size >= IN_FLIGHT) await Promise.race(handling);
  }
}
