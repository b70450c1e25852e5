# The fuzz harnesses: `make fuzz` builds them with clang and runs each for T
# seconds, beginning with the seeds of tests/fuzz/corpus/NAME and those that
# tests/fuzz/seeds makes of the dialogues. What it finds on the way stays in
# build-fuzz/corpus. `make fuzz FUZZ=smtp T=600` is one of them for longer;
# tests/fuzz/long runs all of them for hours, tests/fuzz/short for seconds.

T	= 10
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
FUZZ	= $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_BUILD = build-fuzz
FUZZ_OBJ = $(PURE) $(PURE_IMAP) order.o helpers/fd3.o helpers/reply.o helpers/introspection.o \
	imap/answer.o
FUZZ_KEYS = base/tlskeys.o base/pss.o base/proof.o base/secret.o
FUZZ_CC	= clang -std=c17 $(WARN) $(CPPFLAGS_ALL) -O1 -g \
	-fno-omit-frame-pointer -fno-sanitize-recover=undefined
FUZZ_FLAGS = -max_total_time=$(T) -timeout=10 -rss_limit_mb=1024 \
	-print_final_stats=0 -verbosity=0

fuzz: $(FUZZ:%=fuzz-%)

fuzz-programs: $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)

fuzz-seeds: $(FUZZ_BUILD)/seeds/made

$(FUZZ_BUILD)/seeds/made: tests/fuzz/seeds $(wildcard tests/smtp/*)
	rm -rf $(@D)
	python3 tests/fuzz/seeds $(@D)
	@touch $@

$(FUZZ:%=fuzz-%): fuzz-%: $(FUZZ_BUILD)/fuzz_% fuzz-seeds
	@mkdir -p $(FUZZ_BUILD)/corpus/$* $(FUZZ_BUILD)/seeds/$*
	$< $(FUZZ_FLAGS) \
	    `test ! -f tests/fuzz/fuzz_$*.dict || \
	    echo -dict=tests/fuzz/fuzz_$*.dict` \
	    -artifact_prefix=$(FUZZ_BUILD)/fuzz_$*- \
	    $(FUZZ_BUILD)/corpus/$* $(FUZZ_BUILD)/seeds/$* \
	    `test ! -d tests/fuzz/corpus/$* || echo tests/fuzz/corpus/$*`

$(FUZZ_BUILD)/pure.a: $(FUZZ_OBJ:%=$(FUZZ_BUILD)/%)
	rm -f $@
	ar rcs $@ $(FUZZ_OBJ:%=$(FUZZ_BUILD)/%)

$(FUZZ_BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_BUILD)/pure.a
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(PKG_CFLAGS) -o $@ $< \
	    $(FUZZ_BUILD)/pure.a $(FUZZ_LIBS)

# whole roles: their files are built with what is in role.h, see there
ROLE_SESSION = session.o arrival.o errands.o settings.o base/log.o
ROLE_RELAY = relay.o nexthop.o envelope.o parameters.o pending.o transfer.o delivery.o \
	mta/client.o mta/hello.o mta/login.o mta/body.o base/log.o
ROLE_MONITOR = monitor.o crowd.o login.o broker.o fetcher.o origin.o probe.o \
	auth.o helper.o standing.o verdict.o base/log.o
ROLE_CC	= $(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined $(PKG_CFLAGS)

ROLES	= $(FUZZ_BUILD)/fuzz_session $(FUZZ_BUILD)/fuzz_relay \
	$(FUZZ_BUILD)/fuzz_imap_fetch $(FUZZ_BUILD)/fuzz_monitor
$(FUZZ_BUILD)/fuzz_session: ROLE = $(ROLE_SESSION:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_session: $(ROLE_SESSION:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_relay: ROLE = $(ROLE_RELAY:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_relay: $(ROLE_RELAY:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_monitor: ROLE = $(ROLE_MONITOR:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_monitor: $(ROLE_MONITOR:%=$(FUZZ_BUILD)/role/%)
$(FUZZ_BUILD)/fuzz_imap_fetch: ROLE = $(FUZZ_BUILD)/role/imap/fetch.o
$(FUZZ_BUILD)/fuzz_imap_fetch: $(FUZZ_BUILD)/role/imap/fetch.o

$(FUZZ_BUILD)/fuzz_session: $(wildcard tests/fuzz/session_*)
$(FUZZ_BUILD)/fuzz_relay: $(wildcard tests/fuzz/relay_*)
$(FUZZ_BUILD)/fuzz_monitor: $(wildcard tests/fuzz/monitor_*)

$(ROLES): $(FUZZ_BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_BUILD)/pure.a \
	    $(FUZZ_BUILD)/role/edges
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(PKG_CFLAGS) -o $@ \
	    $(filter %.c,$^) \
	    $(FUZZ_BUILD)/role/role.o $(FUZZ_BUILD)/role/first.o $(ROLE) \
	    $(FUZZ_BUILD)/role/last.o $(FUZZ_BUILD)/pure.a \
	    `pkg-config --libs libbsd-overlay`

$(FUZZ_BUILD)/role/edges: tests/fuzz/role.c tests/fuzz/role_edge.c \
	    tests/fuzz/role.h
	@mkdir -p $(@D)
	$(ROLE_CC) -DEDGE=role_first -c -o $(@D)/first.o tests/fuzz/role_edge.c
	$(ROLE_CC) -DEDGE=role_last -c -o $(@D)/last.o tests/fuzz/role_edge.c
	$(ROLE_CC) -c -o $(@D)/role.o tests/fuzz/role.c
	@touch $@

$(FUZZ_BUILD)/role/%.o: %.c tests/fuzz/role.h
	@mkdir -p $(@D)
	$(ROLE_CC) -DIN_ROLE -fno-zero-initialized-in-bss \
	    -include tests/fuzz/role.h -MMD -c -o $@ $<

# it includes that, to have its calls fail
$(FUZZ_BUILD)/fuzz_maildir: mta/maildir.c mta/maildir.h
$(FUZZ_BUILD)/fuzz_introspection: FUZZ_LIBS = `pkg-config --libs jansson`
$(FUZZ_BUILD)/fuzz_keys: $(FUZZ_KEYS:%=$(FUZZ_BUILD)/%)
$(FUZZ_BUILD)/fuzz_keys: FUZZ_LIBS = $(FUZZ_KEYS:%=$(FUZZ_BUILD)/%) \
	`pkg-config --libs libcrypto libbsd-overlay`

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined $(PKG_CFLAGS) \
	    -MMD -c -o $@ $<

.PHONY: fuzz fuzz-programs fuzz-seeds $(FUZZ:%=fuzz-%)
.SECONDARY: $(FUZZ:%=$(FUZZ_BUILD)/fuzz_%)

-include $(FUZZ_OBJ:%.o=$(FUZZ_BUILD)/%.d)
