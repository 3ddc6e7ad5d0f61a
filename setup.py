"""Build the extension; everything that is not about compiling is in pyproject.toml.

Environment variables:

MINNET_PURE=1
    Install without the extension: minnet then runs on NumPy alone.
MINNET_DEBUG=1
    Check bounds in Cython code, compile without optimization.
MINNET_NO_OPENMP=1
    Leave OpenMP out even where the compiler has it.
MINNET_SANITIZE=1
    Compile with AddressSanitizer and UndefinedBehaviorSanitizer; `make sanitize` does it in a copy.
"""

import os
import platform
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError

PURE = os.environ.get("MINNET_PURE", "0") not in ("", "0")
DEBUG = os.environ.get("MINNET_DEBUG", "0") not in ("", "0")
NO_OPENMP = os.environ.get("MINNET_NO_OPENMP", "0") not in ("", "0")
SANITIZE = os.environ.get("MINNET_SANITIZE", "0") not in ("", "0")

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

PACKAGES = ["minnet", "minnet.*"] + ([] if PURE else ["minnet_ext"])
PACKAGE_DATA = {"minnet": ["py.typed"]}
KERNELS = Path("minnet_ext/kernels")

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
    """Compile level.c once for each CPU level and link the objects into `_runtime`."""

    def build_extensions(self):
        self.msvc = self.compiler.compiler_type == "msvc"
        try:
            self.try_link("int main(void) { return 0; }")
        except (CCompilerError, ExecError, OSError) as error:
            raise SystemExit(NO_COMPILER.format(error=error)) from None
        self.add_openmp()
        levels = self.levels()
        for extension in self.extensions:
            extension.extra_compile_args += self.common_flags()
            extension.extra_link_args += SANITIZERS if SANITIZE else []
            extension.define_macros += [("MINNET_DEBUG", str(int(DEBUG)))]
            extension.define_macros += [(f"MINNET_HAVE_{level.upper()}", "1") for level in levels]
            if extension.name == "minnet_ext._shapeset" and not self.msvc:  # as in compile_levels
                extension.extra_compile_args += ["-ffp-contract=off"]
        super().build_extensions()

    def build_extension(self, extension):
        if extension.name == "minnet_ext._runtime":
            extension.extra_objects = self.compile_levels()
        super().build_extension(extension)

    def common_flags(self):
        if self.msvc:
            return ["/O2"]
        if SANITIZE:
            return ["-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
        return ["-std=c11", "-O0" if DEBUG else "-O3", "-g" if DEBUG else "-g0"]

    def levels(self):
        """The CPU levels to compile, each with its flags."""
        levels = {"scalar": ["-DMINNET_SCALAR"]}
        if self.msvc:
            return levels
        levels["baseline"] = []
        v3 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
        if is_x86_64() and self.works(
            'int main(void) { __builtin_cpu_init(); return __builtin_cpu_supports("avx2"); }', v3
        ):
            levels["v3"] = v3
            levels["v4"] = [*v3, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
        return levels

    def compile_levels(self):
        # errno and trapping are promises of sqrt that nothing here uses. Contraction of a * b + c to
        # FMA is what makes training fast, but would make the bits of a draw depend on the CPU.
        loose = [] if self.msvc else ["-fno-math-errno", "-fno-trapping-math"]
        sources = {
            "level.c": [] if self.msvc else ["-ffp-contract=off"],
            "training.c": self.openmp if self.msvc else ["-ffp-contract=fast", *self.openmp],
        }
        objects = []
        for level, flags in self.levels().items():
            for source, own in sources.items():
                objects += self.compiler.compile(
                    [str(KERNELS / source)],
                    output_dir=os.path.join(self.build_temp, level),
                    macros=[("MINNET_LEVEL", level)],
                    extra_postargs=self.common_flags() + loose + own + flags,
                )
        return objects

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
                self.compiler.link_executable(
                    objects, "probe", libraries=list(libraries), extra_postargs=list(link_args)
                )
            finally:
                os.chdir(here)


def is_x86_64():
    """Whether the build is for x86-64 (a macOS build may be for another CPU than this one)."""
    target = os.environ.get("ARCHFLAGS") or sysconfig.get_platform()
    if "arm64" in target or "universal2" in target:
        return False
    return platform.machine().lower() in ("x86_64", "amd64")


def extensions():
    if PURE:
        return []
    from Cython.Build import cythonize

    headers = [str(file) for file in sorted(KERNELS.glob("*.[ch]"))]
    modules = [
        Extension(
            f"minnet_ext.{name}",
            [f"minnet_ext/{name}.pyx"],
            include_dirs=[str(KERNELS)],
            depends=[*headers, "minnet_ext/_runtime.pxd"],
        )
        for name in ("_runtime", "_random", "_shapeset", "_train")
    ]
    return cythonize(modules, compiler_directives=DIRECTIVES, build_dir="build/cython", force=DEBUG)


setup(
    packages=find_packages(include=PACKAGES),
    package_data=PACKAGE_DATA,
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildKernels},
)
