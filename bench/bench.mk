# The measurements of bench/README.md. Their programs are no part of `all`.

BENCH_PROGRAMS = load flood sink floor link

bench-programs: all $(BENCH_PROGRAMS:%=$(BUILD)/bench/%)

bench: bench-programs
	tests/packages bench
	bench/run

bench-quick: bench-programs
	bench/run quick

# tests/load: a thousand sessions for ten minutes, then floods; an hour of
# everything
load: bench-programs
	tests/packages check
	tests/load/run --crowd 1000 --minutes 10 --floods 10

soak: bench-programs
	tests/packages check
	tests/load/run --soak 60

$(BUILD)/bench/load: $(BUILD)/bench/load.o $(BUILD)/bench/options.o \
    $(BUILD)/bench/client.o $(BUILD)/bench/wire.o $(BUILD)/bench/tally.o $(BUILD)/bench/content.o
	$(LINK) -o $@ $^ `pkg-config --libs libssl libcrypto`

$(BUILD)/bench/flood: $(BUILD)/bench/flood.o $(BUILD)/bench/wire.o
	$(LINK) -o $@ $^ `pkg-config --libs libssl libcrypto`

$(BUILD)/bench/sink: $(BUILD)/bench/sink.o $(BUILD)/bench/content.o
	$(LINK) -o $@ $^

$(BUILD)/bench/floor: $(BUILD)/bench/floor.o
	$(LINK) -o $@ $^ `pkg-config --libs libtls`

$(BUILD)/bench/link: $(BUILD)/bench/link.o
	$(LINK) -o $@ $^

.PHONY: bench bench-programs bench-quick load soak

-include $(wildcard $(BUILD)/bench/*.d)
