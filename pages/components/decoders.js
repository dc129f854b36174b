// Networks that run in the browser (chain.js), from a code to its picture, or from an image to its code.
// One place for the whole page: the weights arrive once, and every component that draws asks for them by their key.
const shelf = (window.latentTwinsDecoders ??= { byKey: new Map(), waiting: new Set() })
const KEPT = 3 // runs and epochs

// Call `use` with the decoders by variant, now or when they arrive; the answer stops the waiting.
const whenDecoders = (key, use) => {
  if (shelf.byKey.has(key)) {
    use(shelf.byKey.get(key))
    return () => {}
  }
  const wait = { key, use }
  shelf.waiting.add(wait)
  return () => shelf.waiting.delete(wait)
}

const shelve = (bytes) => {
  const { key } = headOf(bytes).meta
  if (shelf.byKey.has(key)) return // every rerun of the page hands them over again
  const decoders = chains(bytes)
  shelf.byKey.set(key, decoders)
  while (shelf.byKey.size > KEPT) shelf.byKey.delete(shelf.byKey.keys().next().value)
  for (const wait of [...shelf.waiting]) {
    if (wait.key !== key) continue
    shelf.waiting.delete(wait)
    wait.use(decoders)
  }
}

// An image's values from 0 to `white`, channel by channel, onto a canvas at (x, y), a pixel a value; the page scales it up.
const paint = (canvas, values, { x = 0, y = 0, width = canvas.width, height = canvas.height, white = 1 } = {}) => {
  const context = canvas.getContext("2d")
  const image = context.createImageData(width, height)
  const plane = width * height
  const next = values.length > plane ? plane : 0 // from one colour to the next; grey is all three
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * i + channel] = Math.round((255 / white) * values[i + channel * next])
    }
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, x, y)
}
