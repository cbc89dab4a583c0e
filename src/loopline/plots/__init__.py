"""Charts drawn: Plotly for the screen, Matplotlib for papers, one HTML page for sending around."""
