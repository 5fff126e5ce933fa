// A durable consumer of order events that applies each event once: node build/consume.js FILE [SECONDS]
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from "@nats-io/jetstream";
import { call, open } from "./orderbeat.js";
import type { OrdersGetReply, OrdersGetRequest } from "./types/api.js";
import type { Order, OrderChanged, OrderCreated, OrderDespatched, OrderInvoiced, OrderLate, OrderVanished } from "./types/events.js";

type OrderEvent = OrderCreated | OrderChanged | OrderDespatched | OrderInvoiced | OrderLate | OrderVanished;

// The example's database: a file that is replaced as a whole, so that state and ce-ids stay together.
interface State {
  handled: Record<string, true>;
  orders: Record<string, { revision: number; order: Order }>;
}

const [file, seconds] = process.argv.slice(2);
let state: State = { handled: {}, orders: {} };
try {
  state = JSON.parse(readFileSync(file, "utf8")) as State;
} catch {
  // the first start
}

const nc = await open();
const manager = await jetstreamManager(nc);
// The same name continues where the previous process stopped.
await manager.consumers.add("ORDERBEAT_ORDERS", {
  durable_name: "example-typescript", filter_subject: "orderbeat.orders.>", ack_policy: AckPolicy.Explicit,
});
const consumer = await jetstream(nc).consumers.get("ORDERBEAT_ORDERS", "example-typescript");
const messages = await consumer.consume();
if (seconds) setTimeout(() => messages.stop(), Number(seconds) * 1000);

async function handle(msg: JsMsg): Promise<void> {
  const id = msg.headers?.get("ce-id") ?? "";
  const kind = msg.headers?.get("ce-type") ?? "";
  if (!kind.startsWith("orderbeat.order.") || state.handled[id]) return; // a later type; a duplicate or a replay
  const event = msg.json<OrderEvent>();
  let { order, revision } = event;
  if (!order) { // truncated, or events.body = "changes"
    const { provider, account, order_id } = event;
    ({ order, revision } = await call<OrdersGetRequest, OrdersGetReply>(nc, "orders.get", { provider, account, order_id }, 5));
  }
  const key = JSON.stringify([event.provider, event.account, event.order_id]);
  if (revision >= (state.orders[key]?.revision ?? 0)) state.orders[key] = { revision, order };
  state.handled[id] = true;
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
  console.log(id, kind, order.status);
}

for await (const msg of messages) {
  try {
    await handle(msg);
    msg.ack();
  } catch (e) {
    console.error("retry later:", e);
    msg.nak(5000);
  }
}
await nc.close();
