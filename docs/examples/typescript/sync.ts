// Starts a run and waits for its result, at most a minute: node build/sync.js PROVIDER
import { call, open } from "./orderbeat.js";
import type { RunsStartReply, RunsStartRequest } from "./types/api.js";

const nc = await open();
try {
  const request: RunsStartRequest = { provider: process.argv[2], kind: "sync", params: { lookback: "14d" }, wait: true };
  const { run } = await call<RunsStartRequest, RunsStartReply>(nc, "runs.start", request, 60);
  console.log(`run ${run.run_id} ${run.state}: ${run.orders.seen} orders, ${run.orders.changed} changed`);
  for (const e of run.errors) console.log(`  ${e.account}: ${e.code}: ${e.message}`);
} finally {
  await nc.close();
}
