// What a space says of the point under its pointer: below the picture, and as the picture's name.
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
