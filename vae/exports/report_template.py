"""The page of a report around its contents: `string.Template` places are title, date, runs, run_file, body, capsule,
figures, plotly. Its own policy forbids it to ask any server for anything.
"""

from ..figures.latent import IN_SCALE

SCALES = """<h2>Pictures</h2>
<div class="scales"><button type="button" aria-pressed="true" value="own">own scale</button><button type="button"
aria-pressed="false" value="same">same scale</button></div>
<p>Own scale: each picture fits its own codes, so compare lengths with the scale bars. Same scale: one unit of code has
the same length in all pictures. Dashed: the prior N(0, I) at 1 and 2 standard deviations.</p>"""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: #fff; color: #1d2129;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid #dfe3e8;
  overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: .5rem 0 0; }
p, li { max-width: 48rem; color: #4a515c; font-size: .92rem; margin: .4rem 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #e8ebef; text-align: left; vertical-align: top; }
th { font-weight: 600; color: #4a515c; }
td { overflow-wrap: anywhere; min-width: 2rem; }
.wide td, .wide th { overflow-wrap: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
th.number { max-width: 9rem; }
.dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .4rem; }
td:has(> .dot) { white-space: nowrap; }
.tag { display: inline-block; background: #eef1f5; border-radius: .6rem; padding: 0 .5rem; margin-left: .25rem;
  font-size: .8rem; }
.note { color: #4a515c; font-size: .85rem; white-space: pre-line; max-width: 26rem; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.2rem; }
section { min-width: 0; }
img { width: 100%; image-rendering: pixelated; margin-top: .5rem; }
summary { cursor: pointer; margin: .6rem 0; font-size: .92rem; }
button { font: inherit; padding: .35rem .9rem; border: 1px solid #b9c0ca; border-radius: .4rem; background: #fff;
  cursor: pointer; margin-top: .6rem; }
button:hover { background: #f3f5f8; }
.scales button { border-radius: 0; margin-left: -1px; }
.scales button[aria-pressed=true] { background: #e4e4f8; border-color: #4b4acf; color: #4b4acf; position: relative; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem .9rem; }
.legend button { border: 0; padding: .1rem .2rem; margin: 0; font-size: .82rem; display: flex; align-items: center;
  gap: .4rem; }
.legend button[aria-pressed=false] { opacity: .4; text-decoration: line-through; }
"""

SCRIPT = (
    IN_SCALE
    + """
const holders = document.querySelectorAll(".figure")
const figures = JSON.parse(document.getElementById("figures").textContent)
let scale = "own"
const draw = (i) => {
  const { data, layout } = inScale(figures[i], scale)
  layout.font = { family: getComputedStyle(document.body).fontFamily, color: "#1d2129" }
  Plotly.react(holders[i], data, layout, { displayModeBar: false, responsive: true })
}
// Drawn when they come near the window: fifty figures at once would hold up the first.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue
    near.unobserve(target)
    draw([...holders].indexOf(target))
  }
}, { rootMargin: "600px" })
holders.forEach((holder) => near.observe(holder))
for (const button of document.querySelectorAll(".scales button")) button.onclick = () => {
  scale = button.value
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", other === button)
  figures.forEach(({ layout }, i) => layout.meta?.scales && holders[i].data && draw(i))
}
for (const legend of document.querySelectorAll(".legend")) {
  const holder = legend.previousElementSibling
  for (const key of legend.children) key.onclick = () => {
    const visible = key.getAttribute("aria-pressed") === "false"
    key.setAttribute("aria-pressed", visible)
    const wanted = holder.data.flatMap((trace, i) => (trace.name === key.dataset.name ? [i] : []))
    Plotly.restyle(holder, { visible }, wanted)
  }
}
const save = document.getElementById("save")
if (save) save.onclick = () => {
  const file = new Blob([document.getElementById("capsule").textContent], { type: "application/json" })
  const link = document.createElement("a")
  link.href = URL.createObjectURL(file)
  link.download = "capsule.json"
  link.click()
}
"""
)

RUN_FILE = """<button id="save" type="button">Save the run file (JSON)</button>
<p>The run file holds all that is needed to train these runs again: <code>python -m vae reproduce capsule.json</code>
trains them and checks for identical results.</p>"""
IMPORTED = "<p>Weights of runs called “imported” came from a file, so there is no training of theirs to repeat.</p>"

PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
<title>$title</title>
<style>{STYLE}</style>
</head>
<body>
<h1>$title</h1>
<p>Latent Twins: autoencoders and variational autoencoders, side by side. $date. $runs.</p>
$run_file
$body
<script type="application/json" id="capsule">$capsule</script>
<script type="application/json" id="figures">$figures</script>
<script>$plotly</script>
<script>{SCRIPT}</script>
</body>
</html>
"""
