# expect: {"status": ["runtime_error"], "exit_code": 1, "within_ms": 4000, "stdout_not": "ESCAPED"}
# There is nobody to type: the debugger meets the end of input at once.
breakpoint()
print("ESC" + "APED")
