// Writes a letter for each score, once.
import { consume, log, now, pool, transaction } from "./common.mjs";

const connections = pool("notification");
const committed = log("commits.writer");

await consume("SCORED", "writer", async (scored) => {
  await transaction(connections, async (client) => {
    const { rowCount } = await client.query("INSERT INTO inbox VALUES ($1) ON CONFLICT DO NOTHING", [scored.id]);
    if (rowCount) await client.query("INSERT INTO letter VALUES ($1, $2, $3)", [scored.id, scored.unit, JSON.stringify(scored)]);
  });
  committed(scored.id, now());
});
