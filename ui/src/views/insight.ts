/** What the server makes of a session: why it ended as it did, where money and time went, what went round and round. */

export interface Insight {
  verdict: Verdict;
  cost: Blame;
  loops: Loop[];
  context: Context[];
}

export interface Verdict {
  severity: "ok" | "warning" | "error" | "running" | "lost";
  /** For people; names stand between backticks. */
  text: string;
  notes: string[];
  session_id: string | null;
  span_id: string | null;
  name: string | null;
  gave_up: { span_id: string; name: string } | null;
  within: { span_id: string; name: string; since_ms: number } | null;
  other_failures: number;
}

export interface Priced {
  usd: number | null;
  partial: boolean;
  estimated: boolean;
}

export interface Blame {
  cost: Priced;
  agents: Part[];
  models: Part[];
  tools: Part[];
  waste: {
    usd: number | null;
    retried: Took;
    failed: Took;
    loops: Took;
    resent: { calls: number; tokens: number; usd: number | null };
  };
}

export interface Part {
  name: string;
  cost: Priced;
  share: number;
  calls: number;
  failed: number;
  input: number;
  output: number;
  duration_ms: number;
}

export interface Took {
  calls: number;
  duration_ms: number;
  tokens: number;
  usd: number | null;
}

export interface Loop {
  kind: string;
  name: string;
  agent: string | null;
  rounds: number;
  failed: number;
  span_ids: string[];
  took: Took;
  between: Took;
}

export interface Context {
  agent: string | null;
  peak: number;
  cached: number;
  compactions: number;
  calls: {
    span_id: string;
    time_ms: number;
    model: string | null;
    input: number;
    cache_read: number;
    estimated: boolean;
    compacted: boolean;
  }[];
}
