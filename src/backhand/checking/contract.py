"""What a layer owes its neighbours, besides the right gradient: each promise is one small experiment.

What breaks a promise is a row of the table of causes, under these ids, with these facts for its sentence (all strings;
``line`` is the user's line as ``file.py:12`` or ""):

=======================  ==========  ===========================================================================
id                       verdict     facts
=======================  ==========  ===========================================================================
writes-dout              fragile     line, gradient: backward writes into the upstream gradient
writes-input             fragile     line, name, phase: forward or backward writes into an input
writes-parameter         fragile     line, name, phase: into a parameter, without being an update
second-backward          fragile     gradient, size: backward called twice after one forward gives something else
accumulates              wrong       gradient: a second forward and backward adds to the first's gradient
overwrites-fan-out       fragile     gradient: a gradient handed out earlier changes when the layer runs again
not-linear-in-dout       wrong       gradient: backward(2 dout) isn't 2 backward(dout), or 0 doesn't give 0
stale-state              fragile     gradient, size: what an earlier forward left behind changes the gradient
stale-shape              fragile     gradient, error: another batch size after the first one fails or goes wrong
not-deterministic        fragile     size: forward gives something else for the same input
cached-alias             fragile     name, gradient: forward keeps the caller's array; a later write changes the gradient
one-sample               wrong       error, gradient: right for a batch, fails or is wrong for one sample
overflow                 fragile     phase, scale, warning, line: inputs of +-50 or +-800 overflow
not-finite               fragile     phase, scale, gradient: ... and give inf or NaN
float32-widened          fragile     name: float32 in, float64 out
float32-inaccurate       fragile     gradient, size: float32 loses far more than rounding
shape-differs            wrong       gradient, given, expected: right but for its shape
missing-gradient         wrong       gradient: backward gives None for it, or nothing
crash                    wrong       phase, error, line: the code raises
=======================  ==========  ===========================================================================
"""
