"""Drawing: arrays or DataFrames in, a plotly figure, an SVG or a PNG out. No torch, no streamlit, no measuring."""
