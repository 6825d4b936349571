"""Charts of the marts, as PNG. A chart is one select and one picture; catalog.py lists them."""
