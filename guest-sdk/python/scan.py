"""Which interfaces and exports a project's component has: read from its modules, none of which is run.

    python3 scan.py FOLDER [PACKAGES]

prints `{"imports": [...], "exports": [...], "warnings": [...], "errors": [...]}`. It begins at `FOLDER/handler.py` and follows imports to modules in
FOLDER and in PACKAGES, where the project's requirements are installed. Needs Python 3.10 and nothing else."""

import ast
import json
import pathlib
import re
import sys

# The Python that runs the modules.
INSIDE = (3, 14)
MENTION = re.compile(
    r"^[ \t]*(?:from[ \t]+[.\w]+[ \t]+)?import[ \t]+(?:\([^)]*\)|[^\n;#]+)|\b[a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)+", re.MULTILINE
)
CAPABILITIES = {"fetch": "fetch", "key_value": "key-value", "secrets": "secrets"}
EXPORTS = {"on_error": "on-error", "compensate": "compensate"}
# Modules that ask for the time or for chance when something in them is called.
SYSTEM = set("gzip random sched secrets statistics tarfile tempfile time timeit zipfile".split())
# Those of which only some names do, which a module that imports them must mention.
PARTLY_SYSTEM = {"datetime": {"now", "today", "utcnow"}, "uuid": {"uuid1", "uuid4", "uuid6", "uuid7"}, "os": {"urandom"}}
# Modules that are there and cannot do what they are for.
USELESS = {
    **dict.fromkeys("socket ssl socketserver http.client http.server urllib.request ftplib smtplib imaplib poplib xmlrpc.client".split(),
                    "a component has no sockets; use `stepcell.fetch`"),
    **dict.fromkeys("_thread concurrent.futures multiprocessing".split(), "a component has no threads and no processes; use a map step"),
    "asyncio": "a component has no event loop; a handler is an ordinary function",
    "subprocess": "a component starts no programs",
}


class Scan:
    """What was found so far."""

    def __init__(self, folder, packages):
        self.folder, self.packages = folder, packages
        self.imports, self.exports, self.warnings, self.errors = {"context", "log"}, set(), [], []
        self.seen = set()

    def file(self, path, package):
        """Reads a module once."""
        if path in self.seen:
            return
        self.seen.add(path)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            # Packages carry files for other versions of Python.
            if self.is_own(path) and sys.version_info < INSIDE:
                Module(self, path, package).read(mentioned(path.read_text("utf-8", "replace")))
            elif self.is_own(path):
                line = (error.text or "").rstrip()
                self.errors.append(f"{self.shown(path)}:{error.lineno}:{error.offset}: {error.msg}\n    {line.strip()}")
            return
        Module(self, path, package).read(tree)

    def module(self, name, at, node):
        """Follows an import of a module by its full name."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            for root in (self.folder, self.packages):
                base = root and root.joinpath(*parts[:end])
                if base and base.with_suffix(".py").is_file():
                    self.file(base.with_suffix(".py"), ".".join(parts[: end - 1]))
                    break
                if base and (base / "__init__.py").is_file():
                    self.file(base / "__init__.py", ".".join(parts[:end]))
                    break
        self.note_system(name)
        useless = USELESS.get(name)
        if useless and self.is_own(at):
            self.warnings.append(f"{self.shown(at)}:{node.lineno}: `{name}`: {useless}")

    def needs(self, name, at, node):
        """An import that is always reached: without its module nothing works."""
        first = name.partition(".")[0]
        if self.is_own(at) and not self.is_there(first):
            self.errors.append(f"{self.shown(at)}:{node.lineno}: no module named `{first}`; add its package to requirements.txt")

    def note_system(self, name):
        """Whether a module asks for the time or for chance."""
        if name.partition(".")[0] in SYSTEM:
            self.imports.add("system")

    def is_there(self, name):
        """Whether a top-level module is the project's, a package's or Python's own."""
        roots = [root for root in (self.folder, self.packages) if root]
        is_found = any((root / f"{name}.py").is_file() or (root / name).is_dir() for root in roots)
        return is_found or name in sys.stdlib_module_names or name == "stepcell"

    def is_own(self, path):
        """Whether a file is the project's own."""
        return self.folder in path.parents and not (self.packages and self.packages in path.parents)

    def shown(self, path):
        """A file as the project names it."""
        return path.relative_to(self.folder) if self.is_own(path) else path


class Module(ast.NodeVisitor):
    """One module: what it imports, what of the SDK it mentions."""

    def __init__(self, scan, path, package):
        self.scan, self.path, self.package = scan, path, package
        self.names = {}
        self.partly = set()

    def read(self, tree):
        """Imports first: a name may be used above the place that binds it."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imported(alias.name, alias)
                    bound = alias.asname or alias.name.partition(".")[0]
                    self.names[bound] = alias.name if alias.asname else bound
            elif isinstance(node, ast.ImportFrom):
                self.imported_from(node)
            elif isinstance(node, ast.Call):
                self.imported_by_call(node)
        # What is imported in a function, under a condition or in a `try` may never be.
        for node in tree.body:
            for name, place in self.modules(node):
                self.scan.needs(name, self.path, place)
        self.visit(tree)

    def imported(self, name, node):
        """`import name`."""
        self.partly.update({name} & PARTLY_SYSTEM.keys())
        if name.partition(".")[0] == "stepcell":
            self.used(name)
        else:
            self.scan.module(name, self.path, node)

    def imported_from(self, node):
        """`from module import names`."""
        module = self.origin(node)
        self.partly.update({module} & PARTLY_SYSTEM.keys())
        for alias in node.names:
            full = f"{module}.{alias.name}" if module else alias.name
            self.names[alias.asname or alias.name] = full
            if module.partition(".")[0] == "stepcell":
                self.used(full)
            self.maybe_system(alias.name)
        for name, place in self.modules(node):
            self.scan.module(name, self.path, place)

    def origin(self, node):
        """The full name of what `from ... import` names."""
        module = node.module or ""
        if not node.level:
            return module
        parts = self.package.split(".") if self.package else []
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, module] if module else parts)

    def modules(self, node):
        """The full names of the modules that a statement imports, without the SDK's, and the place of each."""
        found = []
        if isinstance(node, ast.Import):
            found = [(alias.name, alias) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = self.origin(node)
            fulls = [f"{module}.{alias.name}" if module else alias.name for alias in node.names]
            # Only where it is a module: a function is no reason to complain.
            found = [(name, node) for name in (module, *filter(self.is_module, fulls))]
        return [(name, place) for name, place in found if name and name.partition(".")[0] != "stepcell"]

    def imported_by_call(self, node):
        """`importlib.import_module("name")`, `__import__("name")`."""
        named = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if named in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
            self.imported(str(node.args[0].value), node)

    def is_module(self, full):
        """Whether there is a file for it, or it is one of those that matter here."""
        parts = full.split(".")
        roots = [root for root in (self.scan.folder, self.scan.packages) if root]
        bases = [root.joinpath(*parts) for root in roots]
        return full in USELESS or any(base.with_suffix(".py").is_file() or (base / "__init__.py").is_file() for base in bases)

    def visit_Attribute(self, node):
        """`stepcell.fetch`, `sc.on_error`, `os.urandom`."""
        full = self.full(node)
        if full.startswith("stepcell."):
            self.used(full)
        self.maybe_system(node.attr)
        self.generic_visit(node)

    def maybe_system(self, name):
        """A name of a module that asks for the time or for chance only by some of its names."""
        if any(name in PARTLY_SYSTEM[module] for module in self.partly):
            self.scan.imports.add("system")

    def full(self, node):
        """The dotted name that an expression stands for, as far as imports say."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            base = self.full(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def used(self, full):
        """Something of the SDK is mentioned."""
        part = full.split(".")[1] if "." in full else ""
        if part in CAPABILITIES:
            self.scan.imports.add(CAPABILITIES[part])
        if part in EXPORTS:
            self.scan.exports.add(EXPORTS[part])


def mentioned(text):
    """The imports and dotted names in a module whose syntax may be newer than this Python: what it has of its own is read as well as
    it goes, and whether it is sound is found when the component imports it."""
    found = ast.Module([], [])
    for match in re.finditer(MENTION, text):
        try:
            tree = ast.parse(match[0].strip())
        except SyntaxError:
            continue
        body = ast.increment_lineno(tree, text.count("\n", 0, match.start())).body
        # What is indented may never be reached.
        found.body += [ast.If(ast.Constant(True), body, [])] if match[0][:1].isspace() else body
    return found


def main():
    """Prints what was found; fails where something is wrong."""
    folder = pathlib.Path(sys.argv[1]).resolve()
    packages = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    scan = Scan(folder, packages)
    scan.file(folder / "handler.py", "")
    found = {"imports": sorted(scan.imports), "exports": sorted(scan.exports), "warnings": scan.warnings, "errors": scan.errors}
    print(json.dumps(found, indent=2))
    sys.exit(1 if scan.errors else 0)


if __name__ == "__main__":
    main()
