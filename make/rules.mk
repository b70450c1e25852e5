# How GNU make compiles; and what needs it: unit tables, fuzzers, doubles.

$(BUILD)/helpers/introspection.o: CPPFLAGS += `pkg-config --cflags jansson`
$(BUILD)/helpers/checktoken-introspect.o: CPPFLAGS += `pkg-config --cflags libcurl`

# the helpers for passwords need nothing but libc: they are exec'd at each login
$(BUILD)/helpers/%.o: helpers/%.c
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

include tests/unit/unit.mk
include tests/fuzz/fuzz.mk
include tests/priv/priv.mk
include bench/bench.mk
include tests/coverage/coverage.mk

-include $(DAEMON:%.o=$(BUILD)/%.d) $(IMAPFETCH:%.o=$(BUILD)/%.d) \
	$(INTROSPECT:%.o=$(BUILD)/%.d) $(CHECKCERT:%.o=$(BUILD)/%.d)
