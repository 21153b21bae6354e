"""N requests to URL by urllib. Prints CPU ns of this process before the first."""
import sys
import time
import urllib.request

print(time.process_time_ns(), flush=True)
for _ in range(int(sys.argv[1])):
    with urllib.request.urlopen(sys.argv[2]) as answer:
        answer.read()
