// How large everything on the stage is, so that all of it fits on one screen.
const WIDE = 900 // pixels from which models stand side by side
const SMALL = 460 // the same where only spaces and pictures are shown

// The stage's width and top, and the height of its letters, in pixels → what each model has: `width`, the sides of its
// `space` and its `picture`, the height of what is `below`; and the side of the `pen`'s pad, 0 without.
const laidOut = ({ whole, top, type, small, drawing, models }) => {
  const wide = whole >= (small ? SMALL : WIDE)
  const pen = drawing ? (wide ? type * 12.5 : whole * 0.6) : 0
  const columns = wide ? models : 1
  const width = wide ? (whole - pen - 1.5 * type * (columns - 1 + (pen ? 1 : 0))) / columns : whole
  const below = small ? 0 : Math.round(type * 6)
  const left = innerHeight - top - type * (small ? 7.9 : 6.3) - below // for the spaces: without heads, slider and gaps
  if (small && wide) { // a picture is below its space
    const space = Math.round(Math.min(left * 0.66, width))
    return { width, space, picture: Math.max(left - space, 80), below, pen }
  }
  const space = Math.round(wide ? Math.max(Math.min(left, width * 0.62), Math.min(300, width * 0.6)) : whole * 0.6)
  const picture = Math.max(Math.min(width - space - 0.75 * type, wide ? space - type * 5.8 : Infinity), 80)
  return { width, space, picture, below, pen }
}
