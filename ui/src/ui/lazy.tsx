/** A page whose code comes when it is first shown. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Failure } from "./primitives";

export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
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
    if (state.error === null) return <main class="page" aria-busy="true" />;
    return (
      <main class="page">
        <Failure error={state.error} retry={() => setRound(round + 1)} />
      </main>
    );
  };
}
