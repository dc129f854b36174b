// What a panel says of the point under its pointer: below the picture, and as the picture's name.
const text = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)).replace("-", "−")

// The nearest code: how far it is, in standard deviations of the codes, and its class
const nearestCode = ({ codes, at, flat, spread, pad }) => {
  let [least, label] = [Infinity, 0]
  for (let i = 0; i < codes.length; i += 2) {
    const across = flat ? 0 : codes[i + 1] - at[1]
    const square = (codes[i] - at[0]) ** 2 + across ** 2
    if (square < least) [least, label] = [square, pad.labels[i / 2]]
  }
  return { gap: Math.sqrt(least) / spread, name: pad.classes[label] }
}

const sayWhere = (panel) => {
  const [u, v] = panel.at
  const place = panel.flat ? `z = ${text(u)}` : `${panel.slice ? "" : "z = "}(${text(u)}, ${text(v)})`
  const [x, y] = [panel.x(u), panel.flat ? 0 : panel.y(v)]
  const outside = Math.min(x, y) < 0 || Math.max(x, y) > panel.size
  const { gap, name } = nearestCode(panel)
  const code = `nearest code${panel.slice ? " (projected)" : ""}`
  const lines = [`${code} ${gap < 0.01 ? "< 0.01" : gap.toFixed(2)} std away`]
  if (outside) lines.unshift("outside this picture")
  if (panel.pad.classes.length > 1) lines.push(`its class: ${name}`)
  const bold = document.createElement("b")
  bold.textContent = place
  panel.words.replaceChildren(bold, `${panel.slice ? " in the slice" : ""}\n${lines.join("\n")}`)
}

// The same as a sentence, which names the picture.
const tellWhere = ({ title, words, picture, pad }) => {
  const there = words.textContent.replaceAll("\n", ", ")
  const sentence = `${title}${pad.decoders ? "" : ", no picture here"}: ${there}.`
  picture.setAttribute("aria-label", sentence)
  return sentence
}
