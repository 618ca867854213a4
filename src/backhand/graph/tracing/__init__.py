"""How a trace works: tracers and their tape, stand-ins for NumPy's functions, objects lifted and put back."""
