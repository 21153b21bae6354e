# otelshim: every flag and target, once. `make help` lists the targets.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib/otelshim
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man/man1
COMPDIR  ?= $(PREFIX)/share/bash-completion/completions
INCDIR   ?= $(PREFIX)/include
BUILD    ?= build
CC       ?= gcc
SAN      ?=
JOBS     ?= $(shell nproc)

WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wvla -Wundef -Wformat=2 -Werror
CFLAGS   ?= -O2 -g
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE $(CFLAGS) $(SAN) -fPIC -fvisibility=hidden -fno-plt \
            -fno-omit-frame-pointer -fno-semantic-interposition $(WARN) \
            -DOTELSHIM_VERSION='"$(VERSION)"' -Ishim -Iconfig -Iexporter -I$(BUILD)/gen -MMD -MP
LDFLAGS_SO := -shared -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,-z,nodelete \
            -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,-Bsymbolic-functions -Wl,-O1 $(SAN)

# No old-style initialisers, which stand at the two ends of the code and do nothing here.
LDFLAGS_START := -Wl,-init=none -Wl,-fini=none

SHIM_SRC := $(sort $(wildcard shim/*.c shim/*/*.c config/*.c))
SHIM_ASM := $(sort $(wildcard shim/*/*.S))
EXP_SRC  := $(sort $(wildcard exporter/*.c exporter/*/*.c))
CLI_SRC  := $(sort $(wildcard cli/*.c))
MAN      := $(sort $(wildcard docs/man/*.1))
PROTO    := $(sort $(wildcard exporter/otlp/*.proto))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
PROG_SRC := $(sort $(wildcard tests/programs/*.c))

# First of all what every process runs at its start, see shim/layout.h.
START_SRC := $(addprefix config/,arena.c env.c policy.c run_id.c settle.c urls.c values.c) \
             $(addprefix shim/,elf_object.c init.c real.c registry.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter %.c,$(1))) $(patsubst %.S,$(BUILD)/obj/%.o,$(filter %.S,$(1)))
SHIM_OBJ := $(call obj,$(START_SRC) $(filter-out $(START_SRC),$(SHIM_SRC)) $(SHIM_ASM))
GEN_SRC  := $(patsubst exporter/otlp/%.proto,$(BUILD)/gen/%.pb-c.c,$(PROTO))
GEN_OBJ  := $(GEN_SRC:.c=.o)
EXP_OBJ  := $(call obj,$(EXP_SRC)) $(GEN_OBJ)
# The command prints trees with the exporter's own code.
TREE_SRC := exporter/record.c exporter/utf8.c exporter/transport/text_buffer.c \
            $(addprefix exporter/transport/console_,collected.c line.c tree.c)
# It checks the configuration with the shim's own, and speaks libcurl as the exporter does.
CHECK_SRC := $(wildcard config/*.c) $(addprefix shim/,sdk/sampler.c sdk/rules.c proto/http_attrs.c proto/routes.c) \
            $(addprefix exporter/transport/,curl.c aws.c)
# And it reads the spool.
SPOOL_SRC := $(addprefix shim/spool/,directory.c leftover.c cut_off.c liveness.c place.c recovery.c) shim/sdk/process_names.c
CLI_OBJ  := $(call obj,$(CLI_SRC) $(TREE_SRC) $(CHECK_SRC) $(SPOOL_SRC))
# Units link what they use out of an archive; hooks would replace the test's own libc.
UNIT_OBJ := $(filter-out $(BUILD)/obj/shim/hooks/% $(SHIM_ASM:%.S=$(BUILD)/obj/%.o) $(BUILD)/obj/shim/init.o $(BUILD)/obj/shim/registry.o,$(SHIM_OBJ)) \
    $(addprefix $(BUILD)/obj/cli/,export_clients.o export_client_identity.o)

# A sanitizer's options travel inside the objects: programs may clear their environment.
ifneq ($(findstring address,$(SAN)),)
SHIM_OBJ += $(BUILD)/obj/tests/asan_options.o
CLI_OBJ += $(BUILD)/obj/tests/asan_options.o
endif
# criterion does not start under ThreadSanitizer: see tests/tsan/criterion.
UNIT_LIBS := -lcriterion
ifneq ($(findstring thread,$(SAN)),)
UNIT_CFLAGS := -Itests/tsan
UNIT_OPTIONS := $(BUILD)/obj/tests/tsan/options.o
UNIT_LIBS := $(UNIT_OPTIONS) -lm
SHIM_OBJ += $(UNIT_OPTIONS)
endif
ifneq ($(findstring profile-instr,$(SAN)),)
SHIM_OBJ += $(BUILD)/obj/tests/coverage_guest.o
EXP_OBJ += $(BUILD)/obj/tests/coverage_guest.o
LDFLAGS_SO += -Wl,--wrap=setenv,--wrap=__llvm_profile_initialize
endif

SHIM := $(BUILD)/libotelshim.so
EXPORTER := $(BUILD)/libotelshim-exporter.so
CLI := $(BUILD)/otelshim

.DEFAULT_GOAL := all
.PHONY: all help deps demo test unit unit-programs faults soak fuzz fuzz-programs libfuzzer-programs e2e interop transparency asan tsan coverage bench bench-http bench-scale bench-peers bench-programs install uninstall format lint clean programs

all: $(SHIM) $(EXPORTER) $(CLI) ## builds the two objects and the command

help: ## lists the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

$(SHIM): $(SHIM_OBJ) $(BUILD)/libyaml.a $(BUILD)/gen/layout.ld
	$(CC) $(LDFLAGS_SO) $(LDFLAGS_START) -Wl,-soname,libotelshim.so -o $@ $(filter-out %.ld,$^) \
	    -Wl,-T,$(BUILD)/gen/layout.ld -l:libpcre2-8.a

# The rest of shim/layout.h.
$(BUILD)/gen/layout.ld: shim/request.order scripts/layout.sh
	@mkdir -p $(@D)
	scripts/layout.sh $< >$@
$(SHIM_OBJ): SECTIONS := -ffunction-sections

# libyaml as it is, but with memory and assertions of ours: config/yaml_memory.h.
$(BUILD)/libyaml.a:
	@mkdir -p $(@D)
	objcopy $(foreach f,malloc realloc free strdup,--redefine-sym $(f)=otelshim_yaml_$(f)) \
	    --redefine-sym __assert_fail=otelshim_yaml_assert $$($(CC) -print-file-name=libyaml.a) $@

$(EXPORTER): $(EXP_OBJ)
	$(CC) $(LDFLAGS_SO) -Wl,-soname,libotelshim-exporter.so -o $@ $^ -l:libprotobuf-c.a -l:libz.a

$(CLI): $(CLI_OBJ) $(BUILD)/libyaml.a
	$(CC) $(SAN) -o $@ $^ -l:libpcre2-8.a

# dlsym comes by here before AddressSanitizer is there to check it: it asks for functions itself.
$(addprefix $(BUILD)/obj/shim/,real.o elf_object.o registry.o hooks/loader.o): UNCHECKED := -fno-sanitize=all
$(BUILD)/obj/%.o: %.c | $(GEN_SRC)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SECTIONS) $(UNCHECKED) -c -o $@ $<

# The way of a span, the bytes of a connection and the smallest hooks: three instructions less per function, and
# registers are saved only where a hook has something to do.
$(addprefix $(BUILD)/obj/shim/sdk/,span.o notes.o) $(BUILD)/obj/shim/context/context.o $(BUILD)/obj/shim/worker.o \
$(BUILD)/obj/shim/api.o $(BUILD)/obj/shim/api_span.o \
$(addprefix $(BUILD)/obj/shim/conn/,conn.o exchange.o exchange_attrs.o pool.o stream.o tls_session.o write.o) \
$(addprefix $(BUILD)/obj/shim/context/,request.o carried.o) \
$(addprefix $(BUILD)/obj/shim/conn/,exchange_context.o peer.o) $(addprefix $(BUILD)/obj/shim/proto/,http_attrs.o routes.o) \
$(addprefix $(BUILD)/obj/shim/,open_mark.o ring.o worker_thread.o spool/journal.o) \
$(addprefix $(BUILD)/obj/exporter/,main.o batch.o record.o otlp/protobuf.o otlp/shape.o otlp/span.o transport/delivery.o) \
$(addprefix $(BUILD)/obj/shim/proto/http1,.o _body.o _fields.o _scan.o _whole.o) \
$(BUILD)/obj/shim/hooks/sqlite.o: \
    ALL_CFLAGS += -fomit-frame-pointer

$(BUILD)/obj/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/gen/%.pb-c.c: exporter/otlp/%.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=exporter/otlp --c_out=$(BUILD)/gen $<

# Make would take them for intermediate, and remove them.
.SECONDARY: $(GEN_SRC)

# Generated code is not held to our warnings.
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(CC) -O2 -g -fPIC -fvisibility=hidden $(SAN) -I$(BUILD)/gen -c -o $@ $<

$(BUILD)/unit.a: $(UNIT_OBJ) $(EXP_OBJ) Makefile | $(BUILD)/libyaml.a
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)

UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/unit.a $(UNIT_OPTIONS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) $(filter-out -fvisibility=hidden,$(ALL_CFLAGS)) -Wno-unused-parameter -Wno-gnu-variable-sized-type-not-at-end -Wno-string-concatenation -o $@ $< $(BUILD)/unit.a \
	    $(UNIT_LIBS) $(BUILD)/libyaml.a -l:libpcre2-8.a -l:libprotobuf-c.a -l:libz.a -lpthread

# Fuzz targets twice: to run their corpus once (make test), and by libFuzzer (make fuzz).
REPLAY_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(FUZZ_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
FUZZ_LINK = $(filter-out -fvisibility=hidden,$(ALL_CFLAGS)) -Itests/unit -Wno-missing-prototypes -o $@ \
    $< $(filter %.o,$^) $(BUILD)/unit.a $(BUILD)/libyaml.a -l:libpcre2-8.a -l:libprotobuf-c.a -l:libz.a -lpthread
$(BUILD)/replay.o: tests/fuzz/replay.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/replay/%: tests/fuzz/%.c $(BUILD)/replay.o $(BUILD)/unit.a
	@mkdir -p $(@D)
	$(CC) $(FUZZ_LINK)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/unit.a
	@mkdir -p $(@D)
	$(CC) -fsanitize=fuzzer $(FUZZ_LINK)

PROG_BIN := $(patsubst tests/programs/%.c,$(BUILD)/programs/%,$(PROG_SRC)) \
            $(patsubst tests/programs/%.cc,$(BUILD)/programs/%,$(wildcard tests/programs/*.cc))
# Plugins: the documented example, and those of the tests.
PLUGIN_BIN := $(patsubst %.c,$(BUILD)/programs/%.so,$(notdir $(wildcard docs/examples/*.c tests/plugins/*.c)))
programs: $(PROG_BIN) $(PLUGIN_BIN) ## builds the small programs that the end-to-end tests run
# A program may name libraries on its first line: /* libs: -lcurl */
$(BUILD)/programs/%: tests/programs/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g -MMD -MP -Wall -Werror -Ishim -o $@ $< $$(sed -n '1s,^/\* libs: \(.*\) \*/$$,\1,p' $<) -lpthread
PLUGIN = $(CC) -std=gnu11 -O1 -g -shared -fPIC -Wall -Werror -Iexporter -o $@ $<
$(BUILD)/programs/%.so: docs/examples/%.c exporter/otelshim_exporter.h
	@mkdir -p $(@D)
	$(PLUGIN)
$(BUILD)/programs/%.so: tests/plugins/%.c exporter/otelshim_exporter.h
	@mkdir -p $(@D)
	$(PLUGIN)
$(BUILD)/programs/%: tests/programs/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 -O1 -g -MMD -MP -Wall -Werror -Ishim -o $@ $< $$(sed -n '1s,^/\* libs: \(.*\) \*/$$,\1,p' $<) -lpthread

deps: ## installs by apt what is missing to build, test and check
	@scripts/deps.sh demo test lint

demo: ## traces curl, sqlite3 and python3 against a local web server
	@scripts/deps.sh demo
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@BUILD=$(BUILD) scripts/demo.sh

test: ## runs every test; ends with `N passed, N failed, N skipped`
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs unit-programs fuzz-programs $(BUILD)/exports-list
	@BUILD=$(BUILD) scripts/test.sh

unit-programs: $(UNIT_BIN)
fuzz-programs: $(REPLAY_BIN)
libfuzzer-programs: $(FUZZ_BIN)

unit: $(UNIT_BIN) ## runs the unit tests
	@BUILD=$(BUILD) scripts/test.sh unit

e2e: ## runs the end-to-end cases that have a long form: 20,000 requests, 10,000 connections, 1 GB
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs
	@BUILD=$(BUILD) scripts/test.sh long

faults: ## everything that can fail around a program, in its long form (half an hour), with a table
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs
	@BUILD=$(BUILD) scripts/test.sh every-fault

soak: ## fifty million spans through one process: memory and descriptors stay as they are
	@scripts/deps.sh test bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs bench-programs
	@OTELSHIM_BUILD=$(BUILD) tests/faults/soak

interop: all ## sends to real back ends (needs go, mvn, java): the Collector, Zipkin
	@scripts/deps.sh test
	@OTELSHIM_BUILD=$(BUILD) tests/interop/run

# A night's work: an hour and more. What is fetched and built is kept in build/transparency.
transparency: ## other people's test suites, bare and under the shim, compared test by test
	@scripts/deps.sh transparency
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@OTELSHIM_BUILD=$(BUILD) tests/transparency/check
	@OTELSHIM_BUILD=$(BUILD) tests/transparency/run

# Units have the whole of AddressSanitizer. End to end the programs stay as they are: there the
# shim's and exporter's own stack, globals and arithmetic are checked, see tests/e2e/harness.py.
# CPython's tests have all of it: the run-time comes before libc, and what malloc gives is watched.
asan: ## runs units, end-to-end tests and some of CPython's under AddressSanitizer and UBSan
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=build/asan CFLAGS='-O1 -g' \
	    SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-restrict' all programs unit-programs
	@BUILD=build/asan OTELSHIM_SANITIZED=1 scripts/test.sh unit e2e
	@OTELSHIM_BUILD=build/asan OTELSHIM_ASAN=$$($(CC) -print-file-name=libasan.so) \
	    tests/transparency/run --short -k '^cpython'

# ThreadSanitizer does not know fences (gcc says so at each, hence -Wno-tsan): what one thread hands to
# another by a fence alone would be reported. Nothing here is, they stand between atomics.
# End to end those programs that have threads, or change what the shim does with its own, and that the
# run-time's own thread does not keep alive. Its functions stand between ours and libc's (harness.py).
TSAN_CASES := ^(sqlite_(many|connections|forms|shell)|curl_multi_.*|api_spans.*|threads_come_and_go|dns_every_function|ends_by_(exit|return|_exit|_Exit))$$
tsan: ## runs the units, and programs with threads, under ThreadSanitizer
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=build/tsan CFLAGS='-O1 -g' \
	    SAN='-fsanitize=thread -Wno-tsan' all programs unit-programs
	@BUILD=build/tsan scripts/test.sh unit
	@OTELSHIM_BUILD=build/tsan OTELSHIM_SANITIZED=1 OTELSHIM_TSAN=$$($(CC) -print-file-name=libtsan.so.2) \
	    tests/e2e/run -k '$(TSAN_CASES)'

# The counters lie in files mapped by every process that runs our code (%c): there they are safe from
# kill, _exit and exec, nothing is written at an end, and no process leaves a file of its own (%m).
coverage: ## line coverage of shim, exporter, config and cli by all tests, file by file
	@scripts/deps.sh test coverage
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=build/coverage CC=clang \
	    CFLAGS='-O1 -g -mllvm -runtime-counter-relocation' \
	    SAN='-fprofile-instr-generate=$(CURDIR)/build/coverage/raw/%m%c.profraw -fcoverage-mapping' \
	    all programs unit-programs fuzz-programs
	@BUILD=build/coverage scripts/coverage.sh

# A program of the benchmarks names on its first line what it is linked with:
# /* link: -static */; `unit` is the shim's own objects.
BENCH_BIN := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/unit.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $< $$(sed -n '1s,^/\* link: \(.*\) \*/$$,\1,p' $< | \
	    sed 's,^unit$$,$(BUILD)/unit.a $(BUILD)/libyaml.a -l:libpcre2-8.a -l:libprotobuf-c.a -l:libz.a -lpthread,')

bench: ## measures what tracing costs: one table (docs/BENCHMARKS.md)
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all bench-programs
	@BUILD=$(BUILD) tests/bench/run
	@$(MAKE) --no-print-directory -s bench-http

bench-http: ## the part of it that loads servers
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs bench-programs
	@BUILD=$(BUILD) tests/bench/http

bench-scale: ## how the cost grows with threads, connections, rate and size
	@scripts/deps.sh bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs bench-programs
	@BUILD=$(BUILD) tests/bench/scale

bench-peers: ## beside OpenTelemetry's own instrumentations (from PyPI, npm, Maven) on the same work
	@scripts/deps.sh bench peers
	@$(MAKE) --no-print-directory -s -j$(JOBS) all programs bench-programs
	@BUILD=$(BUILD) tests/bench/peers/run
	@BUILD=$(BUILD) tests/bench/scale

bench-programs: $(BENCH_BIN)

# SECONDS of CPU for each of TARGETS; what is found lies in build/fuzz, the corpus stays as it is.
fuzz: SECONDS = 60
fuzz: ## runs fuzz targets (TARGETS, all) under ASan and UBSan for SECONDS (60) of CPU each
	@scripts/deps.sh fuzz
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=build/fuzz CC=clang CFLAGS='-O1 -g' \
	    SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' libfuzzer-programs
	@BUILD=build/fuzz scripts/fuzz.sh $(SECONDS) $(TARGETS)

install: all ## copies objects to LIBDIR, command to BINDIR, manual and completion
	install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR) $(DESTDIR)$(COMPDIR)
	install -m 644 $(MAN) $(DESTDIR)$(MANDIR)
	install -m 644 cli/completion.bash $(DESTDIR)$(COMPDIR)/otelshim
	install -m 755 $(SHIM) $(EXPORTER) $(DESTDIR)$(LIBDIR)
	install -m 755 $(CLI) $(DESTDIR)$(BINDIR)
	install -d $(DESTDIR)$(INCDIR)
	install -m 644 shim/otelshim.h exporter/otelshim_exporter.h $(DESTDIR)$(INCDIR)

uninstall: ## removes what install copied
	rm -f $(DESTDIR)$(LIBDIR)/$(notdir $(SHIM)) $(DESTDIR)$(LIBDIR)/$(notdir $(EXPORTER))
	rm -f $(DESTDIR)$(BINDIR)/$(notdir $(CLI)) $(addprefix $(DESTDIR)$(INCDIR)/,otelshim.h otelshim_exporter.h)
	rm -f $(DESTDIR)$(COMPDIR)/otelshim $(addprefix $(DESTDIR)$(MANDIR)/,$(notdir $(MAN)))
	-rmdir $(DESTDIR)$(LIBDIR) 2>/dev/null

format: ## lays out every C file by .clang-format
	@scripts/format.sh

lint: ## clang build, clang-tidy, cppcheck, layout and script checks
	@scripts/deps.sh lint
	@JOBS=$(JOBS) scripts/lint.sh

# The shim's objects and a main that prints the registry: what tests/exports.sh compares with.
$(BUILD)/exports-list: tests/exports/list.c $(SHIM_OBJ) | $(BUILD)/libyaml.a
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(BUILD)/libyaml.a -l:libpcre2-8.a

clean: ## removes everything built
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/transparency -prune -o -name '*.d' -print 2>/dev/null)
