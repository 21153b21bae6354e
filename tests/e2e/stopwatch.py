"""How long something took, less the time for which this process, and so the machine, stood still meanwhile."""
import threading
import time

LOOK_S, LATE_S = 0.01, 0.05


class Stopwatch:
    """Runs from its making until its stop; `seconds` is without, `elapsed` with what it stood still."""

    def __init__(self):
        self.start, self.stood, self.over = time.monotonic(), 0.0, threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        last = time.monotonic()
        while not self.over.wait(LOOK_S):
            now = time.monotonic()
            if now - last > LATE_S:
                self.stood += now - last - LOOK_S
            last = now

    def stop(self):
        self.elapsed = time.monotonic() - self.start
        self.over.set()
        self.watcher.join()
        self.seconds = self.elapsed - self.stood
