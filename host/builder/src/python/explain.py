"""python3 explain.py LOG: what componentize-py said, the traceback in the words of the project."""

import re
import sys

# The project's files are at /0, its packages at /1.
text = open(sys.argv[1]).read()
found = re.search(r"AssertionError: (Traceback .*?)\n\n\nCaused by", text, re.S)
if not found:
    sys.exit(f"error: {text.strip()}")
frames = re.split(r'(?m)^(?=  File |\S)', found[1])
kept = [frame for frame in frames if not re.match(r'  File "(/0/stepcell/|<frozen)', frame)]
said = re.sub(r'"/[01]/([^"]*)"', r'"\1"', "".join(kept[1:])).rstrip()
said = said.replace("stepcell._errors.ConfigurationError: ", "")
# Of syntax as `scan.py` tells it.
syntax = re.search(r'  File "(.*)", line (\d+)\n((?:    .*\n)+)(?:Syntax|Indentation|Tab)Error: (.*)$', said)
if syntax:
    file, line, place, why = syntax.groups()
    sys.exit(print(f"{file}:{line}: {why}\n{place.rstrip()}"))
said = said if "  File " in said else said.removeprefix("Traceback (most recent call last):\n")
print(f"error: top-level code failed\n{said}" if "  File " in said else f"error: {said}")
