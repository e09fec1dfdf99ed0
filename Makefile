# SPDX-License-Identifier: MIT
# The commands that people type; the building itself is CMake's (CMakeLists.txt), into build/.
#
#   make                       the library, the command, the examples
#   make demo [DATA=FILE.csv]  installs what is missing, builds, trains the three example programs, shows their curves
#   make test                  installs what is missing, runs all tests (STAGES="main clang": only these)
#   make bench                 times Keratin beside its peers, which make bench-peers installs
#   make bench-logs            the same for writing and reading logs
#   make install PREFIX=DIR    copies the library, the headers and the command
#   make fuzz SECONDS=60       feeds damaged files to the readers; needs Clang
#   make format                formats the lines changed since the last commit; needs clang-format
#   make clean                 removes what was built; the bench's peers, slow to download, stay
BUILD ?= build
PREFIX ?= /usr/local
SECONDS ?= 60

.PHONY: all demo test bench bench-logs bench-peers install fuzz format clean
.NOTPARALLEL:

all:
	@tools/install-deps build formats
	@tools/make-tree "$(BUILD)" $(CMAKE_FLAGS)

demo: all
	@tools/demo.sh "$(BUILD)" "$(DATA)"

test:
	@tools/test $(STAGES)

bench: CMAKE_FLAGS += -DKT_BENCH=ON
bench: all
	@python3 bench/run.py --build "$(BUILD)"

bench-logs: CMAKE_FLAGS += -DKT_BENCH=ON
bench-logs: all
	@python3 bench/logs.py --build "$(BUILD)"

bench-peers:
	@sh bench/peers/install.sh "$(BUILD)"

install: all
	@cmake --install "$(BUILD)" --prefix "$(PREFIX)"

fuzz:
	@tools/install-deps build formats clang
	@tools/fuzz "$(BUILD)/fuzz" "$(SECONDS)"

format:
	@tools/install-deps format
	@git clang-format --force --extensions c,h,cpp HEAD

clean:
	@[ ! -d "$(BUILD)" ] || find "$(BUILD)" -mindepth 1 -maxdepth 1 ! -name 'peers-*' ! -name bench -exec rm -rf {} +
