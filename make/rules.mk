# How GNU make compiles; and what needs it: unit tables, fuzzers, doubles.

# the helpers need nothing but libc: they are exec'd at each login
$(BUILD)/helpers/%.o: helpers/%.c
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

include tests/unit/unit.mk
include tests/fuzz/fuzz.mk
include tests/priv/priv.mk

-include $(DAEMON:%.o=$(BUILD)/%.d) $(IMAPFETCH:%.o=$(BUILD)/%.d)
