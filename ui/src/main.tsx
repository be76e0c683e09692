import { render } from "preact";

// Before the parts of the page, whose own styles come after these.
import "./styles/tokens.css";
import "./styles/base.css";
import { App } from "./app";

const place = document.querySelector("#app");
if (place) render(<App />, place);
