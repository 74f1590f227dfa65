# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import gc
import sys

# The bootstrap's frames are this process's own: there must be nothing in them worth having.
texts = []
frame = sys._getframe()
while frame:
    texts += [repr(frame.f_locals)[:200000], repr(list(frame.f_globals.values()))[:200000]]
    frame = frame.f_back
texts += [repr(thing)[:20000] for thing in gc.get_objects()[:3000] if type(thing) is tuple]
bad = [word for word in ("learnflow-sand" + "box-", "cgro" + "up/", "/va" + "r/", "/ro" + "ot") if any(word in text for text in texts)]
print("ESCAPED:" if bad else "CONTAINED: nothing of the host", bad)
