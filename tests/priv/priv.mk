# Doubles for tests/e2e/fences.t: the real daemon and the real imapfetch, but
# that the test can seize their processes. `make priv` builds them thrice into
# $(BUILD)/tests-priv: fenced, with no fence at all (open), and without the
# lists of system calls (bare).

PRIV	= $(BUILD)/tests-priv
PRIV_OBJ = $(PRIV)/puppet.o $(PRIV)/acts.o
# the role's file, the function in it, the name under which the double has it
PRIV_DAEMON = $(PRIV)/attack_session.o $(PRIV)/attack_relay.o \
	$(PRIV)/session.o $(PRIV)/relay.o $(PRIV_OBJ) \
	$(filter-out session.o relay.o $(FENCE),$(DAEMON))
PRIV_FETCH = $(PRIV)/attack_imapfetch.o $(PRIV)/imapfetch.o $(PRIV_OBJ) \
	$(filter-out imapfetch.o $(FENCE),$(IMAPFETCH))
# none of the own objects has $(BUILD) before it yet
PRIV_IN	= $(patsubst %,$(BUILD)/%,$(filter-out $(PRIV)/%,$(1))) \
	$(filter $(PRIV)/%,$(1))
PRIV_FENCE_fenced = $(FENCE:%=$(BUILD)/%)
PRIV_FENCE_open = $(PRIV)/no_fence.o
PRIV_FENCE_bare = $(BUILD)/sandbox/linux.o $(BUILD)/sandbox/landlock.o \
	$(PRIV)/no_seccomp.o
PRIV_KINDS = fenced open bare

priv: $(PRIV_KINDS:%=$(PRIV)/%/smtpsubmitd) $(PRIV_KINDS:%=$(PRIV)/%/imapfetch) \
	$(PRIV_KINDS:%=$(PRIV)/%/auth-reply) \
	$(PRIV_KINDS:%=$(PRIV)/%/checkcertificate) \
	$(PRIV_KINDS:%=$(PRIV)/%/checkpassword-file)

$(PRIV)/session.o: $(BUILD)/session.o
	@mkdir -p $(@D)
	objcopy --redefine-sym session_main=real_session_main $< $@

$(PRIV)/relay.o: $(BUILD)/relay.o
	@mkdir -p $(@D)
	objcopy --redefine-sym envelope_commands=attack_commands \
	    --redefine-sym transfer_body=attack_body $< $@

$(PRIV)/imapfetch.o: $(BUILD)/imapfetch.o
	@mkdir -p $(@D)
	objcopy --redefine-sym imap_url_parse=attack_url_parse \
	    --redefine-sym setresuid=attack_setresuid $< $@

$(PRIV)/%.o: tests/priv/%.c
	@mkdir -p $(@D)
	$(COMPILE) $(PKG_CFLAGS) -MMD -c -o $@ $<

define PRIV_RULES
$(PRIV)/$(1)/smtpsubmitd: $(call PRIV_IN,$(PRIV_DAEMON)) $(PRIV_FENCE_$(1))
	@mkdir -p $$(@D)
	$(LINK) -o $$@ $$^ $(PKG_LIBS)

$(PRIV)/$(1)/imapfetch: $(call PRIV_IN,$(PRIV_FETCH)) $(PRIV_FENCE_$(1))
	@mkdir -p $$(@D)
	$(LINK) -o $$@ $$^ `pkg-config --libs libcurl libbsd-overlay libseccomp`

$(PRIV)/$(1)/%: $(BUILD)/%
	@mkdir -p $$(@D)
	cp $$< $$@
endef
$(foreach kind,$(PRIV_KINDS),$(eval $(call PRIV_RULES,$(kind))))

.PHONY: priv
.SECONDARY: $(PRIV_DAEMON) $(PRIV_FETCH)

-include $(wildcard $(PRIV)/*.d)
