// What the stage says in words: of the point under a pointer, of the epoch, and of what is seen.
const text = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)).replace("-", "−")

// The nearest code to the pointer: how far it is, in standard deviations of the codes now shown, and its class
const nearestCode = ({ codes, at, flat, film }) => {
  const axes = flat ? 1 : 2
  const sums = [0, 0]
  const squares = [0, 0]
  let [least, label, count] = [Infinity, 0, 0]
  for (let i = 0; i < film.labels.length; i++) {
    if (Number.isNaN(codes[2 * i])) continue
    let square = 0
    for (let axis = 0; axis < axes; axis++) {
      const value = codes[2 * i + axis]
      sums[axis] += value
      squares[axis] += value * value
      square += (value - at[axis]) ** 2
    }
    count += 1
    if (square < least) [least, label] = [square, film.labels[i]]
  }
  let variance = 0
  for (let axis = 0; axis < axes; axis++) variance += (squares[axis] / count - (sums[axis] / count) ** 2) / axes
  return { gap: Math.sqrt(least / Math.max(variance, 1e-12)), name: film.classes[label] }
}

const sayWhere = (space, words) => {
  const { film, at, flat } = space
  const sliced = film.latentDim > 2
  const place = flat ? `z = ${text(at[0])}` : `${sliced ? "" : "z = "}(${text(at[0])}, ${text(at[1])})`
  const lines = [`${place}${sliced ? " in the plane" : ""}`]
  const [x, y] = [space.x(at[0]), flat ? 0 : space.y(at[1])]
  if (Math.min(x, y) < 0 || Math.max(x, y) > space.size) lines.push("outside this picture")
  const { gap, name } = nearestCode(space)
  lines.push(`nearest code ${gap < 0.01 ? "< 0.01" : gap.toFixed(2)} std away`)
  if (film.classes.length > 1) lines.push(`its class: ${name}`)
  const told = lines.join("\n")
  if (words.textContent !== told) words.textContent = told
}

// Middle and standard deviation (root mean square over the axes) of codes (n, 2)
const cloud = (codes, flat) => {
  const sums = [0, 0, 0, 0]
  let count = 0
  for (let i = 0; i < codes.length; i += 2) {
    if (Number.isNaN(codes[i])) continue
    count += 1
    for (const axis of [0, 1]) {
      sums[axis] += codes[i + axis]
      sums[2 + axis] += codes[i + axis] ** 2
    }
  }
  const centre = [sums[0] / count, sums[1] / count]
  const variances = [0, 1].map((axis) => sums[2 + axis] / count - centre[axis] ** 2)
  return { centre, spread: Math.sqrt(Math.max(flat ? variances[0] : (variances[0] + variances[1]) / 2, 1e-12)) }
}

const some = (epochs) => (epochs.length > 8 ? `${epochs.slice(0, 3).join(", ")}, … ${epochs.at(-1)}` : epochs.join(", "))

// Below the stage: what this epoch's numbers say, and what is drawn.
class Notes {
  constructor(stage, noticed, noted) {
    Object.assign(this, { stage, noticed, noted })
  }

  notice() {
    const told = `What to notice. ${this.stage.film.nearest(this.stage.t).notice}`
    if (this.noticed.textContent !== told) this.noticed.textContent = told
  }

  note(problem) {
    const { film, models, t, planes, decoders, rested, drawing } = this.stage
    const share = ({ spec }) => `${spec.title} ${Math.round(100 * film.nearest(t).spaces[spec.variant].share)}%`
    const plane = film.latentDim > 2 ? `, which holds this share of the codes' variance: ${models.map(share).join(", ")}` : ""
    const said = [
      `${film.space}${plane}: the codes of ${film.counted}.`,
      `Losses in ${film.loss}, means over ${film.watched}; dotted: what predicting the mean image costs${film.pca === null ? "" : "; dashed: what PCA costs, with as many numbers as the code"}.`,
    ]
    if (problem) said.push(problem)
    else if (!film.kept.includes(t)) {
      said.push(`The weights of epoch ${t} were not kept, so nothing can be decoded here; they were at ${some(film.kept)}.`)
    } else if (planes && !decoders) said.push(`${rested.why}, so the server draws where the pointer rests.`)
    if (drawing && rested?.encoders === null) said.push("A page can't run these encoders, so nothing comes of what is drawn here.")
    this.noted.textContent = said.join(" ")
  }
}
