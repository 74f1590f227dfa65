# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os
import pickle


class Payload:
    def __reduce__(self):
        return os.system, ("echo ESCAPED; id; cat /etc/passwd",)


try:
    result = pickle.loads(pickle.dumps(Payload()))
except OSError as error:
    result = error
print("ESCAPED" if result == 0 else "CONTAINED: no shell", result)
