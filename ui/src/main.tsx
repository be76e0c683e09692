import { render } from "preact";

import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";

const place = document.querySelector("#app");
if (place) render(<App />, place);
