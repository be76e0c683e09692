export function Settings() { return <main class="page" id="main">s</main>; }
