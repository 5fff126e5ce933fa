// The status of an order by the customer's number, within two seconds: node build/where.js REFERENCE
import { ApiError, call, open } from "./orderbeat.js";
import type { OrdersGetReply, OrdersGetRequest } from "./types/api.js";

const nc = await open();
try {
  const reference = process.argv[2];
  const { order, observed_at } = await call<OrdersGetRequest, OrdersGetReply>(nc, "orders.get", { provider: "michelin", reference }, 2);
  console.log(`${reference} (${order.order_id}) is ${order.status}, promised for ${order.next_promised_on ?? "no day"}, as of ${observed_at}`);
} catch (e) {
  if (!(e instanceof ApiError) || e.status !== 404) throw e;
  console.log("no such order:", process.argv[2]);
} finally {
  await nc.close();
}
