import { render } from "preact";

// Before the parts of the page, whose own styles come after these.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/pages.css";
import { App } from "./app";
import { setUpTheme } from "./ui/theme";

setUpTheme();
const place = document.querySelector("#app");
if (place) render(<App />, place);
