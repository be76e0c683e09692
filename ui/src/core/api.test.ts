import { expect, test } from "vitest";

import { Api, ApiError, isAborted } from "./api";

type Answer = (url: string, init: RequestInit) => Response | Promise<Response>;

function api(answer: Answer) {
  const asked: { url: string; init: RequestInit }[] = [];
  const fetcher = (async (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return answer(url, init);
  }) as unknown as typeof fetch;
  return { api: new Api("/api/v1", fetcher), asked };
}

const json = (body: unknown, init?: ResponseInit) => new Response(JSON.stringify(body), init);

test("what has not changed is not sent again", async () => {
  const { api: server, asked } = api((_, init) =>
    new Headers(init.headers).get("if-none-match") === '"7"'
      ? new Response(null, { status: 304 })
      : json({ a: 1 }, { headers: { etag: '"7"' } }),
  );
  const first = await server.get("/x");
  expect(await server.get("/x")).toBe(first);
  expect(asked.map(({ url }) => url)).toEqual(["/api/v1/x", "/api/v1/x"]);
});

test("answers without an ETag are asked for anew", async () => {
  let count = 0;
  const { api: server } = api(() => json({ count: ++count }));
  expect([await server.get("/x"), await server.get("/x")]).toEqual([{ count: 1 }, { count: 2 }]);
});

test("an error says what the server said", async () => {
  const { api: server } = api(() =>
    json(
      { error: { code: "bad_parameter", message: "parameter sort has to be …" } },
      { status: 400, headers: { "x-request-id": "r1" } },
    ),
  );
  await expect(server.get("/x")).rejects.toMatchObject({
    status: 400,
    code: "bad_parameter",
    message: "parameter sort has to be …",
    requestId: "r1",
    mayPass: false,
  });
});

test("answers of others are errors too", async () => {
  const statuses = [
    [401, "isUnauthorised"],
    [404, "isMissing"],
    [502, "mayPass"],
  ] as const;
  for (const [status, is] of statuses) {
    const { api: server } = api(() => new Response("<html>", { status }));
    const error = await server.get("/x").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError)[is]).toBe(true);
  }
  const { api: cut } = api(() => new Response('{"a":', { status: 200 }));
  await expect(cut.get("/x")).rejects.toMatchObject({ code: "bad_answer" });
});

test("a server that is not there is told from one that refuses", async () => {
  const { api: server } = api(() => Promise.reject(new TypeError("failed to fetch")));
  await expect(server.get("/x")).rejects.toMatchObject({
    status: 0,
    code: "unreachable",
    mayPass: true,
  });
});

test("an answer that nobody wants any more is no error of the server's", async () => {
  const stop = new AbortController();
  const { api: server } = api((_, { signal }) => {
    stop.abort();
    return Promise.reject(signal?.reason);
  });
  const error = await server.get("/x", stop.signal).catch((error: unknown) => error);
  expect(isAborted(error)).toBe(true);
});

test("what is sent is JSON, and nothing need come back", async () => {
  const { api: server, asked } = api(() => new Response(null, { status: 204 }));
  expect(await server.send("DELETE", "/sessions/1")).toBeNull();
  expect(await server.send("POST", "/x", { a: 1 })).toBeNull();
  expect(asked.map(({ init }) => [init.method, init.body])).toEqual([
    ["DELETE", undefined],
    ["POST", '{"a":1}'],
  ]);
});
