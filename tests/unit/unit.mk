# The unit tables: `make units` builds them, each is a program of its own in
# $(BUILD)/tests. They are linked against all that is pure, by an archive, so
# that each takes what it needs.

UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT	= $(UNIT_SRC:tests/unit/test_%.c=%)
UNIT_OBJ = $(PURE) $(PURE_IMAP) base/pss.o order.o helpers/fd3.o helpers/reply.o helpers/introspection.o \
	imap/answer.o

units: $(UNIT:%=$(BUILD)/tests/%)

$(BUILD)/tests/pure.a: $(UNIT_OBJ:%=$(BUILD)/%)
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $(UNIT_OBJ:%=$(BUILD)/%)

$(BUILD)/tests/%: tests/unit/test_%.c $(BUILD)/tests/pure.a
	@mkdir -p $(@D)
	$(COMPILE) $(PKG_CFLAGS) -MMD -MF $@.d -c -o $@.o $<
	$(LINK) -o $@ $@.o $(BUILD)/tests/pure.a $(UNIT_LIBS)

$(BUILD)/tests/introspection: UNIT_LIBS = `pkg-config --libs jansson`
$(BUILD)/tests/pss: UNIT_LIBS = `pkg-config --libs libcrypto`

.PHONY: units

-include $(UNIT:%=$(BUILD)/tests/%.d)
