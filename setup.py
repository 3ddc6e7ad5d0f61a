"""Build the extension; everything that is not about compiling is in pyproject.toml.

Environment variables:

MINNET_PURE=1
    Install without the extension: minnet then runs on NumPy alone.
MINNET_DEBUG=1
    Check bounds in Cython code, compile without optimization.
MINNET_NO_OPENMP=1
    Leave OpenMP out even where the compiler has it.
MINNET_LEVELS=v4
    Compile the kernels for this CPU level alone (or several: "v3,v4") and for "scalar": what a change of
    a kernel is tried with; `make kernels` does it in place.
MINNET_SANITIZE=1
    Compile with AddressSanitizer and UndefinedBehaviorSanitizer; `make sanitize` does it in a copy.
"""

import importlib.util
import os
import re
import shlex
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

PURE = os.environ.get("MINNET_PURE", "0") not in ("", "0")
DEBUG = os.environ.get("MINNET_DEBUG", "0") not in ("", "0")
NO_OPENMP = os.environ.get("MINNET_NO_OPENMP", "0") not in ("", "0")
LEVELS = [name for name in os.environ.get("MINNET_LEVELS", "").split(",") if name]
SANITIZE = os.environ.get("MINNET_SANITIZE", "0") not in ("", "0")

# The instruction for products in bfloat16, which not every CPU of the level v4 has.
BF16 = ["-mavx512bf16"]

SANITIZERS = [
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=undefined,float-cast-overflow",
]

PACKAGES = ["minnet", "minnet.*"] + ([] if PURE else ["minnet_ext"])
PACKAGE_DATA = {
    "minnet": ["py.typed"],
    "minnet.playground": ["static/*", "static/texts/*"],  # the built page; its sources are in page/
}
KERNELS = Path("minnet_ext/kernels")
DECLARATIONS = [Path(f"minnet_ext/_{name}.pxd") for name in ("runtime", "program", "train")]

# All Cython directives of the project.
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    # No module has state that changes after its import, but for one cached CPU count.
    "freethreading_compatible": True,
}

NO_COMPILER = (
    "minnet's extension needs a working C compiler, and none was found ({error}). Install one, or "
    "install without the extension: MINNET_PURE=1 pip install ."
)


class BuildKernels(build_ext):
    """Compile the kernels once for each CPU level and width of number; link them into `_runtime`."""

    def build_extensions(self):
        self.msvc = self.compiler.compiler_type == "msvc"
        try:
            self.try_link("int main(void) { return 0; }")
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            raise SystemExit(NO_COMPILER.format(error=error)) from None
        self.add_openmp()
        levels, common = self.levels(), self.common_flags()
        for extension in self.extensions:
            extension.extra_compile_args += common
            extension.extra_link_args += SANITIZERS if SANITIZE else []
            extension.define_macros += [("MINNET_DEBUG", str(int(DEBUG)))]
            extension.define_macros += [(f"MINNET_HAVE_{level.upper()}", "1") for level in levels]
            if extension.name == "minnet_ext._shapeset" and not self.msvc:  # as in compile_levels
                extension.extra_compile_args += ["-ffp-contract=off"]
        super().build_extensions()

    def build_extension(self, extension):
        if extension.name == "minnet_ext._runtime":
            extension.extra_objects = self.compile_levels()
            extension.depends = [*extension.depends, *extension.extra_objects]
        told = [extension.extra_compile_args, extension.extra_link_args, extension.define_macros]
        stamp = Path(self.build_temp, extension.name + ".flags")
        force, self.force = self.force, self.force or changed(stamp, repr(told))
        super().build_extension(extension)
        self.force = force
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(repr(told))

    def common_flags(self):
        if self.msvc:
            return ["/O2", "/std:c11"]
        # The x87 unit, GCC's choice for 32 bits, rounds to 64 bits of fraction first.
        x87 = not self.is_for("__x86_64__") and self.is_for("__i386__")
        rounding = ["-msse2", "-mfpmath=sse"] if x87 else []
        if SANITIZE:
            return [*rounding, "-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
        return [*rounding, "-std=c11", "-O0" if DEBUG else "-O3", "-g" if DEBUG else "-g0"]

    def levels(self):
        """The CPU levels to compile, each with its flags."""
        levels = {"scalar": ["-DMINNET_SCALAR"]}
        self.bf16 = False
        if self.msvc:
            return levels
        levels["baseline"] = []
        # On Windows GCC spills wider vectors to where the stack is not aligned for them (its bug 54412).
        if self.compiler.compiler_type in ("mingw32", "cygwin"):
            return only_asked_for(levels)
        v3 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
        if self.is_for("__x86_64__") and self.works(
            'int main(void) { __builtin_cpu_init(); return __builtin_cpu_supports("avx2"); }', v3
        ):
            levels["v3"] = v3
            levels["v4"] = [*v3, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
            self.bf16 = self.works("int main(void) { return 0; }", [*levels["v4"], *BF16])
        return only_asked_for(levels)

    def compile_levels(self):
        """Compile what has changed, several units at a time; return the objects of all."""
        common = self.common_flags()  # before the threads: a probe changes the folder
        units = [
            (source, os.path.join(self.build_temp, level, width), defines, common + own + flags)
            for level, flags in self.levels().items()
            for source, width, defines, own in self.units(level)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda unit: self.compile_unit(*unit), units))

    def units(self, level):
        """Yield the sources of a level, each with its width, macros and flags."""
        # errno and trapping are promises of sqrt that nothing here uses. Contraction of a * b + c to
        # FMA is what makes training fast, but would make the bits of a draw depend on the CPU.
        loose = [] if self.msvc else ["-fno-math-errno", "-fno-trapping-math"]
        strict, fast = ([], []) if self.msvc else (["-ffp-contract=off"], ["-ffp-contract=fast"])
        name = ("MINNET_LEVEL", level)
        for bits in ("32", "64"):
            width = [name, ("REAL_BITS", bits)]
            known = [("MINNET_HAVE_BF16", "1")] if level == "v4" and self.bf16 else []
            yield "training.c", bits, width + known, [*loose, *fast, *self.openmp]
            yield "draws.c", bits, width, loose + strict
        single = [name, ("REAL_BITS", "32")]
        yield "bf16.c", "32", single, [*loose, *strict]
        if level == "v4" and self.bf16:
            yield "bf16.c", "bf16", [*single, ("MINNET_BF16", "1")], [*loose, *strict, *BF16]
        yield "level.c", "", [name], []

    def compile_unit(self, source, folder, macros, flags):
        """Compile one file unless it, the headers it includes and the flags are those of the object."""
        path = str(KERNELS / source)
        (object_file,) = self.compiler.object_filenames([path], output_dir=folder)
        stamp = Path(object_file + ".flags")
        newest = max(file.stat().st_mtime for file in included(KERNELS / source))
        if (
            changed(stamp, repr((macros, flags)))
            or not os.path.exists(object_file)
            or os.path.getmtime(object_file) <= newest
        ):
            self.compiler.compile([path], output_dir=folder, macros=macros, extra_postargs=flags)
            stamp.write_text(repr((macros, flags)))
        return object_file

    def add_openmp(self):
        """Use OpenMP if a program with it compiles, links and is not switched off."""
        candidates = [([], ["-fopenmp"], ["-fopenmp"])]
        if self.msvc:
            candidates = [([], ["/openmp"], [])]
        elif sys.platform == "darwin":  # Apple's Clang, with libomp from elsewhere
            candidates = [(["omp"], ["-Xpreprocessor", "-fopenmp"], [])] + candidates
        self.openmp = []
        source = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
        for libraries, compile_args, link_args in [] if NO_OPENMP else candidates:
            if self.works(source, compile_args, link_args, libraries):
                self.openmp = compile_args
                for extension in self.extensions:
                    extension.extra_compile_args += compile_args
                    extension.extra_link_args += link_args
                    extension.libraries += libraries
                return
        print("minnet: built without OpenMP, its draws will use one thread", file=sys.stderr)

    def is_for(self, macro):
        """Whether the compiler builds for the CPU of a macro, which the platform need not name.

        On macOS it may build for two at once, and is then for neither.
        """
        refused = f"#ifndef {macro}\n#error not for {macro}: which is no fault\n#endif\n"
        return self.works(refused + "int main(void) { return 0; }")

    def works(self, source, compile_args=(), link_args=(), libraries=()):
        try:
            self.try_link(source, compile_args, link_args, libraries)
        except (CCompilerError, ExecError, OSError):
            return False
        return True

    def try_link(self, source, compile_args=(), link_args=(), libraries=()):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "probe.c"
            file.write_text(source + "\n")
            # an absolute path below output_dir would be repeated there: compile from the folder
            here = os.getcwd()
            os.chdir(folder)
            try:
                objects = self.compiler.compile(["probe.c"], extra_postargs=list(compile_args))
                # Setuptools gives LDFLAGS to shared libraries alone: where libomp is, on macOS.
                folders = [] if self.msvc else shlex.split(os.environ.get("LDFLAGS", ""))
                self.compiler.link_executable(
                    objects,
                    "probe",
                    libraries=list(libraries),
                    extra_preargs=folders,
                    extra_postargs=list(link_args),
                )
            finally:
                os.chdir(here)


def only_asked_for(levels):
    """Return the levels of MINNET_LEVELS, if it is set, and "scalar"."""
    if set(LEVELS) - set(levels):
        raise SystemExit(
            f"MINNET_LEVELS must be of {', '.join(levels)} with this compiler, got {LEVELS}"
        )
    return {name: levels[name] for name in levels if name in ("scalar", *(LEVELS or levels))}


def changed(stamp, text):
    """Whether a file does not hold the text."""
    return not stamp.exists() or stamp.read_text() != text


def included(file, found=None):
    """Return the file and the kernels' headers that it includes, directly or not."""
    found = set() if found is None else found
    if file not in found and file.exists():
        found.add(file)
        for name in re.findall(r'^ *# *include "(.+)"', file.read_text(), re.MULTILINE):
            included(KERNELS / name, found)
    return found


def write_table():
    """Write C's header and Cython's declarations of the one table, unless they are there."""
    spec = importlib.util.spec_from_file_location("formulas", "minnet/backends/formulas.py")
    formulas = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(formulas)
    for file, text in (
        (KERNELS / "program.h", formulas.c_header()),
        (Path("minnet_ext/_program.pxd"), formulas.pxd()),
    ):
        if changed(file, text):
            file.write_text(text)


def extensions():
    if PURE:
        return []
    from Cython.Build import cythonize

    write_table()
    modules = [
        Extension(
            f"minnet_ext.{name}",
            [f"minnet_ext/{name}.pyx"],
            include_dirs=[str(KERNELS)],
            depends=[*map(str, included(KERNELS / header)), *map(str, DECLARATIONS)],
        )
        for name, header in (
            ("_runtime", "startable.h"),
            ("_random", "table.h"),
            ("_shapeset", "table.h"),
            ("_train", "table.h"),
            ("_members", "table.h"),
            ("_predictor", "table.h"),
        )
    ]
    return cythonize(modules, compiler_directives=DIRECTIVES, build_dir="build/cython", force=DEBUG)


if __name__ == "__main__":  # tests load this file for what it says of compilers
    setup(
        packages=find_packages(include=PACKAGES),
        package_data=PACKAGE_DATA,
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildKernels},
    )
