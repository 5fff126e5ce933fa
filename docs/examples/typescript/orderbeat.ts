// A connection to Orderbeat, with the settings that "orderbeat env" prints.
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import type { ErrorReply } from "./types/api.js";

export function open(): Promise<NatsConnection> {
  const { NATS_URL: servers, NATS_USER: user, NATS_PASSWORD: pass } = process.env;
  return connect({ servers, user, pass, name: "orderbeat example", maxReconnectAttempts: -1 });
}

export class ApiError extends Error {
  constructor(readonly status: number, readonly reply: ErrorReply["error"]) {
    super(`${reply.code}: ${reply.message}`);
  }
}

// call sends a request to an endpoint. The deadline also reaches the provider call; the client waits a
// little longer, to receive the worker's own error.
export async function call<Request, Reply>(nc: NatsConnection, endpoint: string, request: Request, seconds: number): Promise<Reply> {
  const h = headers();
  h.set("Orderbeat-Timeout", `${seconds}s`);
  const msg = await nc.request(`orderbeat.api.${endpoint}`, JSON.stringify(request), { headers: h, timeout: seconds * 1000 + 1000 });
  const status = msg.headers?.get("Nats-Service-Error-Code");
  if (status) throw new ApiError(Number(status), msg.json<ErrorReply>().error);
  return msg.json<Reply>();
}
