# Builds myrun, netplug and mymgr. `make help` lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
# Objects, programs and test images all go below BUILD.
BUILD ?= build
SANITIZE ?=
VERSION := 0.1.0

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
OPTIMIZE ?= -O2

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wundef \
            -Wvla -Wpointer-arith -Wwrite-strings
CFLAGS_ALL := -std=gnu17 $(OPTIMIZE) -g $(WARNINGS) -fno-common -fstack-protector-strong \
              -ffunction-sections -fdata-sections -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
              -DVERSION='"$(VERSION)"' -DPREFIX='"$(PREFIX)"' \
              $(shell $(PKG_CONFIG) --cflags libnl-3.0) $(CFLAGS)
LDFLAGS_ALL := -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now $(LDFLAGS)

ifneq ($(SANITIZE),)
# A sanitized program cannot be static, and needs its frames for readable reports.
# Once: `test` and `demo` call make again with the BUILD they have.
ifeq ($(filter %/sanitize,$(BUILD)),)
override BUILD := $(BUILD)/sanitize
endif
OPTIMIZE := -O1
CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -DSANITIZE=1
LDFLAGS_ALL += -fsanitize=$(SANITIZE)
STATIC :=
else
CFLAGS_ALL += -D_FORTIFY_SOURCE=2
STATIC := -static
# myrun begins before libc does, where self_entry.c knows how.
ifneq ($(filter x86_64-% aarch64-%,$(shell $(CC) -dumpmachine)),)
RUNTIME_ENTRY := -Wl,-e,self_entry
endif
endif

ifneq ($(V),1)
Q := @
endif

BIN := $(BUILD)/bin
LIBEXEC := $(BUILD)/libexec
PLUGINS := bandwidth bridge dnsname firewall host-device host-local loopback macvlan portmap ptp static tuning
IMAGES := $(BUILD)/share/mymgr/images

sources = $(sort $(wildcard $(foreach room,$(1),$(room)/*.c $(room)/*/*.c)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))

LIB_OBJECTS := $(call objects,lib)
SPEC_OBJECTS := $(call objects,spec)
# runtime/systemd is a program of its own: libsystemd cannot be linked into a static one.
SYSTEMD_OBJECTS := $(filter $(BUILD)/obj/runtime/systemd/%,$(call objects,runtime))
RUNTIME_OBJECTS := $(filter-out $(SYSTEMD_OBJECTS),$(call objects,runtime))
NETPLUG_OBJECTS := $(call objects,netplug)
MANAGER_OBJECTS := $(call objects,manager)
BASE := $(BUILD)/libspec.a $(BUILD)/libbase.a

RUNTIME_ENTRY ?=
RUNTIME_LIBS := -lseccomp -lcap -lyajl
NETPLUG_LIBS := -lnl-3 -lresolv -lyajl
MANAGER_LIBS := -larchive -lcrypto -lcap -lyajl
ifneq ($(STATIC),)
RUNTIME_LIBS := -lseccomp -lcap -l:libyajl_s.a
# libnl-3 can look names of hosts and protocols up; netplug never does, and is a tenth smaller without glibc's part in it.
NETPLUG_LIBS := $(foreach function,getaddrinfo getnameinfo getprotobyname getprotobynumber,-Wl,--defsym=$(function)=abort) \
                -lnl-3 -lresolv -l:libyajl_s.a
# The shared libarchive loads libxml2, ICU and the C++ runtime for formats mymgr never reads: five times the start-up.
# libcrypto's name resolution and engines, which ld warns of, are not used.
MANAGER_LIBS := -Wl,--no-warnings -larchive -lcrypto -lcap -l:libyajl_s.a -lnettle -lacl -llzma -lzstd -llz4 -lbz2 -lz
endif

.PHONY: all runtime netplug manager image demo install uninstall test test-programs fuzz fuzz-programs unit-test lint lint-format lint-cppcheck lint-tidy format conformance bench clean help deps
.DELETE_ON_ERROR:

all: runtime netplug manager image ## build everything into build/
runtime: $(BIN)/myrun $(LIBEXEC)/myrun/systemd ## build myrun alone
netplug: $(BIN)/netplug $(addprefix $(LIBEXEC)/netplug/,$(PLUGINS)) ## build netplug and its plugin links
manager: $(BIN)/mymgr ## build mymgr alone
image: $(IMAGES)/busybox.tar ## make the default image from Debian's busybox-static

$(BUILD)/libbase.a: $(LIB_OBJECTS)
$(BUILD)/libspec.a: $(SPEC_OBJECTS)
$(BUILD)/lib%.a:
	@echo "  AR      $@"
	@rm -f $@
	$(Q)$(AR) qcs $@ $^

$(BIN)/myrun: $(RUNTIME_OBJECTS) $(BASE)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(STATIC) $(RUNTIME_ENTRY) -o $@ $^ $(RUNTIME_LIBS)

$(LIBEXEC)/myrun/systemd: $(SYSTEMD_OBJECTS) $(BUILD)/libbase.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(shell $(PKG_CONFIG) --libs libsystemd) -lyajl

$(BIN)/netplug: $(NETPLUG_OBJECTS) $(BASE)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(STATIC) -o $@ $^ $(NETPLUG_LIBS)

$(BIN)/mymgr: $(MANAGER_OBJECTS) $(BASE)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(STATIC) -o $@ $^ $(MANAGER_LIBS)

$(LIBEXEC)/netplug/%: $(BIN)/netplug
	@mkdir -p $(@D)
	$(Q)ln -sfn ../../bin/netplug $@

$(IMAGES)/busybox.tar: bundles/busybox-image.sh
	@mkdir -p $(@D)
	@echo "  IMAGE   $@"
	$(Q)sh $< $@

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(SPEC_OBJECTS) $(RUNTIME_OBJECTS) $(SYSTEMD_OBJECTS) $(NETPLUG_OBJECTS) $(MANAGER_OBJECTS))

# Unit tests: one program a file in tests/unit, named after the module it tests.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/*_test.c)))
# What a unit test may link beside lib and spec: the rooms without their main.
UNIT_OBJECTS := $(filter-out %/main.o,$(RUNTIME_OBJECTS) $(MANAGER_OBJECTS) $(NETPLUG_OBJECTS))

$(BUILD)/libunit.a: $(UNIT_OBJECTS)

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libunit.a $(BASE)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -o $@ $< $(BUILD)/libunit.a $(BASE) \
		-lcmocka -larchive -lcrypto -lyajl -lseccomp -lcap -lnl-3 -lresolv

-include $(addsuffix .d,$(UNIT_TESTS))

unit-test: $(UNIT_TESTS) ## run the C unit tests alone
	$(Q)for t in $(UNIT_TESTS); do $$t || exit 1; done

# Fuzz targets: one program a file tests/fuzz/NAME_fuzz.c, with clang's libFuzzer, over the same rooms as the unit tests.
FUZZ_CC ?= clang
comma := ,
FUZZ_TIME ?= 60
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' \
               -DPREFIX='"$(PREFIX)"' -DSANITIZE=1 -Werror -Wno-gnu-variable-sized-type-not-at-end -fsanitize=address,undefined -fno-sanitize-recover=all \
               $(shell $(PKG_CONFIG) --cflags libnl-3.0)
FUZZ_OBJECTS := $(patsubst $(BUILD)/obj/%,$(BUILD)/fuzz/obj/%,$(LIB_OBJECTS) $(SPEC_OBJECTS) $(UNIT_OBJECTS))
FUZZ_SHARED := $(BUILD)/fuzz/obj/tests/fuzz/fuzz.o $(BUILD)/fuzz/obj/tests/fuzz/mutate.o

# Apart, because mymgr's link_delete() is another.
$(BUILD)/libfuzz_netplug.a: $(filter $(BUILD)/fuzz/obj/netplug/%,$(FUZZ_OBJECTS))
$(BUILD)/libfuzz.a: $(filter-out $(BUILD)/fuzz/obj/netplug/%,$(FUZZ_OBJECTS))
FUZZ_LIBRARIES := $(BUILD)/libfuzz_netplug.a $(BUILD)/libfuzz.a

$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  FUZZ-CC $<"
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# These meet a kernel of their own (tests/fuzz/kernel.h).
FUZZ_KERNEL := $(BUILD)/fuzz/netlink $(BUILD)/fuzz/plugin
$(FUZZ_KERNEL): $(BUILD)/fuzz/obj/tests/fuzz/kernel.o
$(FUZZ_KERNEL): FUZZ_WRAP = $(addprefix -Wl$(comma)--wrap=,$(sort $(shell grep -o '__wrap_[a-z0-9_]*' tests/fuzz/kernel.c | sed 's/__wrap_//')))

$(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/%_fuzz.o $(FUZZ_SHARED) $(FUZZ_LIBRARIES)
	@echo "  LD      $@"
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_WRAP) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(FUZZ_LIBRARIES) \
		-larchive -lcrypto -lyajl -lseccomp -lcap -lnl-3 -lresolv

.SECONDARY: $(FUZZ_SHARED) $(BUILD)/fuzz/obj/tests/fuzz/kernel.o $(patsubst $(BUILD)/fuzz/%,$(BUILD)/fuzz/obj/tests/fuzz/%_fuzz.o,$(FUZZ_TARGETS))
-include $(FUZZ_OBJECTS:.o=.d) $(FUZZ_SHARED:.o=.d) $(patsubst $(BUILD)/fuzz/%,$(BUILD)/fuzz/obj/tests/fuzz/%_fuzz.d,$(FUZZ_TARGETS))

fuzz-programs: $(FUZZ_TARGETS)

fuzz: fuzz-programs ## fuzz every target FUZZ_TIME seconds (60); what is found and learnt stays in build/fuzz
	$(Q)BUILD="$(abspath $(BUILD))" tests/fuzz/run.sh --seconds "$(FUZZ_TIME)" $(TARGETS)

test: ## install what is needed, build, and run every test; ends with "N passed, N failed"
	$(Q)sh tests/packages.sh all
	$(Q)$(MAKE) --no-print-directory BUILD="$(BUILD)" test-programs
	$(if $(or $(findstring fuzz,$(SUITES)),$(if $(SUITES),,all)),$(Q)$(MAKE) --no-print-directory BUILD="$(BUILD)" fuzz-programs || \
		echo "The fuzz targets cannot be built: see what tests/fuzz/fuzz.bats says of it.")
	$(Q)BUILD="$(abspath $(BUILD))" tests/run.sh $(SUITES)

test-programs: all $(UNIT_TESTS)

conformance: all ## run the test suites of runc, crun, Podman and Buildah against myrun and against runc and crun
	$(Q)BUILD="$(abspath $(BUILD))" tests/conformance/run.sh $(SUITES)

bench: all ## measure against crun, runc and the reference plugins
	$(Q)BUILD="$(abspath $(BUILD))" tests/bench/run.sh

deps: ## install what building and testing needs (Debian)
	$(Q)sh tests/packages.sh all

demo: ## install what is needed, build, and run the main job on the default image
	$(Q)sh tests/packages.sh build
	$(Q)$(MAKE) --no-print-directory BUILD="$(BUILD)" all
	$(Q)BUILD="$(abspath $(BUILD))" sh tests/demo.sh

C_FILES = $(call sources,lib spec runtime netplug manager) $(wildcard tests/unit/*.c tests/fuzz/*.c tests/helpers/*.c)
H_FILES = $(wildcard tests/fuzz/*.h lib/*.h spec/*.h runtime/*.h runtime/*/*.h netplug/*.h manager/*.h manager/*/*.h)

LINT_JOBS := $(shell nproc)

lint: lint-format lint-cppcheck lint-tidy ## clang-format, cppcheck and clang-tidy

lint-format:
	$(Q)clang-format --dry-run -Werror $(C_FILES) $(H_FILES)

lint-cppcheck:
	$(Q)cppcheck --quiet -j $(LINT_JOBS) --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
		--suppressions-list=.cppcheck --std=c11 -D_GNU_SOURCE -DVERSION='""' -DPREFIX='""' $(C_FILES)

lint-tidy:
	$(Q)printf '%s\n' $(C_FILES) | xargs -P $(LINT_JOBS) -n 6 sh -c 'clang-tidy --quiet "$$@" -- -std=gnu17 -D_GNU_SOURCE \
		-DVERSION="\"\"" -DPREFIX="\"\"" $(shell $(PKG_CONFIG) --cflags libnl-3.0) 2>/dev/null' clang-tidy

format: ## rewrite the sources with clang-format
	clang-format -i $(C_FILES) $(H_FILES)

install: all ## install below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/netplug $(DESTDIR)$(PREFIX)/share/mymgr/images
	install -m 755 $(BIN)/myrun $(BIN)/mymgr $(BIN)/netplug $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 $(LIBEXEC)/myrun/systemd $(DESTDIR)$(PREFIX)/libexec/myrun/systemd
	for p in $(PLUGINS); do ln -sfn ../../bin/netplug $(DESTDIR)$(PREFIX)/libexec/netplug/$$p; done
	install -m 644 $(IMAGES)/busybox.tar $(DESTDIR)$(PREFIX)/share/mymgr/images
	for m in docs/*.[1-8]; do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,myrun mymgr netplug)
	rm -rf $(DESTDIR)$(PREFIX)/libexec/netplug $(DESTDIR)$(PREFIX)/libexec/myrun $(DESTDIR)$(PREFIX)/share/mymgr
	for m in docs/*.[1-8]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done

clean: ## remove build/
	rm -rf $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
