/** A page, or a part of one, whose code comes when it is first shown. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Failure } from "./primitives";

export function lazy<P extends object>(
  load: () => Promise<ComponentType<P>>,
  /** What stands around it: a part stands within a page that is there already. */
  Around: "main" | "div" = "main",
): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [state, setState] = useState<{ error: unknown }>({ error: null });
    const [round, setRound] = useState(0);
    useEffect(() => {
      if (loaded) return;
      let isGone = false;
      load().then(
        (component) => {
          loaded = component;
          if (!isGone) setState({ error: null });
        },
        (error: unknown) => {
          if (!isGone) setState({ error });
        },
      );
      return () => {
        isGone = true;
      };
    }, [round]);
    if (loaded) {
      const Component = loaded;
      return <Component {...props} />;
    }
    if (state.error === null) return <Around class="page" aria-busy="true" />;
    return (
      <Around class="page">
        <Failure error={state.error} retry={() => setRound(round + 1)} />
      </Around>
    );
  };
}
