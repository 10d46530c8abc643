"""What the Python clients of the interop suite share; see README.md."""
import os
import signal
import sys

BASE = int(os.environ["BASE_MS"])
LARGE = b"x" * 2_000_000


def record(i):
    return f"key-{i}".encode(), b"" if i % 5 == 0 else f"value-{i}".encode(), [("n", str(i).encode())], BASE + i


def line(offset, timestamp, key, value, headers):
    fields = [str(offset), str(timestamp), key.decode(), value.decode()]
    fields += [f"{k}={v.decode()}" for k, v in headers or []]
    print("\t".join(fields))


class Leaving:
    """Is true once the process was asked to end."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, *_):
        self.asked = True

    def __bool__(self):
        return self.asked


def say(*words):
    print(*words, flush=True)


def main(codecs, create, produce, consume, errors, member):
    a = sys.argv[1:]
    if a[0] == "codecs":
        print(codecs)
    elif a[1] == "create":
        create(a[0], a[2])
    elif a[1] == "produce":
        produce(a[0], a[2], a[3], int(a[4]), int(a[5]))
    elif a[1] == "consume":
        consume(a[0], a[2], a[3], int(a[4]))
    elif a[1] == "errors":
        errors(a[0], a[2])
    elif a[1] == "member":
        member(a[0], a[2], a[3], a[4], a[5])
    else:
        sys.exit(f"unknown word {a[1]}")
