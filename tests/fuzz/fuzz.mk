# The fuzz harnesses: `make fuzz` builds them with clang and runs each for T
# seconds, beginning with the seeds of tests/fuzz/corpus/NAME. What it finds
# on the way stays in build-fuzz/corpus. `make fuzz FUZZ=smtp T=600` is one
# of them for longer.

T	= 10
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
FUZZ	= $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_BUILD = build-fuzz
FUZZ_OBJ = $(PURE) $(PURE_IMAP) order.o helpers/fd3.o helpers/reply.o helpers/introspection.o \
	imap/answer.o
FUZZ_CC	= clang -std=c17 $(WARN) $(CPPFLAGS_ALL) -O1 -g \
	-fno-omit-frame-pointer -fno-sanitize-recover=undefined
FUZZ_FLAGS = -max_total_time=$(T) -timeout=10 -rss_limit_mb=1024 \
	-print_final_stats=0 -verbosity=0

fuzz: $(FUZZ:%=fuzz-%)

fuzz-programs: $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)

$(FUZZ:%=fuzz-%): fuzz-%: $(FUZZ_BUILD)/fuzz_%
	@mkdir -p $(FUZZ_BUILD)/corpus/$* tests/fuzz/corpus/$*
	$< $(FUZZ_FLAGS) \
	    `test ! -f tests/fuzz/fuzz_$*.dict || \
	    echo -dict=tests/fuzz/fuzz_$*.dict` \
	    -artifact_prefix=$(FUZZ_BUILD)/fuzz_$*- \
	    $(FUZZ_BUILD)/corpus/$* tests/fuzz/corpus/$*

$(FUZZ_BUILD)/pure.a: $(FUZZ_OBJ:%=$(FUZZ_BUILD)/%)
	rm -f $@
	ar rcs $@ $(FUZZ_OBJ:%=$(FUZZ_BUILD)/%)

$(FUZZ_BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_BUILD)/pure.a
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(PKG_CFLAGS) -o $@ $< \
	    $(FUZZ_BUILD)/pure.a $(FUZZ_LIBS)

$(FUZZ_BUILD)/fuzz_introspection: FUZZ_LIBS = `pkg-config --libs jansson`

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined $(PKG_CFLAGS) \
	    -MMD -c -o $@ $<

.PHONY: fuzz fuzz-programs $(FUZZ:%=fuzz-%)
.SECONDARY: $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)

-include $(FUZZ_OBJ:%.o=$(FUZZ_BUILD)/%.d)
