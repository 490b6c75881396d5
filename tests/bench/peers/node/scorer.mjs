// Scores each report in a transaction, publishes the score, and only then acknowledges.
import { consume, js, pool, transaction } from "./common.mjs";

const TOTAL = `INSERT INTO total VALUES ($1, 1, $2)
ON CONFLICT (unit) DO UPDATE SET reports = total.reports + 1, points = total.points + excluded.points`;
const connections = pool("evaluation");

await consume("ACCEPTED", "scorer", async (report) => {
  const points = report.values.reduce((sum, { value }) => sum + (value === null ? 0 : Math.round(value * 1000)), 0);
  const unit = report.unit.value;
  await transaction(connections, async (client) => {
    const { rowCount } = await client.query("INSERT INTO inbox VALUES ($1) ON CONFLICT DO NOTHING", [report.id]);
    if (!rowCount) return;
    await client.query("INSERT INTO score VALUES ($1, $2, $3)", [report.id, unit, points]);
    await client.query(TOTAL, [unit, points]);
  });
  await js.publish("reports.scored", JSON.stringify({ id: report.id, unit, points }), { msgID: `s-${report.id}` });
});
