(() => {
  const hits = () => [...document.querySelectorAll(".hit")];
  const current = () => document.querySelector(".hit.at");
  const go = (hit) => { if (!hit) return; current()?.classList.remove("at"); hit.classList.add("at"); hit.scrollIntoView({ block: "nearest" }); };
  async function mark(hit, answer) {
    const again = hit.classList.contains(answer);
    const reply = await fetch("marks", { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ results: hit.dataset.results, row: Number(hit.dataset.row), yes: again ? null : answer === "yes" }) });
    if (!reply.ok) { hit.querySelector(".said").textContent = "not kept: " + (await reply.text()); return; }
    hit.classList.remove("yes", "no");
    if (!again) hit.classList.add(answer);
    hit.querySelector(".said").textContent = "";
    document.querySelector("#hidden-refresh")?.click();
  }
  function play(hit) {
    const sound = hit.querySelector("audio");
    document.querySelectorAll(".hit audio").forEach((other) => { if (other !== sound) other.pause(); });
    sound.paused ? sound.play() : sound.pause();
  }
  document.addEventListener("click", (event) => {
    const hit = event.target.closest?.(".hit");
    if (!hit) return;
    go(hit);
    const button = event.target.closest("button[data-mark]");
    if (button) mark(hit, button.dataset.mark);
    if (event.target.closest("img")) play(hit);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, textarea, select, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = hits(), at = all.indexOf(current());
    const acts = { j: () => go(all[Math.min(at + 1, all.length - 1)]), k: () => go(all[Math.max(at - 1, 0)]),
      y: () => current() && mark(current(), "yes"), n: () => current() && mark(current(), "no"),
      " ": () => current() && play(current()), "/": () => document.querySelector("#words textarea, #words input")?.focus() };
    if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
  });
})();
