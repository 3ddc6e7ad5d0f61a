"""Compile the kernels with another compiler, as setup.py would, and the program that serves them.

``python tests/emulation/build.py build/aarch64 aarch64-linux-gnu-gcc`` writes build/aarch64/serve and the
names of the CPU levels that it has. The compiler may be several words, as ``gcc -m32``.
"""

import importlib.util
import sys
from pathlib import Path

from setuptools import Distribution, Extension
from setuptools.command.build_ext import new_compiler


def load_setup():
    spec = importlib.util.spec_from_file_location("setup", "setup.py")
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    return setup


def main(folder, *compiler):
    setup = load_setup()
    setup.write_table()
    command = setup.BuildKernels(Distribution())
    command.msvc, command.build_temp = False, folder
    command.compiler = new_compiler(compiler="unix")
    words = list(compiler)
    command.compiler.set_executables(compiler=words, compiler_so=words, linker_exe=words)
    linked = Extension("serve", [])
    command.extensions = [linked]
    command.add_openmp()
    objects = command.compile_levels()
    levels = command.levels()
    macros = [(f"MINNET_HAVE_{level.upper()}", "1") for level in levels]
    objects += command.compiler.compile(
        ["tests/emulation/serve.c"],
        output_dir=folder,
        macros=macros,
        include_dirs=[str(setup.KERNELS)],
        extra_postargs=command.common_flags() + linked.extra_compile_args,
    )
    command.compiler.link_executable(
        objects,
        str(Path(folder, "serve")),
        libraries=["m"],
        extra_postargs=linked.extra_link_args,
    )
    print(*levels)


if __name__ == "__main__":
    main(*sys.argv[1:])
