# `make coverage`: which lines and branches the tests reach, see run.

COV	= build-cov
COV_FLAGS = -O0 -g --coverage -fprofile-update=atomic -fdata-sections \
	-fno-builtin-fork -fno-builtin-execve
COV_LINK = $(CURDIR)/$(COV)/counters.o -Wl,--build-id=sha1 \
	-Wl,--wrap=__gcov_exit -Wl,-T,$(CURDIR)/tests/coverage/counters.ld

coverage: $(COV)/counters.o
	$(MAKE) BUILD=$(COV) CC=gcc HARDEN= LDHARDEN= FENCE=sandbox/null.o \
	    CFLAGS='$(COV_FLAGS)' LDFLAGS='$(COV_LINK)' all units priv
	PARSERS='$(PURE) $(PURE_IMAP)' tests/coverage/run $(COV) $(TESTS)

$(COV)/counters.o: tests/coverage/counters.c
	@mkdir -p $(@D)
	gcc -std=c17 $(WARN) -D_GNU_SOURCE -O2 -c -o $@ $< \
	    -DCOUNTERS='"$(CURDIR)/$(COV)/counters"'

# The programs of tests/run-valgrind.
valgrind-programs:
	$(MAKE) BUILD=build-valgrind HARDEN= LDHARDEN= FENCE=sandbox/null.o \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer' all units

valgrind: valgrind-programs
	tests/run-valgrind $(TESTS)

.PHONY: coverage valgrind valgrind-programs
