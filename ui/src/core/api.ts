/**
 * Asks the server, and says plainly why there is no answer.
 *
 * What was answered is kept with its ETag, so that asking again for what has not changed moves no bytes. Knows no routes
 * beyond their addresses, and nothing of who shows the answers.
 */

/** Why there is no answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** HTTP's; 0 where the server was not reached. */
    readonly status: number,
    readonly code: string,
    /** What to do about it. */
    message: string,
    /** What the server's log calls the request. */
    readonly requestId: string | null = null,
  ) {
    super(message);
  }

  /** Whether a token or key is wanted. */
  get isUnauthorised(): boolean {
    return this.status === 401 || this.status === 403;
  }

  get isMissing(): boolean {
    return this.status === 404;
  }

  /** Whether the same may succeed later. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

interface Kept {
  etag: string;
  answer: unknown;
}

/** How many answers are kept. */
const KEPT = 24;

export class Api {
  readonly #kept = new Map<string, Kept>();
  readonly #fetch: typeof fetch;
  readonly #base: string;

  constructor(base = "/api/v1", fetcher: typeof fetch = (...args) => fetch(...args)) {
    this.#base = base;
    this.#fetch = fetcher;
  }

  /** The answer as JSON; the same object as before where nothing has changed. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const url = this.#base + path;
    const kept = this.#kept.get(url);
    const headers: Record<string, string> = { accept: "application/json" };
    if (kept) headers["if-none-match"] = kept.etag;
    const response = await this.#ask(url, { headers, ...(signal ? { signal } : {}) });
    if (response.status === 304 && kept) {
      this.#keep(url, kept);
      return kept.answer as T;
    }
    const answer = await read(response);
    const etag = response.headers.get("etag");
    if (etag) this.#keep(url, { etag, answer });
    return answer as T;
  }

  async send<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method, headers: { accept: "application/json" } };
    if (body !== undefined) {
      init.headers = { accept: "application/json", "content-type": "application/json" };
      init.body = JSON.stringify(body);
    }
    return (await read(await this.#ask(this.#base + path, init))) as T;
  }

  async #ask(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(url, { ...init, credentials: "same-origin" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(
        0,
        "unreachable",
        "The server does not answer. Is `agentops serve` running?",
      );
    }
    if (response.ok || response.status === 304) return response;
    throw await failure(response);
  }

  #keep(url: string, kept: Kept): void {
    // Put in again, so that the first one is what was not asked for the longest.
    this.#kept.delete(url);
    this.#kept.set(url, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
  }
}

/** Whether an error only says that nobody wants the answer any more. */
export const isAborted = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "AbortError";

async function read(response: Response): Promise<unknown> {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new ApiError(
      response.status,
      "bad_answer",
      "The server's answer was cut off. Try again.",
    );
  }
}

async function failure(response: Response): Promise<ApiError> {
  const id = response.headers.get("x-request-id");
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.code === "string" && typeof error.message === "string") {
      return new ApiError(response.status, error.code, error.message, id);
    }
  } catch {
    // Not from our server, or from something before it: the status has to do.
  }
  return new ApiError(response.status, "http", `The server answered ${response.status}.`, id);
}
